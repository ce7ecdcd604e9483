import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxletters.evaluation.history import join_short_records


def record(step, examples, loss, **more):
    return {
        "step": step,
        "split": "train",
        "examples": examples,
        "loss": loss,
        "accuracy": 1 - loss,
        **more,
    }


def test_a_record_of_few_examples_joins_the_one_before():
    validation = {"step": 100, "split": "validation", "loss": 0.3, "accuracy": 0.9}
    first, few, second = record(95, 90, 0.5), record(100, 10, 1.0), record(195, 95, 0.2)
    joined, kept, last = join_short_records([first, few, validation, second])
    assert (kept, last) == (validation, second)
    assert joined == pytest.approx(record(100, 100, 0.55))


def test_records_of_two_stages_do_not_join():
    history = [record(95, 90, 0.5, stage=1), record(100, 10, 1.0, stage=2)]
    assert join_short_records(history) == history
    assert join_short_records([]) == []


def test_a_record_without_examples_spoils_no_other():
    history = [record(95, 90, 0.5), record(100, 0, math.nan)]
    assert join_short_records(history)[0] == history[0]


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 100), st.floats(0, 5)), min_size=1, max_size=20))
def test_joining_loses_no_example(drawn):
    history = [record(step, *values) for step, values in enumerate(drawn, 1)]
    found = join_short_records(history)
    assert found[-1]["step"] == len(history)
    for records in (history, found):
        assert sum(r["examples"] for r in records) == sum(n for n, _ in drawn)
        losses = sum(r["examples"] * r["loss"] for r in records)
        assert losses == pytest.approx(sum(n * loss for n, loss in drawn))

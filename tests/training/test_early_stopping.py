import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxletters.core.types import Progress
from jaxletters.training import early_stopping

# Few different values, so that equal ones and improvements by exactly `min_delta` occur.
values = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0, math.nan, -math.inf]) | st.floats(-1, 1)
sequences = st.lists(values, max_size=30)
deltas = st.sampled_from([0.0, 0.25, 0.1])


def remembered(metrics, min_delta):
    """What a list of evaluations, at steps 10, 20 ..., comes to: by a look at the whole of it."""
    count = len(metrics)
    numbers = [metric for metric in metrics if metric > -math.inf]
    best = max(numbers, default=-math.inf)
    best_step = 10 * (metrics.index(best) + 1) if numbers else -1
    # The first improvement over the start, the first of those after it that is over that one, ...
    levels = [(-1, -math.inf)]
    while later := [
        (i, metric)
        for i, metric in enumerate(metrics)
        if i > levels[-1][0] and metric > levels[-1][1] + min_delta
    ]:
        levels.append(later[0])
    index, level = levels[-1]
    return Progress(best, best_step, level, count - 1 - index, 10 * count)


def run(metrics, min_delta):
    progress = Progress()
    for i, metric in enumerate(metrics, start=1):
        progress = early_stopping.update(progress, metric, 10 * i, min_delta)
        yield progress


@pytest.mark.slow
@given(sequences, deltas)
def test_what_is_remembered_after_each_evaluation(metrics, min_delta):
    for count, progress in enumerate(run(metrics, min_delta), start=1):
        assert progress == remembered(metrics[:count], min_delta)


@pytest.mark.slow
@given(sequences, st.integers(1, 5))
def test_training_ends_after_so_many_evaluations_without_a_better_one(metrics, patience):
    trail = list(run(metrics, 0.0))
    for i, progress in enumerate(trail):
        recent = metrics[max(0, i + 1 - patience) : i + 1]
        before = [m for m in metrics[: i + 1 - patience] if not math.isnan(m)]
        high = max(before, default=-math.inf)
        no_better = i + 1 >= patience and not any(m > high for m in recent)
        assert early_stopping.exhausted(progress, patience) == no_better


@pytest.mark.slow
@given(sequences, deltas)
def test_the_best_is_the_same_whatever_counts_for_patience(metrics, min_delta):
    for a, b in zip(run(metrics, 0.0), run(metrics, min_delta), strict=True):
        assert (a.best_metric, a.best_step) == (b.best_metric, b.best_step)


def test_small_improvements_count_for_patience_once_they_add_up():
    trail = list(run([0.5, 0.58, 0.62, 0.7, 0.71], min_delta=0.1))
    assert [progress.evals_since_level for progress in trail] == [0, 1, 0, 1, 2]
    assert [progress.best_step for progress in trail] == [10, 20, 30, 40, 50]


@pytest.mark.slow
@given(sequences)
def test_no_patience_is_endless_patience(metrics):
    assert not any(early_stopping.exhausted(progress, 0) for progress in run(metrics, 0.0))

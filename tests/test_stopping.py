import math

from hypothesis import given
from hypothesis import strategies as st

from jaxletters import stopping
from jaxletters.types import Progress

# Few different values, so that equal ones and improvements by exactly `min_delta` occur.
values = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0, math.nan, -math.inf]) | st.floats(-1, 1)
sequences = st.lists(values, max_size=30)
deltas = st.sampled_from([0.0, 0.25, 0.1])


def remembered(metrics, min_delta):
    """What a list of evaluations, at steps 10, 20 ..., comes to: by a look at the whole of it."""
    bests = []
    for i, metric in enumerate(metrics):
        better_than_all = all(metric > metrics[j] + min_delta for j in bests[-1:])
        if better_than_all and metric > -math.inf:
            bests.append(i)
    if not bests:
        return Progress(-math.inf, -1, len(metrics), 10 * len(metrics))
    best = bests[-1]
    return Progress(metrics[best], 10 * (best + 1), len(metrics) - 1 - best, 10 * len(metrics))


def run(metrics, min_delta):
    progress = Progress()
    for i, metric in enumerate(metrics, start=1):
        progress = stopping.update(progress, metric, 10 * i, min_delta)
        yield progress


@given(sequences, deltas)
def test_what_is_remembered_after_each_evaluation(metrics, min_delta):
    for count, progress in enumerate(run(metrics, min_delta), start=1):
        assert progress == remembered(metrics[:count], min_delta)


@given(sequences, st.integers(1, 5))
def test_training_ends_after_so_many_evaluations_without_a_better_one(metrics, patience):
    trail = list(run(metrics, 0.0))
    for i, progress in enumerate(trail):
        recent = metrics[max(0, i + 1 - patience) : i + 1]
        before = [m for m in metrics[: i + 1 - patience] if not math.isnan(m)]
        high = max(before, default=-math.inf)
        no_better = i + 1 >= patience and not any(m > high for m in recent)
        assert stopping.exhausted(progress, patience) == no_better


@given(sequences)
def test_no_patience_is_endless_patience(metrics):
    assert not any(stopping.exhausted(progress, 0) for progress in run(metrics, 0.0))

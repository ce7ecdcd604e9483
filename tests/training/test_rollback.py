"""Where a diverging run goes back to, played through without training."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from jaxletters.core.types import Rollback
from jaxletters.training import rollback


def test_the_first_goes_to_the_newest_anchor_and_without_one_to_the_start():
    assert rollback.target([10, 20, 30], Rollback(), 37) == 30
    assert rollback.target([10, 20, 30], Rollback(), 30) == 30
    assert rollback.target([], Rollback(), 7) == 0


@given(st.sets(st.integers(1, 100)), st.lists(st.integers(0, 99), min_size=1, max_size=9))
def test_those_in_a_row_go_further_back_each_time(anchors, delays):
    last, step = Rollback(), max(anchors, default=50)
    went = [rollback.target(anchors, last, step)]
    for delay in delays:
        last = Rollback(went[-1], step)
        # It diverges again before it is twice as far as it was.
        step = went[-1] + delay * (2 * step - went[-1]) // 100
        went.append(rollback.target(anchors, last, step))
    assert all(b < a or a == b == 0 for a, b in itertools.pairwise(went))
    assert {*went} <= {0, *anchors}


def test_a_run_that_has_come_twice_as_far_has_left_the_divergence_behind():
    last = Rollback(to=20, diverged_at=27)
    assert rollback.target([10, 20], last, 53) == 10
    assert rollback.target([10, 20, 54], last, 54) == 54
    assert rollback.is_consecutive(last, 53)
    assert not rollback.is_consecutive(last, 54)

"""Where a diverging run goes back to: a pure function of the anchors and of its last roll-back.

Anchors are checkpoints at ends of epochs. Which there are follows from the plan and from the roll-backs
before, so neither interruptions nor the settings of checkpoints change where a run goes back to.
"""

from collections.abc import Iterable

from jaxletters.core.types import Rollback


def is_consecutive(last: Rollback, step: int) -> bool:
    """Whether a divergence after `step` continues the last one, so that its roll-back goes further back.

    A run that grows at a constant rate takes twice as many steps to diverge with half the learning
    rate. Only a run that has come further than that has left the last divergence behind.
    """
    return step < 2 * last.diverged_at


def target(anchors: Iterable[int], last: Rollback, step: int) -> int:
    """Returns the step to go back to: that of an anchor, or 0 for the start of the run.

    Args:
        anchors: the steps of the anchors.
        last: the roll-back before this one.
        step: the last one before the divergence.
    """
    bound = last.to if is_consecutive(last, step) else step + 1
    return max((anchor for anchor in anchors if anchor < bound), default=0)

"""The target of a roll-back, as a pure function of the anchors and the previous roll-back.

Anchors are checkpoints at ends of epochs. The plan and the previous roll-backs determine them, so neither
interruptions nor the settings of checkpoints change the target.
"""

from collections.abc import Iterable

from jaxletters.core.types import Rollback


def is_consecutive(last: Rollback, step: int) -> bool:
    """Whether a divergence after `step` continues the last one, so that its roll-back goes further back.

    Weights that grow at a constant rate take twice as many steps to diverge with half the learning rate.
    Only a run that passed twice the steps of the last divergence has overcome it.
    """
    return step < 2 * last.diverged_at


def target(anchors: Iterable[int], last: Rollback, step: int) -> int:
    """Returns the step of the anchor to return to, or 0 for the start of the run.

    Args:
        anchors: the steps of the anchors.
        last: the previous roll-back.
        step: the last step before the divergence.
    """
    bound = last.to if is_consecutive(last, step) else step + 1
    return max((anchor for anchor in anchors if anchor < bound), default=0)

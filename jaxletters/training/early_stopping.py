"""Early stopping as a pure function of what it remembers."""

from jaxletters.core.types import Progress


def update(progress: Progress, metric: float, step: int, min_delta: float) -> Progress:
    """Returns the progress after an evaluation at `step`; larger metrics are better.

    The best is the best however little better it is. Patience restarts when the metric exceeds the level
    of its last restart by more than `min_delta`, so small improvements count once they add up to that.
    A metric that is not a number never counts as better.
    """
    progress = progress._replace(evaluated_step=step)
    if metric > progress.best_metric:
        progress = progress._replace(best_metric=metric, best_step=step)
    if metric > progress.level + min_delta:
        return progress._replace(level=metric, evals_since_level=0)
    return progress._replace(evals_since_level=progress.evals_since_level + 1)


def exhausted(progress: Progress, patience: int) -> bool:
    """Whether patience restarted `patience` evaluations ago; a patience of 0 never ends."""
    return 0 < patience <= progress.evals_since_level

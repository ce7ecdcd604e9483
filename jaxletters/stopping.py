"""Early stopping as a pure function of what it remembers."""

from jaxletters.types import Progress


def update(progress: Progress, metric: float, step: int, min_delta: float) -> Progress:
    """Returns the progress after an evaluation at `step`; larger metrics are better.

    A metric that is not a number never counts as better.
    """
    if metric > progress.best_metric + min_delta:
        return Progress(best_metric=metric, best_step=step, evaluated_step=step)
    since = progress.evals_since_best + 1
    return progress._replace(evals_since_best=since, evaluated_step=step)


def exhausted(progress: Progress, patience: int) -> bool:
    """Whether `patience` evaluations in a row were no better; a patience of 0 never ends."""
    return 0 < patience <= progress.evals_since_best

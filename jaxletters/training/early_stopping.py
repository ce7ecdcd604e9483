"""Early stopping as pure functions of its progress."""

from collections.abc import Sequence

from jaxletters.config.slots import Metric
from jaxletters.core.types import Progress, Scores


def monitored(scores: Scores, name: str, metrics: Sequence[Metric]) -> float:
    """Returns the score `name`, negated if smaller is better, so that larger is always better."""
    smaller_is_better = {"loss", *(metric.name for metric in metrics if not metric.maximize)}
    return -scores[name] if name in smaller_is_better else scores[name]


def update(progress: Progress, metric: float, step: int, min_delta: float) -> Progress:
    """Returns the progress after an evaluation at `step`; larger metrics are better.

    Any improvement makes a new best. Patience restarts when the metric exceeds its value at the last
    restart by more than `min_delta`, so small improvements count once they add up to that. NaN is never
    an improvement.
    """
    progress = progress._replace(evaluated_step=step)
    if metric > progress.best_metric:
        progress = progress._replace(best_metric=metric, best_step=step)
    if metric > progress.level + min_delta:
        return progress._replace(level=metric, evals_since_level=0)
    return progress._replace(evals_since_level=progress.evals_since_level + 1)


def exhausted(progress: Progress, patience: int) -> bool:
    """Whether `patience` evaluations have passed since patience restarted; 0 disables early stopping."""
    return 0 < patience <= progress.evals_since_level

"""The records of training as a history to draw."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, cast

from jaxletters.evaluation import metrics

R = TypeVar("R", bound=Mapping[str, Any])


def join_short_records(history: Sequence[R]) -> list[R]:
    """Returns the records of a run, with each short training record merged into the one before it.

    A record also ends at the end of an epoch, perhaps a single batch after the last one, and then its mean
    is noisy. A merged record has the step of the later one and the means over all examples of both. Records
    of different stages are not merged.

    Args:
        history: the records; "examples" is the number of examples of a training record.
    """
    joined: list[R] = []
    longest = max((record.get("examples", 0) for record in history), default=0)
    newest: dict[object, int] = {}  # the index of each stage's newest training record
    for record in history:
        stage = record.get("stage")
        if 0 < record.get("examples", 0) < longest / 2 and stage in newest:
            pair = [joined[newest[stage]], record]
            examples = sum(part["examples"] for part in pair)
            merged = {**record, **metrics.merge_records(pair), "examples": examples}
            joined[newest[stage]] = cast(R, merged)
            continue
        if record["split"] == "train":
            newest[stage] = len(joined)
        joined.append(record)
    return joined

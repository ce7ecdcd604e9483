"""The records of training as a history to draw."""

from collections.abc import Sequence

from jaxletters.core.types import Record
from jaxletters.evaluation import metrics


def join_short_records(history: Sequence[Record]) -> list[Record]:
    """Returns the records of a run, with each short training record merged into the one before it.

    The end of an epoch ends a record too. Such a record may cover only one batch, and then its means are
    noisy; a record is short if it has less than half of the examples of the longest one. A merged record
    has the step of the later one and the means over all examples of both. Records of different stages are
    not merged.
    """
    joined: list[Record] = []
    longest = max((record.get("examples", 0) for record in history), default=0)
    newest: dict[int | None, int] = {}  # the index of each stage's newest training record
    for record in history:
        stage, examples = record.get("stage"), record.get("examples", 0)
        if 0 < examples < longest / 2 and stage in newest:
            previous = joined[newest[stage]]
            means = metrics.merge_records([previous, record])
            merged: Record = {**record, "loss": means["loss"], "accuracy": means["accuracy"]}
            merged["examples"] = previous.get("examples", 0) + examples
            joined[newest[stage]] = merged
            continue
        if record["split"] == "train":
            newest[stage] = len(joined)
        joined.append(record)
    return joined

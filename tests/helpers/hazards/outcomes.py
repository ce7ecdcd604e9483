"""What two runs must have in common to count as the same."""

import json
from pathlib import Path
from typing import Any


def outcome(workdir: Path) -> dict[str, Any]:
    """Returns every array's digest, early stopping's memory, all records and results, without clocks."""
    found: dict[str, Any] = {}
    for steps in sorted(workdir.glob("**/steps")):
        newest = max((p for p in steps.iterdir() if p.name.isdigit()), key=lambda p: int(p.name))
        meta = json.loads((newest / "meta" / "metadata").read_text())
        found[str(steps.relative_to(workdir))] = (
            newest.name,
            meta["digests"],
            meta["progress"],
            (steps.parent / "metrics.jsonl").read_bytes(),
        )
    for file in sorted(workdir.glob("**/result.json")):
        found[str(file.relative_to(workdir))] = _without_clocks(json.loads(file.read_text()))
    return found


def _without_clocks(value: Any) -> Any:
    if isinstance(value, dict):
        # Where it lies and how long it took; and how often the test split was read, which tells of
        # interruptions, and so it should.
        clocks = {"name", "folder", "training_seconds", "seconds", "test_split_reads"}
        return {k: _without_clocks(v) for k, v in value.items() if k not in clocks}
    return [_without_clocks(item) for item in value] if isinstance(value, list) else value

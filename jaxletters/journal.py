"""What a run writes down beside its checkpoints: metrics, timings, TensorBoard, environment."""

import contextlib
import json
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self, TextIO

from jaxletters.errors import UserError
from jaxletters.files import cannot_write, to_json, write_bytes

_METRICS = "metrics.jsonl"
TIMINGS = "timings.jsonl"

Record = dict[str, Any]
"""A line of one of the files; what was not finite is NaN."""


class Journal:
    """The records of one run, continued from its checkpoint at step `resumed_at`, 0 for a new run.

    What an interrupted run wrote after that step is dropped, because it will be written again, and so
    is what it wrote of evaluations after step `evaluated_at`: if records are made, then flushed, then
    the checkpoint is saved, an interrupted and continued run ends with the same bytes in
    `metrics.jsonl` as an uninterrupted one.

    Raises:
        UserError: a record up to `resumed_at` is damaged, or a file cannot be written.
    """

    def __init__(self, workdir: Path, resumed_at: int, evaluated_at: int) -> None:
        self._workdir = workdir
        self._open(resumed_at, evaluated_at)

    def _open(self, resumed_at: int, evaluated_at: int) -> None:
        with self._writing():
            self._metrics, self._records = _reopen(
                self._workdir / _METRICS, resumed_at, evaluated_at
            )
            self._timings, self._timed = _reopen(self._workdir / TIMINGS, resumed_at, resumed_at)
            purge_step = resumed_at + 1 if resumed_at else 0
            self._events = _Events(self._workdir / "tensorboard", purge_step)

    def go_back(self, step: int, evaluated_at: int) -> None:
        """Drops all records after a step, as if the run had been interrupted and continued there."""
        self.close()
        self._open(step, evaluated_at)

    def record(self, step: int, split: str, **values: float) -> None:
        """Writes what follows from the config and the step alone, such as a loss; nothing timed."""
        with self._writing():
            self._records.append(_add(self._metrics, {"step": step, "split": split, **values}))
            self._events.add(step, split, values)

    def timing(self, step: int, **values: float) -> None:
        """Writes what differs from one execution to the next, such as `images_per_second`."""
        with self._writing():
            self._timed.append(_add(self._timings, {"step": step, **values}))
            self._events.add(step, "timing", values)

    def since(self, step: int) -> tuple[list[Record], list[Record]]:
        """Returns the records and the timings after a step, as read from the files.

        Those before are forgotten, so the files are read once, however long the run is.
        """
        self._records = [record for record in self._records if record["step"] > step]
        self._timed = [record for record in self._timed if record["step"] > step]
        return [*self._records], [*self._timed]

    def flush(self) -> None:
        """Returns once all that was written would survive the loss of the machine."""
        with self._writing():
            for file in (self._metrics, self._timings):
                file.flush()
                os.fsync(file.fileno())
            self._events.flush()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Names the folder where a file cannot be read or written, such as on a full disk."""
        try:
            yield
        except OSError as error:
            raise cannot_write(self._workdir, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Flushes and closes the files."""
        self.flush()
        with self._writing():
            self._metrics.close()
            self._timings.close()
            self._events.close()


def show(workdir: Path, step: int, pictures: dict[str, bytes], settings: dict[str, Any]) -> None:
    """Shows a finished run's pictures and settings on TensorBoard.

    Args:
        workdir: the run folder.
        step: the run's last.
        pictures: PNG files by what they are called there.
        settings: by dotted key.

    Raises:
        UserError: a file cannot be written.
    """
    try:
        events = _Events(workdir / "tensorboard", None)
        for name, png in pictures.items():
            events.image(step, name, png)
        rows = "".join(f"| {key} | `{value}` |\n" for key, value in settings.items())
        events.text(step, "config", f"| setting | value |\n|---|---|\n{rows}")
        events.close()
    except OSError as error:
        raise cannot_write(workdir, error) from error


def read(workdir: Path) -> list[Record]:
    """Returns the records of a run's `metrics.jsonl`; what was not finite comes back as NaN."""
    return _read(workdir / _METRICS)


def read_timings(workdir: Path) -> list[Record]:
    """Returns the records of a run's `timings.jsonl`; steps that were repeated occur once."""
    return _read(workdir / TIMINGS)


class _Events:
    """A TensorBoard event file that hides what the files before it hold from `purge_step` on, if any.

    tensorboardX's SummaryWriter has a purge step as well, but its `flush` does not wait for the
    queue that its events pass through, so the last of them are lost when the process is killed.
    """

    def __init__(self, folder: Path, purge_step: int | None) -> None:
        from tensorboardX.proto import event_pb2
        from tensorboardX.record_writer import RecordWriter

        generated: Any = event_pb2  # protobuf makes its classes at run time
        self._event = generated.Event
        folder.mkdir(parents=True, exist_ok=True)
        # TensorBoard reads a folder's files in the order of their names.
        self._writer = RecordWriter(str(folder / f"events.out.tfevents.{time.time_ns()}"))
        self._write(file_version="brain.Event:2")
        if purge_step is not None:
            self._write(step=purge_step, session_log={"status": "START"})

    def add(self, step: int, group: str, values: dict[str, float]) -> None:
        scalars = [{"tag": f"{group}/{k}", "simple_value": v} for k, v in values.items()]
        self._write(step=step, summary={"value": scalars})

    def image(self, step: int, tag: str, png: bytes) -> None:
        height, width = (int.from_bytes(png[i : i + 4], "big") for i in (20, 16))
        image = {"height": height, "width": width, "encoded_image_string": png}
        self._write(step=step, summary={"value": [{"tag": tag, "image": image}]})

    def text(self, step: int, tag: str, markdown: str) -> None:
        from tensorboardX.summary import text

        self._write(step=step, summary=text(tag, markdown))

    def flush(self) -> None:
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()

    def _write(self, **fields: Any) -> None:
        event = self._event(wall_time=time.time(), **fields)
        self._writer.write(event.SerializeToString())


def _reopen(path: Path, last_step: int, evaluated_at: int) -> tuple[TextIO, list[Record]]:
    """Drops the records after `last_step` and opens the file for more, each written as it comes.

    Returns the records kept as well.
    """
    kept = _whole_lines(path, last_step) if last_step else []
    if kept and _step(kept[-1]) == last_step > evaluated_at and _is_evaluation(kept[-1]):
        kept.pop()
    write_bytes(path, b"".join(line + b"\n" for line in kept))
    file = path.open("a", encoding="utf-8", newline="\n", buffering=1)
    return file, [_record(line) for line in kept]


def _add(file: TextIO, values: Record) -> Record:
    """Writes a record; returns it as it will be read, so that a resumed run goes by the same values."""
    line = to_json(values)
    file.write(line + "\n")
    return _record(line)


def _is_evaluation(line: bytes) -> bool:
    return json.loads(line).get("split") == "validation"


def _whole_lines(path: Path, last_step: int) -> list[bytes]:
    """Returns the lines up to the last record of `last_step` or before; later ones may be torn."""
    lines = path.read_bytes().splitlines() if path.exists() else []
    wanted = [step is not None and step <= last_step for step in map(_step, lines)]
    count = max((i for i, want in enumerate(wanted, start=1) if want), default=0)
    if not all(wanted[:count]):
        raise UserError(
            f"{path}: line {wanted.index(False) + 1} is damaged, expected a JSON record of a step "
            f"up to {last_step}; delete that line, or the run folder to start again"
        )
    return lines[:count]


def _step(line: bytes) -> int | None:
    try:
        return int(json.loads(line)["step"])
    except (ValueError, TypeError, KeyError):
        return None


def _read(path: Path) -> list[Record]:
    if not path.exists():
        return []
    lines = path.read_bytes().splitlines()
    return [_record(line) for line in lines if _step(line) is not None]


def _record(line: str | bytes) -> Record:
    return {k: math.nan if v is None else v for k, v in json.loads(line).items()}

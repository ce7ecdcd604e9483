"""What a run writes down beside its checkpoints: metrics, timings, TensorBoard, environment."""

import contextlib
import errno
import json
import math
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Self

from jaxletters.core.errors import UserError
from jaxletters.runtime.files import to_json, write_bytes, write_error

_METRICS = "metrics.jsonl"
TIMINGS = "timings.jsonl"

Record = dict[str, Any]
"""A line of one of the files; what was not finite is NaN."""

Attempt = Callable[[Callable[[], None]], bool]
"""Does something that may fail because the disk is away, and tells whether it was done."""


def _at_once(action: Callable[[], None]) -> bool:
    action()
    return True


class Journal:
    """The records of one run, continued from its checkpoint at step `resumed_at`, 0 for a new run.

    What an interrupted run wrote after that step is dropped, because it will be written again, and so
    is what it wrote of evaluations after step `evaluated_at`: if records are made, then flushed, then
    the checkpoint is saved, an interrupted and continued run ends with the same bytes in
    `metrics.jsonl` as an uninterrupted one.

    A record is kept in memory until it is known to be on the disk, so whatever cannot be written is
    written, in its place, by the next call that can. Files are opened again then, because open ones do
    not come back with their disk.

    Raises:
        UserError: a record up to `resumed_at` is damaged, or a file cannot be written.
    """

    def __init__(
        self, workdir: Path, resumed_at: int, evaluated_at: int, attempt: Attempt = _at_once
    ) -> None:
        self._workdir = workdir
        self._attempt = attempt
        self._open(resumed_at, evaluated_at)

    def _open(self, resumed_at: int, evaluated_at: int) -> None:
        with self._writing():
            self._metrics = _continued(self._workdir / _METRICS, resumed_at, evaluated_at)
            self._timings = _continued(self._workdir / TIMINGS, resumed_at, resumed_at)
            purge_step = resumed_at + 1 if resumed_at else 0
            self._events = _Scalars(self._workdir / "tensorboard", purge_step)

    def go_back(self, step: int, evaluated_at: int) -> None:
        """Drops all records after a step, as if the run had been interrupted and continued there.

        Raises:
            UserError: a file cannot be read or written; the same call can be made again.
        """
        self.sync()
        self._drop()
        self._open(step, evaluated_at)

    def record(self, step: int, split: str, **values: float) -> None:
        """Writes what follows from the config and the step alone, such as a loss; nothing timed."""
        self._metrics.add({"step": step, "split": split, **values})
        self._events.add(step, split, values)
        self._attempt(self._write)

    def timing(self, step: int, **values: float) -> None:
        """Writes what differs from one execution to the next, such as `images_per_second`."""
        self._timings.add({"step": step, **values})
        self._events.add(step, "timing", values)
        self._attempt(self._write)

    def since(self, step: int) -> tuple[list[Record], list[Record]]:
        """Returns the records and the timings after a step, as they will be read from the files.

        Those before are forgotten, so the files are read once, however long the run is.
        """
        return self._metrics.since(step), self._timings.since(step)

    def flush(self) -> None:
        """Returns once all that was written would survive the loss of the machine."""
        self._attempt(self.sync)

    def sync(self) -> None:
        """Writes all that is kept in memory, as `flush` does, and raises if it cannot.

        Raises:
            UserError: a file cannot be written.
        """
        with self._writing():
            self._metrics.sync()
            self._timings.sync()
            self._events.sync()

    def _write(self) -> None:
        with self._writing():
            self._metrics.write()
            self._timings.write()
            self._events.write()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Names the folder where a file cannot be read or written, such as on a full disk."""
        try:
            yield
        except OSError as error:
            raise write_error(self._workdir, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Flushes and closes the files."""
        self.flush()
        self._drop()

    def _drop(self) -> None:
        for file in (self._metrics, self._timings, self._events):
            file.drop()


class _Lines:
    """A file of JSON records, each written as it comes.

    Args:
        path: the file, which is overwritten.
        kept: its first lines, without their ends.
    """

    def __init__(self, path: Path, kept: list[bytes]) -> None:
        self._path = path
        self._records = [_record(line) for line in kept]
        whole = b"".join(line + b"\n" for line in kept)
        write_bytes(path, whole)
        self._safe = len(whole)  # bytes
        self._unsafe: list[bytes] = []
        self._written = 0  # of the unsafe ones, with the file as it is open now
        self._file: IO[bytes] | None = None

    def add(self, record: Record) -> None:
        """Remembers a record, to be written."""
        line = to_json(record)
        self._unsafe.append(f"{line}\n".encode())
        # As it will be read, so that a resumed run goes by the same values.
        self._records.append(_record(line))

    def since(self, step: int) -> list[Record]:
        """Returns the records after a step and forgets those before."""
        self._records = [record for record in self._records if record["step"] > step]
        return [*self._records]

    def write(self) -> None:
        """Writes what is not written yet; raises an OSError if it cannot."""
        try:
            file = self._opened()
            file.writelines(self._unsafe[self._written :])
            file.flush()
        except OSError:
            self.drop()
            raise
        self._written = len(self._unsafe)

    def sync(self) -> None:
        """Returns once all is safe on the disk; raises an OSError if it cannot be."""
        self.write()
        try:
            os.fsync(self._opened().fileno())
        except OSError:
            self.drop()
            raise
        self._safe += sum(map(len, self._unsafe))
        self._unsafe.clear()
        self._written = 0

    def drop(self) -> None:
        """Closes the file as it is, whatever becomes of what is not safe."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
        self._file = None
        self._written = 0

    def _opened(self) -> IO[bytes]:
        if self._file is not None:
            # Another disk's: that on which this one was mounted, for a moment.
            if os.fstat(self._file.fileno()).st_dev == self._path.stat().st_dev:
                return self._file
            self.drop()
        file = self._path.open("r+b" if self._safe else "ab")
        self._file = file
        if file.seek(0, os.SEEK_END) < self._safe:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), str(self._path))
        file.truncate(self._safe)
        file.seek(self._safe)
        return file


class _Scalars:
    """Numbers for TensorBoard, as `_Events` writes them; after an outage, some are there twice."""

    def __init__(self, folder: Path, purge_step: int | None) -> None:
        self._folder = folder
        self._unsafe: list[tuple[int, str, dict[str, float]]] = []
        self._written = 0
        self._events: _Events | None = _Events(folder, purge_step)

    def add(self, step: int, group: str, values: dict[str, float]) -> None:
        self._unsafe.append((step, group, values))

    def write(self) -> None:
        events = self._events = self._events or _Events(self._folder, None)
        try:
            for numbers in self._unsafe[self._written :]:
                events.add(*numbers)
        except OSError:
            self.drop()
            raise
        self._written = len(self._unsafe)

    def sync(self) -> None:
        self.write()
        try:
            if self._events is not None:
                self._events.flush()
        except OSError:
            self.drop()
            raise
        self._unsafe.clear()
        self._written = 0

    def drop(self) -> None:
        if self._events is not None:
            with contextlib.suppress(OSError):
                self._events.close()
        self._events = None
        self._written = 0


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
        raise write_error(workdir, error) from error


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


def _continued(path: Path, last_step: int, evaluated_at: int) -> _Lines:
    """Drops the records after `last_step` and returns the file, for more."""
    kept = _whole_lines(path, last_step) if last_step else []
    if kept and _step(kept[-1]) == last_step > evaluated_at and _is_evaluation(kept[-1]):
        kept.pop()
    return _Lines(path, kept)


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

"""The records of a run: metrics and timings, one JSON object per line, which survive interruptions."""

import contextlib
import errno
import json
import math
import os
from collections.abc import Callable, Generator
from pathlib import Path
from typing import IO, Any, Generic, Self, TypedDict, TypeVar, cast

from jaxletters.core.errors import UserError
from jaxletters.core.types import Record, Timing
from jaxletters.runs.tensorboard import FOLDER, ScalarWriter
from jaxletters.runtime.files import to_json, write_bytes, write_error

_METRICS = "metrics.jsonl"
TIMINGS = "timings.jsonl"

Attempt = Callable[[Callable[[], None]], bool]
"""Calls a function unless the disk is away, and returns whether the call succeeded."""


class _Line(TypedDict):
    step: int


L = TypeVar("L", bound=_Line)


def _call(action: Callable[[], None]) -> bool:
    action()
    return True


class Journal:
    """The writer of a run's records and timings.

    A resumed run continues from the checkpoint of step `resumed_at`, 0 for a new run. The records after
    that step are dropped, because they will be written again, and so is an evaluation at that step which
    the checkpoint does not contain, because it is from step `evaluated_at`. If a run writes records, then
    flushes, then saves its checkpoint, `metrics.jsonl` ends with the same bytes however often the run was
    interrupted.

    A record stays in memory until it is safe on the disk. After a failure the next call writes it to its
    place. The files are opened again then, because open ones do not survive an outage of their disk.

    Raises:
        UserError: a record up to `resumed_at` is damaged, or a file cannot be written.
    """

    def __init__(
        self, workdir: Path, resumed_at: int, evaluated_at: int, attempt: Attempt = _call
    ) -> None:
        self._workdir = workdir
        self._attempt = attempt
        self._open(resumed_at, evaluated_at)

    def _open(self, resumed_at: int, evaluated_at: int) -> None:
        with self._naming_folder():
            self._metrics = _RecordFile[Record](
                self._workdir / _METRICS, _lines_until(self._workdir, resumed_at, evaluated_at)
            )
            timings = self._workdir / TIMINGS
            self._timings = _RecordFile[Timing](timings, _whole_lines(timings, resumed_at))
            purge_step = resumed_at + 1 if resumed_at else 0
            self._scalars = ScalarWriter(self._workdir / FOLDER, purge_step)

    def rewind(self, step: int, evaluated_at: int) -> None:
        """Drops all records after a step, as if the run had been interrupted and resumed there.

        Raises:
            UserError: a file cannot be read or written; the same call can be repeated.
        """
        self.sync()
        self._close_files()
        self._open(step, evaluated_at)

    def record(self, step: int, split: str, **values: float) -> None:
        """Writes values that depend on the config and the step alone, such as a loss; no timings."""
        self._metrics.add(cast(Record, {"step": step, "split": split, **values}))
        self._scalars.add(step, split, values)
        self._attempt(self._write)

    def timing(self, step: int, **values: float) -> None:
        """Writes values that differ from one execution to the next, such as `images_per_second`."""
        self._timings.add(cast(Timing, {"step": step, **values}))
        self._scalars.add(step, "timing", values)
        self._attempt(self._write)

    def since(self, step: int) -> tuple[list[Record], list[Timing]]:
        """Returns the records and the timings after a step, with the values that the files contain.

        Earlier ones are removed from memory; a long run need not read its files again.
        """
        return self._metrics.since(step), self._timings.since(step)

    def flush(self) -> None:
        """Writes all records to the disk, so that they survive the loss of the machine."""
        self._attempt(self.sync)

    def sync(self) -> None:
        """Writes all records to the disk, as `flush` does, and raises if that fails.

        Raises:
            UserError: a file cannot be written.
        """
        with self._naming_folder():
            for file in self._files():
                file.sync()

    def _write(self) -> None:
        with self._naming_folder():
            for file in self._files():
                file.write()

    def _files(self) -> "tuple[_RecordFile[Record], _RecordFile[Timing], ScalarWriter]":
        return self._metrics, self._timings, self._scalars

    @contextlib.contextmanager
    def _naming_folder(self) -> Generator[None]:
        """Names the run folder where a file cannot be read or written, such as on a full disk."""
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
        self._close_files()

    def _close_files(self) -> None:
        for file in self._files():
            file.close()


class _RecordFile(Generic[L]):
    """A file of JSON records, each written as soon as possible.

    Args:
        path: the file, which is overwritten.
        lines: its first lines, without line ends.
    """

    def __init__(self, path: Path, lines: list[bytes]) -> None:
        self._path = path
        self._records = [cast(L, _parse(line)) for line in lines]
        content = b"".join(line + b"\n" for line in lines)
        write_bytes(path, content)
        self._safe = len(content)  # bytes
        self._unsafe: list[bytes] = []
        self._written = 0  # of the unsafe lines, to the file as it is open now
        self._file: IO[bytes] | None = None

    def add(self, record: L) -> None:
        """Keeps a record to be written."""
        line = to_json(record)
        self._unsafe.append(f"{line}\n".encode())
        # Parsed, so that this run continues with the same values as a resumed one.
        self._records.append(cast(L, _parse(line)))

    def since(self, step: int) -> list[L]:
        """Returns the records after a step and removes the others from memory."""
        self._records = [record for record in self._records if record["step"] > step]
        return [*self._records]

    def write(self) -> None:
        """Writes the records that are not written yet; raises an OSError if that fails."""
        try:
            file = self._open()
            file.writelines(self._unsafe[self._written :])
            file.flush()
        except OSError:
            self.close()
            raise
        self._written = len(self._unsafe)

    def sync(self) -> None:
        """Writes all records to the disk; raises an OSError if that fails."""
        self.write()
        try:
            os.fsync(self._open().fileno())
        except OSError:
            self.close()
            raise
        self._safe += sum(map(len, self._unsafe))
        self._unsafe.clear()
        self._written = 0

    def close(self) -> None:
        """Closes the file without writing the rest."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
        self._file = None
        self._written = 0

    def _open(self) -> IO[bytes]:
        if self._file is not None:
            # A file of another device was opened while this disk was not mounted.
            if os.fstat(self._file.fileno()).st_dev == self._path.stat().st_dev:
                return self._file
            self.close()
        file = self._path.open("r+b" if self._safe else "ab")
        self._file = file
        if file.seek(0, os.SEEK_END) < self._safe:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), str(self._path))
        file.truncate(self._safe)
        file.seek(self._safe)
        return file


def load(workdir: Path) -> list[Record]:
    """Returns the records of a run's `metrics.jsonl`; values that were not finite are NaN."""
    return cast(list[Record], _load(workdir / _METRICS))


def load_timings(workdir: Path) -> list[Timing]:
    """Returns the records of a run's `timings.jsonl`; repeated steps occur once."""
    return cast(list[Timing], _load(workdir / TIMINGS))


def _load(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [_parse(line) for line in path.read_bytes().splitlines() if _step(line) is not None]


def _lines_until(workdir: Path, last_step: int, evaluated_at: int) -> list[bytes]:
    """Returns the lines of `metrics.jsonl` that belong to a checkpoint."""
    lines = _whole_lines(workdir / _METRICS, last_step)
    newest = _parse(lines[-1]) if lines else {}
    if newest.get("split") == "validation" and newest["step"] == last_step > evaluated_at:
        lines.pop()
    return lines


def _whole_lines(path: Path, last_step: int) -> list[bytes]:
    """Returns the lines up to the last record of `last_step` or before; later ones may be torn."""
    lines = path.read_bytes().splitlines() if last_step and path.exists() else []
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


def _parse(line: str | bytes) -> dict[str, Any]:
    return {k: math.nan if v is None else v for k, v in json.loads(line).items()}

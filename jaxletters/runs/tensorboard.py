"""TensorBoard event files: scalars while a run trains, pictures and settings when it is finished."""

import contextlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from jaxletters.runtime.files import write_error

FOLDER = "tensorboard"


class ScalarWriter:
    """Writes scalars to an event file and keeps them in memory until they are safe on the disk.

    Scalars that were written shortly before an outage of the disk occur twice.

    Args:
        folder: the folder of the event files.
        purge_step: TensorBoard hides what earlier event files contain from this step on.
    """

    def __init__(self, folder: Path, purge_step: int) -> None:
        self._folder = folder
        self._unsafe: list[tuple[int, str, Mapping[str, float]]] = []
        self._written = 0  # of the unsafe scalars
        self._file: EventFile | None = EventFile(folder, purge_step)

    def add(self, step: int, group: str, values: Mapping[str, float]) -> None:
        """Keeps scalars to be written, each with the tag "group/name"."""
        self._unsafe.append((step, group, values))

    def write(self) -> None:
        """Writes the scalars that are not written yet.

        Raises:
            OSError: the file cannot be written.
        """
        self._write()

    def sync(self) -> None:
        """Writes all scalars to the disk.

        Raises:
            OSError: the file cannot be written.
        """
        file = self._write()
        try:
            file.flush()
        except OSError:
            self.close()
            raise
        self._unsafe.clear()
        self._written = 0

    def close(self) -> None:
        """Closes the file without writing the rest."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
        self._file = None
        self._written = 0

    def _write(self) -> "EventFile":
        file = self._file = self._file or EventFile(self._folder)
        try:
            for scalars in self._unsafe[self._written :]:
                file.add_scalars(*scalars)
        except OSError:
            self.close()
            raise
        self._written = len(self._unsafe)
        return file


class EventFile:
    """A TensorBoard event file.

    tensorboardX's SummaryWriter has a purge step, too, but its `flush` does not wait for the queue of its
    events, so that the last of them are lost when the process is killed.

    Args:
        folder: the folder of the event files.
        purge_step: TensorBoard hides what earlier event files contain from this step on; None hides nothing.
    """

    def __init__(self, folder: Path, purge_step: int | None = None) -> None:
        from tensorboardX.proto import event_pb2
        from tensorboardX.record_writer import RecordWriter

        protobuf: Any = event_pb2  # its classes are generated at run time
        self._event = protobuf.Event
        folder.mkdir(parents=True, exist_ok=True)
        # TensorBoard reads the files of a folder in the order of their names.
        self._writer: Any = RecordWriter(str(folder / f"events.out.tfevents.{time.time_ns()}"))
        self._write(file_version="brain.Event:2")
        if purge_step is not None:
            self._write(step=purge_step, session_log={"status": "START"})

    def add_scalars(self, step: int, group: str, values: Mapping[str, float]) -> None:
        """Writes scalars, each with the tag "group/name"."""
        scalars = [{"tag": f"{group}/{k}", "simple_value": v} for k, v in values.items()]
        self._write(step=step, summary={"value": scalars})

    def add_image(self, step: int, tag: str, png: bytes) -> None:
        """Writes the content of a PNG file."""
        height, width = (int.from_bytes(png[i : i + 4], "big") for i in (20, 16))
        image = {"height": height, "width": width, "encoded_image_string": png}
        self._write(step=step, summary={"value": [{"tag": tag, "image": image}]})

    def add_text(self, step: int, tag: str, markdown: str) -> None:
        """Writes a text in Markdown."""
        from tensorboardX import summary

        self._write(step=step, summary=cast(Any, summary).text(tag, markdown))

    def flush(self) -> None:
        """Writes what is in the buffer of the file."""
        self._writer.flush()

    def close(self) -> None:
        """Closes the file."""
        self._writer.close()

    def _write(self, **fields: Any) -> None:
        event = self._event(wall_time=time.time(), **fields)
        self._writer.write(event.SerializeToString())


def write_summary(
    workdir: Path, step: int, pictures: Mapping[str, bytes], settings: Mapping[str, object]
) -> None:
    """Writes the pictures and settings of a finished run for TensorBoard.

    Args:
        workdir: the run folder.
        step: the last step of the run.
        pictures: PNG files by their tags.
        settings: by dotted key.

    Raises:
        UserError: a file cannot be written.
    """
    try:
        file = EventFile(workdir / FOLDER)
        for tag, png in pictures.items():
            file.add_image(step, tag, png)
        rows = "".join(f"| {key} | `{value}` |\n" for key, value in settings.items())
        file.add_text(step, "config", f"| setting | value |\n|---|---|\n{rows}")
        file.close()
    except OSError as error:
        raise write_error(workdir, error) from error

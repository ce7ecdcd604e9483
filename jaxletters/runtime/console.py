"""The terminal output of a run: a live progress bar, or one plain line per epoch outside a terminal."""

import math
import sys
import time
from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any, Self, cast

import rich.console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from jaxletters.core.types import Scores

_REDRAW_SECONDS = 0.2
_GAP = "  "


class Console:
    """Shows the progress of training.

    Args:
        total_steps: of the run.
        steps_per_epoch: may be fractional.
        brief: whether to print no lines for epochs.
    """

    def __init__(self, total_steps: int, steps_per_epoch: float, brief: bool = False) -> None:
        self._total_steps = total_steps
        self._steps_per_epoch = steps_per_epoch
        self._brief = brief
        self._out = _stdout()
        self._live = Live(console=self._out, auto_refresh=False, transient=True)
        self._pace_start: tuple[float, int] | None = None  # time, step
        self._drawn_at = -math.inf
        self._has_header = False

    def notice(self, text: str) -> None:
        """Prints a permanent line."""
        self._out.print(text)

    def update(
        self,
        step: int,
        images_per_second: float,
        loss: float,
        accuracy: float,
        learning_rate: float,
    ) -> None:
        """Redraws the live bar, at most five times a second; does nothing outside a terminal.

        `loss` is in nats, `accuracy` in [0, 1]; the remaining time follows from the pace of the updates.
        """
        now = time.monotonic()
        # A roll-back restarts the measurement of the pace.
        if self._pace_start is None or step < self._pace_start[1]:
            self._pace_start = now, step
        if not self._out.is_interactive or now < self._drawn_at + _REDRAW_SECONDS:
            return
        self._drawn_at = now
        start_time, start_step = self._pace_start
        remaining = time_left(now - start_time, step - start_step, self._total_steps - step)
        values = {
            "loss": f"{loss:.4f}",
            "accuracy": f"{accuracy:.2%}",
            "learning rate": f"{learning_rate:.1e}",
            "images/s": f"{images_per_second:,.0f}",
        }
        numbers = Text(_GAP).join(Text.assemble((f"{k} ", "dim"), v) for k, v in values.items())
        self._live.start()
        self._live.update(rich.console.Group(self._bar(step, remaining), numbers), refresh=True)

    def epoch(
        self,
        epoch: int,
        step: int,
        train: "Scores",
        validation: "Scores | None",
        best: bool,
        seconds: float,
    ) -> None:
        """Prints the line of one epoch, unless the console is brief.

        Args:
            epoch: its number, from 1.
            step: the number of steps so far.
            train: the scores of its training steps.
            validation: the scores of the validation examples after it; None without any.
            best: whether the validation score is the best so far.
            seconds: its duration.
        """
        if self._brief:
            return
        width = len(f"{self._total_steps:,}")
        if not self._has_header:
            self._has_header = True
            scores = f"{'loss':>7}{_GAP}{'accuracy':>8}"
            splits = f"{'training':^{len(scores)}}{_GAP}{'validation':^{len(scores)}}".rstrip()
            self._out.print(
                f"{'':5}{_GAP}{'':{width}}{_GAP}{splits}",
                f"epoch{_GAP}{'step':>{width}}{_GAP}{scores}{_GAP}{scores}{_GAP}{'time':>7}",
                sep="\n",
                style="dim",
            )
        cells = (
            f"{epoch:5}",
            f"{step:{width},}",
            f"{train['loss']:7.4f}",
            f"{train['accuracy']:8.2%}",
            f"{validation['loss']:7.4f}" if validation else f"{'':7}",
            f"{validation['accuracy']:8.2%}" if validation else f"{'none':>8}",
            f"{format_duration(seconds):>7}",
        )
        self._out.print(Text(_GAP.join(cells)).append(f"{_GAP}best" if best else "", "bold green"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._live.stop()

    def _bar(self, step: int, seconds_left: float | None) -> Table:
        epochs = max(1, round(self._total_steps / self._steps_per_epoch))
        epoch = min(epochs, max(1, math.ceil(step / self._steps_per_epoch)))
        position = f"{step:,} of {self._total_steps:,} steps"
        if seconds_left is not None:
            position += f"  {format_duration(seconds_left)} left"
        bar = ProgressBar(self._total_steps, step, complete_style="cyan", finished_style="cyan")
        grid = Table.grid(expand=True, padding=(0, 1))
        grid.add_column(no_wrap=True)
        grid.add_column(ratio=1)
        grid.add_column(no_wrap=True)
        grid.add_row(f"epoch {epoch} of {epochs}", bar, position)
        return grid


def time_left(elapsed: float, done: int, remaining: int) -> float | None:
    """Returns the seconds for `remaining` steps at the pace so far, None before the first step."""
    return elapsed / done * remaining if done else None


def format_duration(seconds: float) -> str:
    """Returns a duration as m:ss, from one hour on as h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def print_table(heading: Sequence[str], rows: Sequence[Sequence[str]], left: int) -> None:
    """Prints rows under a heading; the first `left` columns are left-aligned, the others right-aligned."""
    out = _stdout()
    header, *lines = _align([heading, *rows], left)
    out.print()
    out.print(header, style="dim")
    for line in lines:
        out.print(line)


def print_table_with_total(
    heading: Sequence[str], rows: Sequence[Sequence[str]], total: Sequence[str], left: int
) -> None:
    """Prints rows between a heading and their total, aligned as in `print_table`."""
    out = _stdout()
    header, *lines, last = _align([heading, *rows, total], left)
    out.print(header, style="dim")
    for line in lines:
        out.print(line)
    out.print(last, style="bold")
    out.print()


def print_results(rows: Mapping[str, str]) -> None:
    """Prints one labelled value per line, neither cut nor wrapped, so that paths can be copied."""
    out = _stdout()
    width = max(map(len, rows))
    out.print()
    for label, value in rows.items():
        out.print(Text.assemble((f"{label:{width}}", "dim"), _GAP, value))


def print_paragraph(heading: str, lines: Sequence[str]) -> None:
    """Prints a blank line, a heading unless it is empty, and lines, neither cut nor wrapped."""
    out = _stdout()
    out.print()
    if heading:
        out.print(Text(heading, "dim"))
    for line in lines:
        out.print(Text(line))


def notice(text: str) -> None:
    """Prints one line."""
    _stdout().print(text)


def dataset_title(result: Mapping[str, object]) -> str:
    """Returns the name of the dataset of a result, followed by the note on it."""
    note = f" ({result['dataset_note']})" if result["dataset_note"] else ""
    return f"{result['dataset']}{note}"


def _stdout() -> rich.console.Console:
    """Returns standard output, with escape codes only in a terminal and without wrapped lines."""
    return rich.console.Console(
        file=cast(IO[str], _EscapingStdout()),
        force_terminal=sys.stdout.isatty(),
        force_jupyter=False,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=True,
    )


class _EscapingStdout:
    """Standard output that escapes what its encoding lacks, such as a file name from an old disk."""

    def __init__(self) -> None:
        self._out = sys.stdout

    def write(self, text: str) -> int:
        encoding = self._out.encoding or "utf-8"
        return self._out.write(text.encode(encoding, "backslashreplace").decode(encoding))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._out, name)


def _align(rows: Sequence[Sequence[str]], left: int) -> list[str]:
    """Returns one line per row with columns of equal width, the first `left` of them left-aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        _GAP.join(
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]

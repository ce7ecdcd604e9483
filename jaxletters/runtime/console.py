"""What a person sees of a run: a live bar in a terminal, one plain line per epoch elsewhere."""

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
    # With it comes JAX, which a list of runs does without.
    from jaxletters.core.types import Scores

_REDRAW_SECONDS = 0.2
_GAP = "  "


class Console:
    """Shows a run of so many steps in all and so many, perhaps not a whole number, per epoch.

    A `brief` one has no lines for epochs.
    """

    def __init__(self, total_steps: int, steps_per_epoch: float, brief: bool = False) -> None:
        self._brief = brief
        self._total_steps = total_steps
        self._steps_per_epoch = steps_per_epoch
        self._out = _out()
        self._live = Live(console=self._out, auto_refresh=False, transient=True)
        self._first: tuple[float, int] | None = None
        self._drawn_at = -math.inf
        self._headed = False

    def notice(self, text: str) -> None:
        """Prints one line that stays."""
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

        `loss` is in nats, `accuracy` in [0, 1]; the time left follows from the pace of the updates.
        """
        now = time.monotonic()
        # After a roll-back the pace begins anew.
        if self._first is None or step < self._first[1]:
            self._first = now, step
        if not self._out.is_interactive or now < self._drawn_at + _REDRAW_SECONDS:
            return
        self._drawn_at = now
        first_time, first_step = self._first
        left = time_left(now - first_time, step - first_step, self._total_steps - step)
        values = (
            ("loss", f"{loss:.4f}"),
            ("accuracy", f"{accuracy:.2%}"),
            ("learning rate", f"{learning_rate:.1e}"),
            ("images/s", f"{images_per_second:,.0f}"),
        )
        numbers = Text(_GAP).join(Text.assemble((f"{k} ", "dim"), v) for k, v in values)
        self._live.start()
        self._live.update(rich.console.Group(self._bar(step, left), numbers), refresh=True)

    def epoch(
        self,
        epoch: int,
        step: int,
        train: "Scores",
        validation: "Scores | None",
        best: bool,
        seconds: float,
    ) -> None:
        """Prints the line of one epoch, unless this is a brief one.

        Args:
            epoch: its number, from 1.
            step: the steps taken so far.
            train: of its training steps.
            validation: of the validation examples after it; None without any.
            best: whether that validation is the best so far.
            seconds: how long it took.
        """
        if self._brief:
            return
        width = len(f"{self._total_steps:,}")
        if not self._headed:
            self._headed = True
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

    def _bar(self, step: int, left: float | None) -> Table:
        epochs = max(1, round(self._total_steps / self._steps_per_epoch))
        epoch = min(epochs, max(1, math.ceil(step / self._steps_per_epoch)))
        place = f"{step:,} of {self._total_steps:,} steps"
        grid = Table.grid(expand=True, padding=(0, 1))
        grid.add_column(no_wrap=True)
        grid.add_column(ratio=1)
        grid.add_column(no_wrap=True)
        grid.add_row(
            f"epoch {epoch} of {epochs}",
            ProgressBar(self._total_steps, step, complete_style="cyan", finished_style="cyan"),
            place if left is None else f"{place}  {format_duration(left)} left",
        )
        return grid


def time_left(elapsed: float, done: int, remaining: int) -> float | None:
    """Returns the seconds for `remaining` steps at the pace so far, None before any is done."""
    return elapsed / done * remaining if done else None


def format_duration(seconds: float) -> str:
    """Returns a length of time as m:ss, or h:mm:ss from an hour on."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def print_table_with_total(
    heading: Sequence[str], rows: Sequence[Sequence[str]], total: Sequence[str], left: int
) -> None:
    """Prints rows between a heading and their total; all columns but the first `left` are flush right."""
    out = _out()
    first, *body, last = _aligned([heading, *rows, total], left)
    out.print(first, style="dim")
    for line in body:
        out.print(line)
    out.print(last, style="bold")
    out.print()


def print_table(heading: Sequence[str], rows: Sequence[Sequence[str]], left: int) -> None:
    """Prints rows under a heading; all columns but the first `left` are flush right."""
    out = _out()
    first, *body = _aligned([heading, *rows], left)
    out.print()
    out.print(first, style="dim")
    for line in body:
        out.print(line)


def print_results(rows: Mapping[str, str]) -> None:
    """Prints one labelled value a line, neither cut nor wrapped, so that paths can be copied."""
    out = _out()
    width = max(map(len, rows))
    out.print()
    for label, value in rows.items():
        out.print(Text.assemble((f"{label:{width}}", "dim"), _GAP, value))


def notice(text: str) -> None:
    """Prints one line."""
    _out().print(text)


def dataset_title(result: Mapping[str, Any]) -> str:
    """Returns the name of a result's dataset, followed by what must be said of it."""
    note = f" ({result['dataset_note']})" if result["dataset_note"] else ""
    return f"{result['dataset']}{note}"


def _out() -> rich.console.Console:
    """Returns standard output, with escape codes only in a terminal and no line breaks inserted."""
    return rich.console.Console(
        file=cast(IO[str], _Escaped()),
        force_terminal=sys.stdout.isatty(),
        force_jupyter=False,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=True,
    )


class _Escaped:
    """Standard output, with escapes for what its encoding has not, such as a file's name from an old disk."""

    def __init__(self) -> None:
        self._out = sys.stdout

    def write(self, text: str) -> int:
        encoding = self._out.encoding or "utf-8"
        return self._out.write(text.encode(encoding, "backslashreplace").decode(encoding))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._out, name)


def _aligned(table: Sequence[Sequence[str]], left: int) -> list[str]:
    """Returns one line per row, its columns equally wide; all but the first `left` flush right."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        _GAP.join(
            f"{cell:{'<' if i < left else '>'}{width}}"
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    ]

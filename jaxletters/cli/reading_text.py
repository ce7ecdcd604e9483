"""Prints a reading in the terminal: the text, what is doubtful in it, and what was not read."""

from collections.abc import Iterator

from jaxletters.reading import doubts
from jaxletters.reading.classifier import Classifier
from jaxletters.reading.recognition import Line, Reading
from jaxletters.runtime import console

# Rows of a table; longer ones hide the text.
_MOST_ROWS = 30
_ALTERNATIVES = 4
# The most characters of a word in the table, so that its rows have 80 columns.
_WORD_LENGTH = 12
_INDENT = "  "
_MORE = "and {} more, which --json lists"


def print_reading(reading: Reading) -> None:
    """Prints a reading in 80 columns, apart from longer lines of its text."""
    lines = reading.text.split("\n")
    console.print_paragraph(reading.name, [_INDENT + line for line in lines])
    _print_doubts(reading)
    _print_not_read(reading)


def print_notes(classifier: Classifier, coverage: float) -> None:
    """Prints what holds for all readings of a network."""
    notes: list[str] = []
    if classifier.calibration is not None:
        notes.append(
            f"{100 * coverage:g}% of characters like the network's validation examples are the one read or "
            'one below "or else".'
        )
    if not doubts.tells_case(classifier.class_names):
        notes.append("Upper and lower case are not told apart: the network has one class for both.")
    if notes:
        console.print_paragraph("", notes)


def _print_doubts(reading: Reading) -> None:
    rows = [row for i, line in enumerate(reading.lines, 1) for row in _rows(reading, line, i)]
    if not rows:
        return
    heading = ("line", "word", "read", "confidence", "or else", "why")
    # Most rows have no reason.
    columns = len(heading) if any(row[-1] for row in rows) else len(heading) - 1
    shown = [row[:columns] for row in rows[:_MOST_ROWS]]
    console.print_table(heading[:columns], shown, left=columns)
    _print_rest(len(rows))


def _rows(reading: Reading, line: Line, number: int) -> Iterator[tuple[str, ...]]:
    """Yields a row of the table for each doubtful character of a line."""
    for word in line:
        names = [character.name for character in word]
        for i, character in enumerate(word):
            if doubts.is_doubtful(character):
                others = doubts.alternatives(reading, character, _ALTERNATIVES + 1)
                more = ["..."] if len(others) > _ALTERNATIVES else []
                yield (
                    str(number),
                    _marked(names, i),
                    character.name,
                    f"{character.confidence:.0%}",
                    " ".join([*others[:_ALTERNATIVES], *more]),
                    character.reason or ("cut from one stroke" if character.is_cut else ""),
                )


def _marked(names: list[str], index: int) -> str:
    """Returns a word with one character in brackets, and of a long word the part round it."""
    start = min(max(index - _WORD_LENGTH // 2, 0), max(len(names) - _WORD_LENGTH, 0))
    part = names[start : start + _WORD_LENGTH]
    part[index - start] = f"[{part[index - start]}]"
    return "".join(part)


def _print_not_read(reading: Reading) -> None:
    if not reading.not_read:
        return
    ink = sorted(reading.not_read, key=lambda unread: _area(unread.box), reverse=True)
    rows = [(reason, *map(str, box)) for box, reason in ink[:_MOST_ROWS]]
    console.print_table(
        ("not read, or in part, in pixels", "left", "top", "right", "bottom"), rows, left=1
    )
    _print_rest(len(ink))


def _area(box: tuple[int, int, int, int]) -> int:
    left, top, right, bottom = box
    return (right - left) * (bottom - top)


def _print_rest(count: int) -> None:
    if count > _MOST_ROWS:
        console.notice(_MORE.format(count - _MOST_ROWS))

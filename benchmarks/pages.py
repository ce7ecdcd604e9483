"""How well pages are read: generated pages, fonts, photographs, what is not a letter, and the time it takes.

    JAXLETTERS_ARCHIVES=<folder of archives> python benchmarks/pages.py --fonts FOLDER --photos FOLDER

reads with the reader that ships, or with a run (`--run FOLDER --config FILE`). The pages are written with the
letters that the config holds out for validation. `benchmarks/page_fonts.py` says where the fonts are from;
the folder of photographs has a readings.tsv with the columns file, reading and kind. Without these folders
their parts are left out. `--draw FOLDER` keeps every picture with what was read. `--part Time` measures one
part, which takes minutes, instead of all. Writes benchmarks/results/pages.md, in which parts that are not
measured stay; `--small` measures less and writes nothing.
"""

import argparse
import csv
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np
import page_fonts
import page_generator
import page_glyphs
import page_non_letters
import page_scores
from page_generator import KINDS, Page
from page_glyphs import Pool
from page_reader import Read, reader
from page_scores import Breaks, Score
from PIL import Image

from jaxletters.config.builtin_sources import AlphaDigits
from jaxletters.data import images
from jaxletters.reading import loader
from jaxletters.reading.classifier import Classifier
from jaxletters.runtime import xla

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "pages.md"
# What the reader is meant to reach: shares, and seconds.
PHOTOGRAPHS_RIGHT = {"single letters": 0.96, "words, lines and pages": 5 / 7}
NOTES_KEPT, REFUSED, LETTERS_REFUSED = 0.95, 0.95, 0.02
ERRORS = {"plain": 0.05, "touching": 0.12}
SECONDS = {"a word": 3.0, "a page": 6.0}
PARTS = "Photographs", "What is not a letter", "Time", "Generated pages", "Fonts"


def table(heading: str, rows: list[list[str]]) -> list[str]:
    """Returns the lines of a table in Markdown; `heading` has its columns between bars."""
    columns = heading.split("|")
    return [
        f"| {' | '.join(c.strip() for c in columns)} |",
        f"|{'---|' * len(columns)}",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def against(text: str, met: bool, target: str) -> str:
    """Returns a figure, marked if it misses its target."""
    return text if met else f"{text} **(missed {target})**"


def percent(share: float) -> str:
    """Returns a share with one decimal, or a dash for one of nothing."""
    return "-" if np.isnan(share) else f"{share:.1%}"


def agreement(breaks: Breaks) -> str:
    """Returns the share of breaks at the same place among those written or read (the F score)."""
    count = breaks.written + breaks.read
    return percent(2 * breaks.right / count if count else np.nan)


def cells(name: str, score: Score) -> list[str]:
    """Returns the row of a kind of pages."""
    error, target = score.errors / score.written, ERRORS.get(name, 1.0)
    return [
        name,
        str(score.pages),
        str(score.written),
        against(percent(error), error <= target, f"{target:.0%}"),
        percent(score.words_right / score.words),
        agreement(score.spaces),
        agreement(score.line_breaks),
        percent(score.at_coverage(0.9)),
        percent(score.at_coverage(1)),
        percent(score.refused),
        percent(float(score.in_set.mean()) if len(score.in_set) else np.nan),
        str(score.sure_and_wrong),
    ]


HEADING = (
    "pages | number | characters | character error | words right | spaces | line breaks "
    "| right at 90% | at 100% | refused | in the set | wrong above .9"
)


def generated(pool: Pool, others: Pool, read: Read, count: int) -> list[str]:
    """Reads generated pages of every kind; returns the lines of their table."""
    rows: list[list[str]] = []
    for name, letters, kind in [
        *((kind, pool, kind) for kind in KINDS),
        ("plain, AlphaDigits", others, "plain"),
    ]:
        pages = (page_generator.generate(letters, seed, kind) for seed in range(count))
        scores = [score(page, f"{name}_{seed}", read) for seed, page in enumerate(pages)]
        rows.append(cells(name, page_scores.total(scores)))
        print(*rows[-1], flush=True)
    return table(HEADING, rows)


def score(page: Page, name: str, read: Read) -> Score:
    """Returns how a page is read."""
    return page_scores.of_page(page.lines, read(page.picture, name, page.text))


def fonts(folder: Path, read: Read, count: int) -> list[str]:
    """Reads words and notes in fonts; returns the lines of their table."""
    rows: list[list[str]] = []
    for name in (*page_fonts.FONTS, *page_fonts.JOINED):
        found = []
        for i, note in enumerate(page_fonts.words(folder, name)):
            reading = read(note.picture, f"{name}_{i}", note.lines[0][0])
            found.append(len(reading.characters) if reading else 0)
        lengths = [len(word) for word in page_fonts.SINGLE]
        half = len(lengths)
        row = [name]
        for counts in (found[:half], found[half:]):
            right = sum(a == b for a, b in zip(counts, lengths, strict=True))
            row += [f"{sum(counts)} of {sum(lengths)}", f"{right} of {half}"]
        rows.append(row)
    notes = page_fonts.notes(folder, 0, count)
    kept = 0
    for i, note in enumerate(notes):
        written = "\n".join(map(" ".join, note.lines))
        reading = read(note.picture, f"note_{i}", written)
        counts = [len(line) for line in reading.lines] if reading else []
        kept += counts == [len(words) for words in note.lines]
    heading = (
        "font | lower case: characters | words with all | upper case: characters | words with all"
    )
    return [
        *table(heading, rows),
        "",
        f"Notes of two and three lines: all lines and spaces are kept in {kept} of {len(notes)} "
        f"({against(f'{kept / len(notes):.1%}', kept >= NOTES_KEPT * len(notes), f'{NOTES_KEPT:.0%}')}).",
    ]


def photographs(folder: Path, read: Read) -> list[str]:
    """Reads photographs; returns the lines of their table and what was misread."""
    rows = list(csv.DictReader((folder / "readings.tsv").open(), delimiter="\t"))
    right: dict[str, list[bool]] = defaultdict(list)
    sure_and_wrong: dict[str, int] = defaultdict(int)
    misread: list[str] = []
    for row in rows:
        written = row["reading"].upper()
        kind = "single letters" if len(written) == 1 else "words, lines and pages"
        picture = images.read(folder / row["file"])
        reading = read(picture, Path(row["file"]).stem, written)
        text = " ".join(reading.text.upper().split()) if reading else ""
        right[kind].append(text == written)
        score = page_scores.of_page([written.split()], reading)
        sure_and_wrong[kind] += score.sure_and_wrong
        if text != written:
            misread.append(f"{row['file']}: {row['reading']} as {text or 'nothing'}")
    found: list[list[str]] = []
    for kind, r in right.items():
        share, target = sum(r) / len(r), PHOTOGRAPHS_RIGHT[kind]
        marked = against(percent(share), share >= target, f"{target:.0%}")
        found.append([kind, f"{sum(r)} of {len(r)}", marked, str(sure_and_wrong[kind])])
    return [
        *table("photographs | right, case ignored | | wrong characters above .9", found),
        "",
        f"Misread: {'; '.join(misread)}.",
    ]


def non_letters(pool: Pool, read: Read, count: int) -> list[str]:
    """Reads what is not a letter, then letters alone; returns the lines of the table of refusals."""
    refused: dict[str, list[bool]] = defaultdict(list)
    for i, thing in enumerate(page_non_letters.draw(pool, 0, count)):
        refused[thing.kind].append(is_refused(read, thing.picture, f"{thing.kind}_{i}"))
    rng = np.random.default_rng(1)
    letters = [
        is_refused(read, page_non_letters.photograph(pool, name, rng), f"letter_{name}_{i}")
        for i in range(max(count // 26, 1))
        for name in pool.letters
    ]
    groups = [
        *refused.items(),
        ("all of them", [r for group in refused.values() for r in group]),
        ("letters alone", letters),
    ]
    shares = {kind: sum(r) / len(r) for kind, r in groups}
    met = {
        "all of them": (shares["all of them"] >= REFUSED, f"{REFUSED:.0%}"),
        "letters alone": (shares["letters alone"] <= LETTERS_REFUSED, f"{LETTERS_REFUSED:.0%}"),
    }
    rows = [
        [k, f"{sum(r)} of {len(r)}", against(percent(shares[k]), *met.get(k, (True, "")))]
        for k, r in groups
    ]
    return table("what is no letter | refused | ", rows)


def is_refused(read: Read, picture: np.ndarray, name: str) -> bool:
    """Returns whether a reader names no letter in a picture."""
    reading = read(picture, name, name)
    return reading is None or all(c.name == "?" for c in reading.characters)


def latency(pool: Pool, run: list[str], rounds: int) -> list[str]:
    """Times `jaxletters predict`; returns the lines of a table."""
    pages = [page_generator.generate(pool, seed, "plain") for seed in range(30)]
    sizes = [sum(len(word) for line in page.lines for word in line) for page in pages]
    chosen = ("a word", 5), ("a page", 100)
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, characters in chosen:
            i = min(range(len(pages)), key=lambda i: abs(sizes[i] - characters))
            file = Path(folder) / f"{characters}.jpg"
            Image.fromarray(pages[i].picture).save(file, quality=90)
            command = [sys.executable, "-m", "jaxletters", "predict", *run, str(file)]
            seconds: list[float] = []
            for _ in range(rounds + 1):
                began = time.perf_counter()
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
                seconds.append(time.perf_counter() - began)
            later, target = statistics.median(seconds[1:]), SECONDS[name]
            marked = against(f"{later:.1f} s", later <= target, f"{target:g} s")
            rows.append([f"{name} of {sizes[i]} characters", f"{seconds[0]:.1f} s", marked])
    return table("`jaxletters predict` with the start of its process | first | later, median", rows)


def measured(
    arguments: argparse.Namespace, classifier: Classifier
) -> Iterator[tuple[str, list[str]]]:
    """Yields the title of each part that is measured, one of `PARTS`, and the lines of its result."""
    for part, measure in _measures(arguments, classifier).items():
        if arguments.part in (None, part):
            yield part, measure()


def _measures(
    arguments: argparse.Namespace, classifier: Classifier
) -> dict[str, Callable[[], list[str]]]:
    """Returns the function that measures each part, without those whose pictures are not here."""
    small, draw = arguments.small, arguments.draw

    def drawing(part: str) -> Read:
        return reader(classifier, draw / part if draw else None)

    pool = page_glyphs.held_out(arguments.config)
    others = page_glyphs.whole(AlphaDigits())
    run = [str(arguments.run)] if arguments.run else []
    measures: dict[str, Callable[[], list[str]]] = {
        "Photographs": lambda: photographs(arguments.photos, drawing("photos")),
        "What is not a letter": lambda: non_letters(pool, drawing("others"), 54 if small else 200),
        "Time": lambda: latency(pool, run, 3 if small else 5),
        "Generated pages": lambda: generated(pool, others, drawing("pages"), 2 if small else 30),
        "Fonts": lambda: fonts(arguments.fonts, drawing("fonts"), 18 if small else 300),
    }
    missing = {"Photographs": arguments.photos is None, "Fonts": arguments.fonts is None}
    return {part: measure for part, measure in measures.items() if not missing.get(part)}


def sections(text: str) -> dict[str, str]:
    """Returns the text of each part of a result by its title."""
    parts = re.split(r"^\*\*(.+)\*\*\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def main() -> None:
    """Measures, and writes and prints the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--run", type=Path)
    parser.add_argument("--config", type=Path, default=ROOT / "configs" / "emnist_reader.py")
    parser.add_argument("--fonts", type=Path)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--draw", type=Path)
    parser.add_argument("--part", choices=PARTS)
    parser.add_argument("--small", action="store_true")
    arguments = parser.parse_args()
    xla.configure()
    classifier = loader.load(arguments.run) if arguments.run else loader.pretrained()
    foot = (
        f"{classifier.name}, {os.cpu_count()} CPU cores, jaxlib {version('jaxlib')}, "
        f"scipy {version('scipy')}, pillow {version('pillow')}, {date.today()}; "
        "`python benchmarks/pages.py`."
    )
    for name, found in measured(arguments, classifier):
        text = "\n".join(["", *found, "", foot, ""])
        print(f"**{name}**", text, sep="\n", flush=True)
        # After each part, so that an interrupted measurement keeps those before.
        if not arguments.small:
            known = sections(RESULT.read_text() if RESULT.exists() else "") | {name: text}
            ordered = [f"**{part}**\n{known[part].rstrip()}\n" for part in PARTS if part in known]
            RESULT.write_text("\n".join(ordered))


if __name__ == "__main__":
    main()

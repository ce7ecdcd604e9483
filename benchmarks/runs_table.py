"""The table of finished runs in the README, from their run folders.

    python benchmarks/runs_table.py checkpoints/quickstart checkpoints/mnist_mlp checkpoints/emnist_deeper

writes benchmarks/results/runs.md, with the references that configs/study.py names; a sweep's trials make a
table of their own, benchmarks/results/<sweep>.md. With --to NAME the first is NAME.md instead of runs.md.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import provenance

from jaxletters import configfile, workdir
from jaxletters.config import StudyConfig
from jaxletters.report import comparison
from jaxletters.report.comparison import Row

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"


def references() -> dict[str, float]:
    """Returns the study's accuracy to compare with, in percent, by the name of the config."""
    study = configfile.load(ROOT / "configs" / "study.py")
    assert isinstance(study, StudyConfig)
    return {Path(entry.file).stem: entry.reference for entry in study.experiments}


def runs(folders: Sequence[Path]) -> list[Sequence[str]]:
    """Returns the cells of a table of experiments, a row each."""
    found = []
    for folder in folders:
        name, reference = f"`configs/{folder.name}.py`", references().get(folder.name, 0.0)
        found.append(comparison.cells(Row(name, "", workdir.result(folder), reference)))
    return [comparison.HEADING, *found]


def trials(folder: Path) -> list[Sequence[str]]:
    """Returns the cells of a table of a sweep's trials, the baseline first."""
    rows = workdir.result(folder)["rows"]
    baseline = rows[0]["test_accuracy"]
    found: list[Sequence[str]] = [
        ("technique", *comparison.HEADING[:1], *comparison.HEADING[2:8], "to the baseline")
    ]
    for row in rows:
        name, _, *cells = comparison.cells(Row(row["name"], row["group"], row))
        difference = f"{100 * (row['test_accuracy'] - baseline):+.2f}"
        found.append((row["group"], name, *cells[:6], "" if row is rows[0] else difference))
    return found


def write(name: str, cells: list[Sequence[str]], folders: Sequence[Path]) -> None:
    """Writes and prints a Markdown table, with what it was made with at its foot."""
    finished = [file for folder in folders for file in folder.glob(f"**/{workdir.RESULT}")]
    made = [provenance.of(file.parents[1]) for file in finished]
    heading, *rows = cells
    lines = [
        *(f"| {' | '.join(line)} |" for line in (heading, ("---",) * len(heading), *rows)),
        "",
        "Accuracies in percent. One run each, seed 0, "
        f"{provenance.foot(made, 'python benchmarks/runs_table.py')} on the run folders.",
    ]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.md").write_text("\n".join(lines) + "\n")
    print(*lines, sep="\n")


def main() -> None:
    """Writes the table of all experiments, and one of each sweep."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path, help="finished run folders")
    parser.add_argument("--to", default="runs", help="the table's name (%(default)s)")
    given = parser.parse_args()
    folders = [folder.absolute() for folder in given.folders]
    sweeps = [folder for folder in folders if "rows" in workdir.result(folder)]
    single = [folder for folder in folders if folder not in sweeps]
    for folder in sweeps:
        write(folder.name, trials(folder), [folder])
    if single:
        write(given.to, runs(single), single)


if __name__ == "__main__":
    main()

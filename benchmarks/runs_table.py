"""The table of finished runs in the README, from their run folders.

    python benchmarks/runs_table.py checkpoints/quickstart checkpoints/mnist_mlp checkpoints/emnist_deeper

writes benchmarks/results/runs.md, with the references from configs/study.py; the trials of a sweep have a
separate table, benchmarks/results/<sweep>.md. With --to NAME the first is NAME.md instead of runs.md. Rows
of experiments that are not among the folders are kept (benchmarks/results/runs.json), so that one
experiment can be repeated without the others.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import provenance

from jaxletters.config import configfile
from jaxletters.config.schema import StudyConfig
from jaxletters.report import comparison
from jaxletters.report.comparison import Row
from jaxletters.runs import workdir

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"

_ONE_RUN = "One run each, seed 0"
_SPREAD = comparison.HEADING.index("95% interval, or folds")

Record = dict[str, Any]


def references() -> dict[str, float]:
    """Returns the reference accuracies of the study in percent, by name of the config."""
    study = configfile.load(ROOT / "configs" / "study.py")
    assert isinstance(study, StudyConfig)
    return {Path(entry.file).stem: entry.reference for entry in study.experiments}


def experiment(folder: Path) -> Record:
    """Returns the row of a finished run, under comparison.HEADING, and its provenance."""
    name, reference = f"`configs/{folder.name}.py`", references().get(folder.name, 0.0)
    cells = comparison.cells(Row(name, "", workdir.result(folder), reference))
    return {"cells": list(cells), **provenance.of(folder)._asdict()}


def merged(kept: Sequence[Record], new: Sequence[Record]) -> list[Record]:
    """Returns the kept records in their order, with new records replacing those of the same name."""
    return list({record["cells"][0]: record for record in (*kept, *new)}.values())


def add(name: str, folders: Sequence[Path]) -> None:
    """Adds finished runs to a table, replacing those of the same name."""
    file = RESULTS / f"{name}.json"
    kept = json.loads(file.read_text()) if file.exists() else []
    records = merged(kept, [experiment(folder) for folder in folders])
    RESULTS.mkdir(exist_ok=True)
    file.write_text(json.dumps(records, indent=1) + "\n")
    made = [provenance.Made(record["stack"], record["day"]) for record in records]
    several = all(" seeds" in record["cells"][_SPREAD] for record in records)
    remark = "Means over seeds" if several else _ONE_RUN
    write(name, [comparison.HEADING, *(record["cells"] for record in records)], made, remark)


def trials(folder: Path) -> list[Sequence[str]]:
    """Returns the cells of a table of a sweep's trials, the baseline first."""
    rows = [Row(row["name"], row["group"], row) for row in workdir.result(folder)["rows"]]
    baseline = rows[0]
    table: list[Sequence[str]] = [
        ("technique", *comparison.HEADING[:1], *comparison.HEADING[2:8], "to the baseline")
    ]
    for row in rows:
        name, _, *cells = comparison.cells(row)
        difference = "" if row is baseline else comparison.difference(row, baseline)
        table.append((row.group, name, *cells[:6], difference.replace("*", r"\*")))
    return table


def _remark(folder: Path) -> str:
    """Returns how the trials of a sweep were measured."""
    several = [comparison.repeats(row) for row in workdir.result(folder)["rows"]]
    if None in several:
        return _ONE_RUN
    return (
        f"Means over {len(several[0].values)} seeds each; \\* marks a difference to the baseline with "
        "p < .05 (Welch's t-test over the seeds), expected by chance in 1 of 20 rows"
    )


def write(
    name: str,
    cells: list[Sequence[str]],
    made: Sequence[provenance.Made],
    remark: str = _ONE_RUN,
) -> None:
    """Writes and prints a Markdown table with the provenance in its footer."""
    heading, *rows = cells
    lines = [
        *(f"| {' | '.join(line)} |" for line in (heading, ("---",) * len(heading), *rows)),
        "",
        f"Accuracies in percent. {remark}, "
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
    arguments = parser.parse_args()
    folders = [folder.absolute() for folder in arguments.folders]
    sweeps = [folder for folder in folders if "rows" in workdir.result(folder)]
    single = [folder for folder in folders if folder not in sweeps]
    for folder in sweeps:
        finished = folder.glob(f"**/{workdir.RESULT}")
        made = [provenance.of(file.parents[1]) for file in finished]
        write(folder.name, trials(folder), made, _remark(folder))
    if single:
        add(arguments.to, single)


if __name__ == "__main__":
    main()

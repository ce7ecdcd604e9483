"""The table of finished runs in the README, from their run folders.

    python benchmarks/runs_table.py checkpoints/quickstart checkpoints/mnist_mlp checkpoints/emnist_deeper

writes benchmarks/results/runs.md, with the references that configs/study.py names.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from jaxletters import configfile
from jaxletters.config import StudyConfig
from jaxletters.report import comparison
from jaxletters.report.comparison import Row

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "runs.md"


def references() -> dict[str, float]:
    """Returns the study's accuracy to compare with, in percent, by the name of the config."""
    study = configfile.load(ROOT / "configs" / "study.py")
    assert isinstance(study, StudyConfig)
    return {Path(entry.file).stem: entry.reference for entry in study.experiments}


def rows(folder: Path) -> Iterator[Row]:
    """Yields the table's rows of one finished experiment: one, or a row a trial of a sweep."""
    result = json.loads((folder / "report" / "result.json").read_text())
    if "rows" in result:
        yield from (Row(f"{r['group']}: {r['name']}", folder.name, r) for r in result["rows"])
    else:
        name = f"`configs/{folder.name}.py`"
        yield Row(name, folder.name, result, references().get(folder.name, 0.0))


def table(found: Sequence[Row]) -> list[str]:
    """Returns the lines of a Markdown table."""
    lines = [comparison.HEADING, ("---",) * len(comparison.HEADING), *map(comparison.cells, found)]
    return [f"| {' | '.join(cells)} |" for cells in lines]


def main(folders: list[Path]) -> None:
    """Writes and prints the table."""
    environments = [json.loads(file.read_text()) for f in folders for file in f.glob("env.json")]
    stacks = {
        ", ".join(f"{name} {e['versions'][name]}" for name in ("python", "jaxlib", "flax", "optax"))
        for e in environments
    }
    files = [folder / "report" / "result.json" for folder in folders]
    days = sorted({str(date.fromtimestamp(file.stat().st_mtime)) for file in files})
    lines = [
        *table([row for folder in folders for row in rows(folder)]),
        "",
        f"Accuracies in percent. One run each, seed 0, {environments[0]['cpus']} CPU cores, "
        f"{' or '.join(sorted(stacks))}, {' to '.join(dict.fromkeys((days[0], days[-1])))}; "
        "`python benchmarks/runs_table.py` on the run folders.",
    ]
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text("\n".join(lines) + "\n")
    print(RESULT.read_text())


if __name__ == "__main__":
    main([Path(argument).absolute() for argument in sys.argv[1:]])

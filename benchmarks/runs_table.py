"""The table of finished runs in the README, from their run folders.

    python benchmarks/runs_table.py checkpoints/quickstart checkpoints/emnist_deeper

writes benchmarks/results/runs.md.
"""

import json
import sys
from datetime import date
from pathlib import Path

RESULT = Path(__file__).parent / "results" / "runs.md"
_HEAD = "| config | data | parameters | epochs | training time | validation | test accuracy (95% interval) |"


def row(folder: Path) -> str:
    """Returns the table's row of one finished run."""
    from jaxletters.console import duration

    run = json.loads((folder / "report" / "result.json").read_text())
    low, high = run["test_accuracy_interval"]
    data = f"`{run['dataset']}`" + (f", {run['dataset_note']}" if run["dataset_note"] else "")
    cells = (
        f"`configs/{folder.name}.py`",
        data,
        f"{run['parameters']:,}",
        f"{run['epochs']}",
        duration(run["training_seconds"]),
        f"{run['validation_accuracy']:.2%}",
        f"{run['test_accuracy']:.2%} ({low:.2%} to {high:.2%})",
    )
    return f"| {' | '.join(cells)} |"


def main(folders: list[Path]) -> None:
    """Writes and prints the table."""
    environment = json.loads((folders[0] / "env.json").read_text())
    versions = environment["versions"]
    stack = ", ".join(f"{name} {versions[name]}" for name in ("python", "jaxlib", "flax", "optax"))
    day = date.fromtimestamp((folders[-1] / "report" / "result.json").stat().st_mtime)
    lines = [
        _HEAD,
        "|---" * 7 + "|",
        *map(row, folders),
        "",
        f"One run each, seed 0, {environment['cpus']} CPU cores, {stack}, {day}; "
        "`python benchmarks/runs_table.py` on the run folders.",
    ]
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text("\n".join(lines) + "\n")
    print(RESULT.read_text())


if __name__ == "__main__":
    main([Path(argument).absolute() for argument in sys.argv[1:]])

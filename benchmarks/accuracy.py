"""Accuracy of finished runs on EMNIST Letters: mean and standard deviation over seeds, ensembles, cost.

    python launch.py --config configs/emnist_letternet_s_seeds.py
    python benchmarks/accuracy.py checkpoints/emnist_letternet_s_seeds

The runs are of one network, or of one under several seeds. The metrics of each network are kept in
benchmarks/results/accuracy.json; benchmarks/results/accuracy.md is written from all of them.
"""

import argparse
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import provenance

from jaxletters.evaluation import analysis
from jaxletters.models import summary
from jaxletters.runs import restore, workdir
from jaxletters.runtime.console import format_duration

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
HEADING = (
    *("run", "parameters", "MMAC", "trained on", "test accuracy", "each seed"),
    *("first 14,800", "over shifts", "I and L as one", "calibration error", "training, each"),
)
# The number of test images of EMNIST Letters that a rebuilt split takes from NIST's own test split.
FIRST = 14_800
ENSEMBLE = ", ensemble"

Record = dict[str, Any]


def records_of(folder: Path) -> list[Record]:
    """Returns the metrics of every network of a finished run, and of their ensemble."""
    result, name = workdir.require_result(folder), f"`{folder.name}`"
    if "runs" not in result:
        return [record(name, folder)]
    members = [record(name, folder / run) for run in result["runs"]]
    return [*members, record(f"{name}{ENSEMBLE}", folder)]


def record(name: str, folder: Path) -> Record:
    """Returns the metrics of a network, or of an ensemble, for the row of that name."""
    result, run = workdir.result(folder), restore.load_any(folder)
    with np.load(folder / "report" / "predictions.npz") as predictions:
        labels, logits = predictions["labels"], predictions["logits"]
    layers = summary.layers(run.network, len(run.class_names), run.image_shape)
    return {
        "name": name,
        "seed": run.seed,
        "parameters": result["parameters"],
        "multiply_adds": run.members * sum(layer.macs for layer in layers),
        "train_examples": result["train_examples"],
        "validation_examples": result["validation_examples"],
        "test_split_reads": result["test_split_reads"],
        "accuracy": result["test_accuracy"],
        "accuracy_first": float((logits.argmax(1) == labels)[:FIRST].mean()),
        "accuracy_over_shifts": result["accuracy_over_shifts"],
        "accuracy_as_one": accuracy_as_one(labels, logits, run.class_names, "IL"),
        "calibration_error": analysis.calibration_error(labels, logits),
        "seconds": result["training_seconds"],
        **provenance.of(folder)._asdict(),
    }


def accuracy_as_one(
    labels: np.ndarray, logits: np.ndarray, names: Sequence[str], pair: str
) -> float:
    """Returns the accuracy where two letters count as one."""
    one, other = (names.index(letter) for letter in pair)
    confusion = analysis.confusion_matrix(labels, logits.argmax(1), len(names))
    return analysis.accuracy_as_one(confusion, (one, other))


def spread(values: list[float]) -> str:
    """Returns "mean ± standard deviation" in percent."""
    mean = f"{100 * statistics.mean(values):.2f}"
    return mean if len(values) == 1 else f"{mean} ± {100 * statistics.stdev(values):.2f}"


def row(records: Sequence[Record]) -> tuple[str, ...]:
    """Returns a row under HEADING, of one network under all seeds, or of an ensemble."""
    first = records[0]
    held_out = first["validation_examples"]

    def metric(name: str) -> str:
        return spread([r[name] for r in records])

    return (
        first["name"],
        f"{first['parameters']:,}",
        f"{first['multiply_adds'] / 1e6:.1f}",
        f"{first['train_examples']:,}" + (f" ({held_out:,} held out)" if held_out else " (all)"),
        metric("accuracy"),
        ", ".join(f"{100 * r['accuracy']:.2f}" for r in records),
        *map(
            metric,
            ("accuracy_first", "accuracy_over_shifts", "accuracy_as_one", "calibration_error"),
        ),
        " ".join(format_duration(r["seconds"]) for r in records),
    )


def table(records: Sequence[Record]) -> list[str]:
    """Returns the lines of the Markdown table of all records, one line per name."""
    ordered = sorted(records, key=lambda r: r["seed"])
    rows = [
        row([r for r in ordered if r["name"] == name])
        for name in dict.fromkeys(r["name"] for r in records)
    ]
    made = [provenance.Made(r["stack"], r["day"]) for r in records]
    reads = max(r["test_split_reads"] for r in records if ENSEMBLE not in r["name"])
    cells = (HEADING, ("---",) * len(HEADING), *rows)
    return [
        *(f"| {' | '.join(line)} |" for line in cells),
        "",
        "EMNIST Letters, rebuilt split; percent, mean ± standard deviation over seeds; no run of one "
        f"network read the test split more than {'once' if reads == 1 else f'{reads} times'}. "
        f"{provenance.foot(made, 'python benchmarks/accuracy.py')}.",
    ]


def add(folder: Path) -> None:
    """Adds a finished run, in place of an earlier one of its name, and writes the table."""
    file = RESULTS / "accuracy.json"
    records = json.loads(file.read_text()) if file.exists() else []
    new = records_of(folder)
    kept = [r for r in records if r["name"] not in {r["name"] for r in new}]
    lines = table([*kept, *new])
    file.write_text(json.dumps([*kept, *new], indent=1) + "\n")
    (RESULTS / "accuracy.md").write_text("\n".join(lines) + "\n")
    print(*lines, sep="\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folders", type=Path, nargs="+", help="finished run folders")
    for each in parser.parse_args().folders:
        add(each.absolute())

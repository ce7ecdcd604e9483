"""Accuracy of a config over seeds: mean, standard deviation, and cost of training.

    python benchmarks/accuracy.py configs/emnist_letternet_s.py --seeds 0 1 2

trains and tests the config once per seed, in its default run folder, or in a folder beside it for a seed
other than the config's. Finished runs are not repeated and interrupted runs are resumed. The metrics of
each seed are kept in benchmarks/results/accuracy.json; benchmarks/results/accuracy.md is written from all
of them.
"""

import argparse
import dataclasses
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import provenance
from launched import ROOT, launch

from jaxletters.config import configfile, fingerprints
from jaxletters.config.schema import Config
from jaxletters.evaluation import analysis
from jaxletters.models import summary
from jaxletters.runs import workdir
from jaxletters.runtime.console import format_duration

RESULTS = ROOT / "benchmarks" / "results"
HEADING = (
    *("config", "parameters", "MMAC", "trained on", "test accuracy", "each seed"),
    *("first 14,800", "over shifts", "I and L as one", "calibration error", "training, each"),
)
# The number of test images of EMNIST Letters that a rebuilt split takes from NIST's own test split.
FIRST = 14_800

Record = dict[str, Any]


def load(file: Path) -> Config:
    """Returns the config of a run from a file."""
    config = configfile.load(file)
    assert isinstance(config, Config)
    return config


def train(file: Path, seed: int) -> Path:
    """Trains a config with a seed unless that run is finished; returns the run folder."""
    name = file.stem if seed == load(file).seed else f"{file.stem}_seed{seed}"
    folder = ROOT / "checkpoints" / name
    launch(f"--config={file}", f"--workdir={folder}", f"--config.seed={seed}")
    return folder


def record(file: Path, seed: int, folder: Path) -> Record:
    """Returns the metrics of a finished run."""
    config = load(file)
    result = workdir.result(folder)
    with np.load(folder / "report" / "predictions.npz") as predictions:
        labels, logits = predictions["labels"], predictions["logits"]
    info = config.dataset.info()
    layers = summary.layers(config.model, len(info.class_names), info.image_shape)
    return {
        "config": file.stem,
        "seed": seed,
        "fingerprint": _fingerprint(file),
        "parameters": result["parameters"],
        "multiply_adds": sum(layer.macs for layer in layers),
        "train_examples": result["train_examples"],
        "validation_examples": result["validation_examples"],
        "test_split_reads": result["test_split_reads"],
        "accuracy": result["test_accuracy"],
        "accuracy_first": float((logits.argmax(1) == labels)[:FIRST].mean()),
        "accuracy_over_shifts": result["accuracy_over_shifts"],
        "accuracy_as_one": accuracy_as_one(labels, logits, info.class_names, "IL"),
        "calibration_error": analysis.calibration_error(labels, logits),
        "seconds": result["training_seconds"],
        **provenance.of(folder)._asdict(),
    }


def _fingerprint(file: Path) -> str:
    """Returns the fingerprint of a config with seed 0, the same for all its seeds."""
    return fingerprints.fingerprint(dataclasses.replace(load(file), seed=0))


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
    """Returns the row of a config, all seeds together, under HEADING."""
    first = records[0]
    held_out = first["validation_examples"]

    def metric(name: str) -> str:
        return spread([r[name] for r in records])

    return (
        f"`{first['config']}`",
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
    """Returns the lines of the Markdown table of all records, one line per config."""
    ordered = sorted(records, key=lambda r: r["seed"])
    rows = [
        row([r for r in ordered if r["config"] == name])
        for name in dict.fromkeys(r["config"] for r in records)
    ]
    made = [provenance.Made(r["stack"], r["day"]) for r in records]
    reads = max(r["test_split_reads"] for r in records)
    cells = (HEADING, ("---",) * len(HEADING), *rows)
    return [
        *(f"| {' | '.join(line)} |" for line in cells),
        "",
        "EMNIST Letters, rebuilt split; percent, mean ± standard deviation over seeds; no run read the test "
        f"split more than {'once' if reads == 1 else f'{reads} times'}. "
        f"{provenance.foot(made, 'python benchmarks/accuracy.py')}.",
    ]


def add(new: Record) -> None:
    """Adds a record, drops those of earlier versions of its config, and writes the table."""
    file = RESULTS / "accuracy.json"
    records = json.loads(file.read_text()) if file.exists() else []
    kept = [
        r
        for r in records
        if r["config"] != new["config"]
        or (r["fingerprint"] == new["fingerprint"] and r["seed"] != new["seed"])
    ]
    lines = table([*kept, new])
    file.write_text(json.dumps([*kept, new], indent=1) + "\n")
    (RESULTS / "accuracy.md").write_text("\n".join(lines) + "\n")
    print(*lines, sep="\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments = parser.parse_args()
    for seed in arguments.seeds:
        add(record(arguments.config, seed, train(arguments.config, seed)))

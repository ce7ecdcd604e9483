"""Accuracy of a config over seeds: mean, standard deviation, and what it cost.

    python benchmarks/accuracy.py configs/emnist_letternet_s.py --seeds 0 1 2

trains and tests the config once for each seed (a run that is finished is not repeated, an interrupted
one goes on), in the config's own run folder and, for another seed than the config's, one beside it, and
adds its row to benchmarks/results/accuracy.md.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxletters import configfile, data
from jaxletters.config import Config
from jaxletters.console import duration
from jaxletters.models import summary
from jaxletters.report import analysis

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
HEADING = (
    *("config", "parameters", "MMAC", "trained on", "test accuracy", "each seed"),
    *("first 14,800", "over shifts", "I and L as one", "calibration error", "training, each"),
)
# As many of the test images of EMNIST Letters as are NIST's own in a rebuilt split.
FIRST = 14_800


class Run(NamedTuple):
    """One finished run: the content of its `result.json`, its test labels and its logits."""

    result: dict[str, Any]
    labels: np.ndarray
    logits: np.ndarray


def train(file: Path, seed: int) -> Run:
    """Returns the run of a config with a seed, which is trained first if need be."""
    config = configfile.load(file)
    name = file.stem if seed == config.seed else f"{file.stem}_seed{seed}"
    folder = ROOT / "checkpoints" / name
    command = [f"--config={file}", f"--workdir={folder}", f"--config.seed={seed}"]
    subprocess.run([sys.executable, "launch.py", *command], cwd=ROOT, check=True)
    result = json.loads((folder / "report" / "result.json").read_text())
    with np.load(folder / "report" / "predictions.npz") as found:
        return Run(result, found["labels"], found["logits"])


def accuracy_as_one(run: Run, names: tuple[str, ...], pair: str) -> float:
    """Returns the accuracy where two letters count as one."""
    one, other = (names.index(letter) for letter in pair)
    confusion = analysis.confusion_matrix(run.labels, run.logits.argmax(1), len(names))
    return analysis.accuracy_as_one(confusion, (one, other))


def spread(values: list[float], digits: int = 2) -> str:
    """Returns "mean ± standard deviation" of shares, in percent."""
    mean = f"{100 * statistics.mean(values):.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ± {100 * statistics.stdev(values):.{digits}f}"


def row(file: Path, runs: list[Run]) -> dict[str, str]:
    """Returns the table's row of all runs of a config, by HEADING."""
    config = configfile.load(file)
    assert isinstance(config, Config)
    names = data.class_names(config.dataset.name)
    layers = summary.layers(config.model, len(names), data.image_shape(config.dataset))
    first = [float((r.logits.argmax(1) == r.labels)[:FIRST].mean()) for r in runs]
    accuracies = [r.result["test_accuracy"] for r in runs]
    errors = [analysis.calibration_error(r.labels, r.logits) for r in runs]
    trained = runs[0].result["train_examples"]
    held_out = runs[0].result["validation_examples"]
    return {
        "config": f"`{file.stem}`",
        "parameters": f"{sum(layer.parameters for layer in layers):,}",
        "MMAC": f"{sum(layer.macs for layer in layers) / 1e6:.1f}",
        "trained on": f"{trained:,}" + (f" ({held_out:,} held out)" if held_out else " (all)"),
        "test accuracy": spread(accuracies),
        "each seed": ", ".join(f"{100 * accuracy:.2f}" for accuracy in accuracies),
        "first 14,800": spread(first),
        "over shifts": spread([r.result["accuracy_over_shifts"] for r in runs]),
        "I and L as one": spread([accuracy_as_one(r, names, "IL") for r in runs]),
        "calibration error": spread(errors),
        "training, each": duration(statistics.mean(r.result["training_seconds"] for r in runs)),
    }


def write(new: dict[str, str]) -> None:
    """Puts a row into the table in the place of the config's earlier one, and prints the table."""
    file = RESULTS / "accuracy.json"
    rows = json.loads(file.read_text()) if file.exists() else []
    rows = [old for old in rows if old["config"] != new["config"]] + [new]
    file.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
    cells = [HEADING, ("---",) * len(HEADING), *([r[name] for name in HEADING] for r in rows)]
    table = [f"| {' | '.join(line)} |" for line in cells]
    (RESULTS / "accuracy.md").write_text("\n".join(table) + "\n")
    print(*table, sep="\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    given = parser.parse_args()
    write(row(given.config, [train(given.config, seed) for seed in given.seeds]))

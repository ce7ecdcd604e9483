"""The table of an ablation, from the run folder of its sweep.

    python benchmarks/ablation.py checkpoints/emnist_letternet_ablation

writes benchmarks/results/<sweep>.md. For each ingredient left out, it has the mean over seeds of the balanced
validation accuracy and its difference to leaving out nothing, the validation loss after the last epoch, which
resolves smaller differences, and the zero-shot accuracy of the same networks on Binary AlphaDigits.
"""

import math
import statistics
import sys
from pathlib import Path

import provenance
from launched import ROOT, launch

from jaxletters.runs import journal, workdir

NOTHING = "without nothing"
# Key of a row, factor and number of digits of each metric in the table.
_COLUMNS = ("test_balanced_accuracy", 100, 2), ("loss", 1, 4), ("elsewhere", 100, 2)


def read_elsewhere(trial: Path) -> float:
    """Returns the zero-shot accuracy of a trial's network on Binary AlphaDigits."""
    folder = trial / "alphadigits"
    launch(
        "--config=configs/alphadigits_letternet_zero_shot.py",
        f"--config.base.workdir={trial}",
        f"--workdir={folder}",
    )
    return workdir.result(folder)["test_accuracy"]


def last_loss(trial: Path) -> float:
    """Returns a trial's loss on the validation examples after its last epoch, in nats."""
    return [r for r in journal.load(trial) if r["split"] == "validation"][-1]["loss"]


def table(rows: list[dict]) -> list[str]:
    """Returns the lines of a Markdown table, one line per ingredient.

    Args:
        rows: of a sweep's result, with the keys "loss" and "elsewhere" added.
    """
    groups: dict[str, list[dict]] = {}
    for row in rows:
        group = NOTHING if row["group"] == "baseline" else row["group"]
        groups.setdefault(group, []).append(row)
    lines = [
        "| left out | balanced validation accuracy | each seed | difference | loss, last epoch | "
        "difference | AlphaDigits, zero-shot | difference |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for group, trials in groups.items():
        name = "nothing" if group == NOTHING else group.removeprefix("without ")
        accuracy, loss, zero_shot = (
            _cells(*([scale * r[key] for r in rows] for rows in (trials, groups[NOTHING])), digits)
            for key, scale, digits in _COLUMNS
        )
        if group == NOTHING:
            accuracy, loss, zero_shot = ((mean, "") for mean, _ in (accuracy, loss, zero_shot))
        per_seed = ", ".join(f"{100 * row['test_balanced_accuracy']:.2f}" for row in trials)
        cells = [name, accuracy[0], per_seed, accuracy[1], *loss, *zero_shot]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _cells(values: list[float], baseline: list[float], digits: int) -> tuple[str, str]:
    """Returns a mean and its difference to the baseline, with a standard error if there are several seeds."""
    mean = statistics.mean(values)
    # Adding 0 turns -0.0 into 0.0.
    difference = f"{round(mean - statistics.mean(baseline), digits) + 0:+.{digits}f}"
    if min(len(values), len(baseline)) == 1:
        return f"{mean:.{digits}f}", difference
    error = math.sqrt(sum(statistics.variance(v) / len(v) for v in (values, baseline)))
    return f"{mean:.{digits}f}", f"{difference} ± {error:.{digits}f}"


if __name__ == "__main__":
    sweep = Path(sys.argv[1]).absolute()
    rows = workdir.result(sweep)["rows"]
    finished = [file.parents[1] for file in sweep.glob(f"*/{workdir.RESULT}")]
    trials = {workdir.result(trial)["fingerprint"]: trial for trial in finished}
    for row in rows:
        trial = trials[row["fingerprint"]]
        row |= {"loss": last_loss(trial), "elsewhere": read_elsewhere(trial)}
    made = [provenance.of(trial) for trial in trials.values()]
    (epochs,) = {row["epochs"] for row in rows}
    lines = [
        *table(rows),
        "",
        f"EMNIST Letters, rebuilt split; percent, ± standard error; {epochs} epochs of "
        f"{rows[0]['train_examples']:,} training examples, "
        f"{rows[0]['validation_examples']:,} validation examples; the test split was not read. "
        f"{provenance.foot(made, f'python benchmarks/ablation.py checkpoints/{sweep.name}')}.",
    ]
    (ROOT / "benchmarks" / "results" / f"{sweep.name}.md").write_text("\n".join(lines) + "\n")
    print(*lines, sep="\n")

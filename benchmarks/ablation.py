"""The table of an ablation, from the run folder of its sweep.

    python benchmarks/ablation.py checkpoints/emnist_letternet_ablation

writes benchmarks/results/<sweep>.md: for each ingredient left out, the mean over seeds of the mean of all
classes' accuracies on the validation examples, and how far that is from leaving out nothing; beside it the
loss on them after the last epoch, which tells smaller differences apart, and how many letters of Binary
AlphaDigits the same networks read, which they never saw.
"""

import math
import statistics
import sys
from pathlib import Path

import provenance
from launched import ROOT, launch

from jaxletters.runs import journal, workdir

NOTHING = "without nothing"
# What of a trial is shown, times what, with how many digits.
_COLUMNS = ("test_balanced_accuracy", 100, 2), ("loss", 1, 4), ("elsewhere", 100, 2)


def read_elsewhere(trial: Path) -> float:
    """Returns the share of Binary AlphaDigits' letters that a trial's network reads right."""
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
    """Returns the lines of a Markdown table, an ingredient a line.

    Args:
        rows: of a sweep's result, each with its "loss" and its share "elsewhere", too.
    """
    seeds: dict[str, list[dict]] = {}
    for row in rows:
        group = NOTHING if row["group"] == "baseline" else row["group"]
        seeds.setdefault(group, []).append(row)
    lines = [
        "| left out | balanced validation accuracy | each seed | difference | loss, last epoch | "
        "difference | AlphaDigits, zero-shot | difference |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for group, found in seeds.items():
        name = "nothing" if group == NOTHING else group.removeprefix("without ")
        here, loss, there = (
            _cells(*([scale * r[key] for r in rows] for rows in (found, seeds[NOTHING])), digits)
            for key, scale, digits in _COLUMNS
        )
        if group == NOTHING:
            here, loss, there = ((mean, "") for mean, _ in (here, loss, there))
        each = ", ".join(f"{100 * row['test_balanced_accuracy']:.2f}" for row in found)
        cells = [name, here[0], each, here[1], *loss, *there]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _cells(found: list[float], whole: list[float], digits: int) -> tuple[str, str]:
    """Returns a mean and its difference to that of the whole, with a standard error where one is known."""
    mean = statistics.mean(found)
    # Adding nothing makes a zero of minus zero.
    difference = f"{round(mean - statistics.mean(whole), digits) + 0:+.{digits}f}"
    if min(len(found), len(whole)) == 1:
        return f"{mean:.{digits}f}", difference
    error = math.sqrt(sum(statistics.variance(v) / len(v) for v in (found, whole)))
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

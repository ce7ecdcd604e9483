"""The table of an ablation, from the run folder of its sweep.

    python benchmarks/ablation.py checkpoints/emnist_letternet_ablation

writes benchmarks/results/<sweep>.md: for each ingredient left out, the mean over seeds of the mean of all
classes' accuracies on the validation examples, and how far that is from leaving out nothing; beside it how
many letters of Binary AlphaDigits the same networks read, which they never saw.
"""

import json
import math
import statistics
import subprocess
import sys
from pathlib import Path

import provenance

ROOT = Path(__file__).parents[1]
NOTHING = "without nothing"


def read_elsewhere(trial: Path) -> float:
    """Returns the share of Binary AlphaDigits' letters that a trial's network reads right."""
    folder = trial / "alphadigits"
    words = [
        "--config=configs/alphadigits_letternet_zero_shot.py",
        f"--config.base.workdir={trial}",
    ]
    subprocess.run(
        [sys.executable, "launch.py", *words, f"--workdir={folder}"], cwd=ROOT, check=True
    )
    return json.loads((folder / "report" / "result.json").read_text())["test_accuracy"]


def table(rows: list[dict]) -> list[str]:
    """Returns the lines of a Markdown table, an ingredient a line.

    Args:
        rows: of a sweep's result, each with its share "elsewhere", too.
    """
    seeds: dict[str, list[dict]] = {}
    for row in rows:
        group = NOTHING if row["group"] == "baseline" else row["group"]
        seeds.setdefault(group, []).append(row)
    lines = [
        "| left out | balanced validation accuracy | each seed | difference, standard error | "
        "AlphaDigits, zero-shot | difference, standard error |",
        "|---|---|---|---|---|---|",
    ]
    for group, found in seeds.items():
        name = "nothing" if group == NOTHING else group.removeprefix("without ")
        here, there = (
            _cells([row[key] for row in found], [row[key] for row in seeds[NOTHING]])
            for key in ("test_balanced_accuracy", "elsewhere")
        )
        each = ", ".join(f"{100 * row['test_balanced_accuracy']:.2f}" for row in found)
        lines.append(f"| {name} | {here[0]} | {each} | {here[1]} | {there[0]} | {there[1]} |")
    return lines


def _cells(found: list[float], whole: list[float]) -> tuple[str, str]:
    """Returns a mean and its difference to that of the whole, in percent."""
    mean = 100 * statistics.mean(found)
    if found == whole:
        return f"{mean:.2f}", ""
    difference = f"{mean - 100 * statistics.mean(whole):+.2f}"
    if min(len(found), len(whole)) == 1:
        return f"{mean:.2f}", difference
    error = 100 * math.sqrt(sum(statistics.variance(v) / len(v) for v in (found, whole)))
    return f"{mean:.2f}", f"{difference} ± {error:.2f}"


if __name__ == "__main__":
    sweep = Path(sys.argv[1]).absolute()
    rows = json.loads((sweep / "report" / "result.json").read_text())["rows"]
    trials = {
        json.loads(file.read_text())["fingerprint"]: file.parents[1]
        for file in sweep.glob("*/report/result.json")
    }
    for row in rows:
        row["elsewhere"] = read_elsewhere(trials[row["fingerprint"]])
    made = [provenance.of(trial) for trial in trials.values()]
    (epochs,) = {row["epochs"] for row in rows}
    lines = [
        *table(rows),
        "",
        f"EMNIST Letters, rebuilt split, percent; {epochs} epochs of {rows[0]['train_examples']:,} training "
        f"examples, {rows[0]['validation_examples']:,} validation examples; the test split was not read. "
        f"{provenance.foot(made, f'python benchmarks/ablation.py checkpoints/{sweep.name}')}.",
    ]
    (ROOT / "benchmarks" / "results" / f"{sweep.name}.md").write_text("\n".join(lines) + "\n")
    print(*lines, sep="\n")

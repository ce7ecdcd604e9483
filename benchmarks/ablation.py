"""The table of an ablation, from the run folder of its sweep.

    python benchmarks/ablation.py checkpoints/emnist_letternet_ablation

writes benchmarks/results/ablation.md: for each ingredient left out, the mean over seeds of the mean of all
classes' accuracies on the validation examples, and how far that is from leaving out nothing.
"""

import json
import math
import statistics
import sys
from pathlib import Path

RESULT = Path(__file__).parent / "results" / "ablation.md"
NOTHING = "without nothing"


def table(rows: list[dict]) -> list[str]:
    """Returns the lines of a Markdown table of a sweep's rows, an ingredient a line."""
    seeds: dict[str, list[float]] = {}
    for row in rows:
        group = NOTHING if row["group"] == "baseline" else row["group"]
        seeds.setdefault(group, []).append(100 * row["test_balanced_accuracy"])
    whole = seeds[NOTHING]
    lines = [
        "| left out | balanced validation accuracy | each seed | difference, standard error |",
        "|---|---|---|---|",
    ]
    for group, found in seeds.items():
        each = ", ".join(f"{value:.2f}" for value in found)
        name = "nothing" if group == NOTHING else group.removeprefix("without ")
        difference = ""
        if group != NOTHING:
            error = math.sqrt(sum(statistics.variance(v) / len(v) for v in (found, whole)))
            gap = statistics.mean(found) - statistics.mean(whole)
            difference = f"{gap:+.2f} ± {error:.2f}"
        lines.append(f"| {name} | {statistics.mean(found):.2f} | {each} | {difference} |")
    return lines


if __name__ == "__main__":
    result = json.loads((Path(sys.argv[1]) / "report" / "result.json").read_text())
    lines = table(result["rows"])
    RESULT.write_text("\n".join(lines) + "\n")
    print(*lines, sep="\n")

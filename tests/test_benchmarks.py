"""The tables that the benchmarks make of finished runs."""

import runpy
from types import SimpleNamespace

import numpy as np
import pytest
import runs


def benchmark(name):
    return SimpleNamespace(**runpy.run_path(str(runs.ROOT / "benchmarks" / f"{name}.py")))


def test_an_ablation_sets_the_mean_over_seeds_beside_that_of_everything():
    rows = [
        {"group": group, "test_balanced_accuracy": here, "elsewhere": there}
        for group, here, there in (
            ("baseline", 0.94, 0.9),
            ("without nothing", 0.96, 0.9),
            ("without wings", 0.91, 0.8),
            ("without wings", 0.93, 0.8),
        )
    ]
    nothing, wings = benchmark("ablation").table(rows)[2:]
    assert nothing == "| nothing | 95.00 | 94.00, 96.00 |  | 90.00 |  |"
    # Variances of 2 and 2 over two seeds each: a standard error of sqrt(2 / 2 + 2 / 2).
    assert wings == "| wings | 92.00 | 91.00, 93.00 | -3.00 ± 1.41 | 80.00 | -10.00 ± 0.00 |"


def test_two_letters_that_count_as_one_are_not_confused():
    accuracy = benchmark("accuracy")
    labels = np.int32([1, 2, 3, 3])
    logits = np.eye(4, dtype=np.float32)[[2, 1, 3, 1]]
    run = accuracy.Run({}, labels, logits)
    assert accuracy.accuracy_as_one(run, ("N/A", "I", "L", "A"), "IL") == 0.75


@pytest.mark.parametrize(
    ("values", "expected"), [([0.95], "95.00"), ([0.94, 0.95, 0.96], "95.00 ± 1.00")]
)
def test_a_spread_over_seeds(values, expected):
    assert benchmark("accuracy").spread(values) == expected

"""The tables that the benchmarks make of finished runs."""

import os
import runpy
from datetime import datetime
from types import SimpleNamespace

import numpy as np
import pytest
import runs

from jaxletters.evaluation import conformal
from jaxletters.runs import manifest


def benchmark(name):
    return SimpleNamespace(**runpy.run_path(str(runs.ROOT / "benchmarks" / f"{name}.py")))


def test_an_ablation_sets_the_mean_over_seeds_beside_that_of_everything():
    rows = [
        {"group": group, "test_balanced_accuracy": here, "loss": 1 - here, "elsewhere": there}
        for group, here, there in (
            ("baseline", 0.94, 0.9),
            ("without nothing", 0.96, 0.9),
            ("without wings", 0.91, 0.8),
            ("without wings", 0.93, 0.8),
        )
    ]
    nothing, wings = benchmark("ablation").table(rows)[2:]
    assert nothing == "| nothing | 95.00 | 94.00, 96.00 |  | 0.0500 |  | 90.00 |  |"
    # Variances of 2 and 2 over two seeds each: a standard error of sqrt(2 / 2 + 2 / 2).
    assert wings == (
        "| wings | 92.00 | 91.00, 93.00 | -3.00 ± 1.41 | 0.0800 | +0.0300 ± 0.0141 "
        "| 80.00 | -10.00 ± 0.00 |"
    )


def test_an_ablation_of_one_seed_knows_no_error():
    rows = [
        {"group": group, "test_balanced_accuracy": here, "loss": 1 - here, "elsewhere": here}
        for group, here in (("baseline", 0.94), ("without wings", 0.91))
    ]
    *_, wings = benchmark("ablation").table(rows)
    assert wings == "| wings | 91.00 | 91.00 | -3.00 | 0.0900 | +0.0300 | 91.00 | -3.00 |"


def test_two_letters_that_count_as_one_are_not_confused():
    accuracy = benchmark("accuracy")
    labels = np.int32([1, 2, 3, 3])
    logits = np.eye(4, dtype=np.float32)[[2, 1, 3, 1]]
    assert accuracy.accuracy_as_one(labels, logits, ("N/A", "I", "L", "A"), "IL") == 0.75


@pytest.mark.parametrize(
    ("values", "expected"), [([0.95], "95.00"), ([0.94, 0.95, 0.96], "95.00 ± 1.00")]
)
def test_a_spread_over_seeds(values, expected):
    assert benchmark("accuracy").spread(values) == expected


def seeds_of(name, accuracies):
    figures = ("accuracy_first", "accuracy_over_shifts", "accuracy_as_one", "calibration_error")
    counts = {"train_examples": 1000, "validation_examples": 0, "test_split_reads": 1}
    about = {"parameters": 1234, "multiply_adds": 5_600_000, "stack": "2 CPU cores", "seconds": 61}
    return [
        {"name": name, "seed": seed, "accuracy": accuracy, "day": f"2026-11-2{seed}"}
        | dict.fromkeys(figures, 0.5)
        | counts
        | about
        for seed, accuracy in enumerate(accuracies)
    ]


@pytest.mark.slow
def test_what_launch_says_is_not_said_again(capfd):
    with pytest.raises(SystemExit) as ended:
        benchmark("launched").launch("--config=configs/nothing.py")
    assert ended.value.code == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert "configs/nothing.py" in line


def test_the_foot_of_a_table_names_each_stack_and_the_first_and_last_day(tmp_path):
    versions = dict.fromkeys(("jaxlib", "flax", "optax"), "1")
    for name, python, day in (("a", "3.12.1", 21), ("b", "3.11.7", 23), ("b/fold", "3.13.0", 22)):
        result = tmp_path / name / "report" / "result.json"
        result.parent.mkdir(parents=True)
        result.touch()
        noon = datetime(2026, 11, day, 12).timestamp()
        os.utime(result, (noon, noon))
        if name != "b/fold":
            about = {"cpus": 2, "versions": {"python": python, **versions}}
            found = manifest.Manifest("", None, {}, [], "", about, [], [])
            manifest.write(tmp_path / name, found)
            (tmp_path / name / "config.json").touch()
    of, foot = (benchmark("provenance").__dict__[name] for name in ("of", "foot"))
    made = [of(tmp_path / name) for name in ("b", "a", "b/fold")]
    rest = "jaxlib 1, flax 1, optax 1"
    expected = (
        f"2 CPU cores, python 3.11.7, {rest} or 2 CPU cores, python 3.12.1, {rest}, "
        "2026-11-21 to 2026-11-23; `again`"
    )
    assert foot(made, "again") == expected
    assert foot(made[:1], "again").endswith(" 1, 2026-11-23; `again`")


def test_the_table_of_accuracies_has_a_line_for_each_run():
    first, second = seeds_of("`one`", [0.94, 0.96]), seeds_of("`two`", [0.9])
    lines = benchmark("accuracy").table([first[1], *second, first[0]])
    cells = [line.split(" | ") for line in lines[2:4]]
    assert [c[0] for c in cells] == ["| `one`", "| `two`"]
    assert [c[4:6] for c in cells] == [["95.00 ± 1.41", "94.00, 96.00"], ["90.00", "90.00"]]
    assert "rebuilt split" in lines[-1]
    assert "more than once" in lines[-1]
    assert "2026-11-20 to 2026-11-21" in lines[-1]


def test_a_run_that_was_measured_again_takes_the_place_of_its_rows(tmp_path, monkeypatch):
    accuracy = benchmark("accuracy")
    found = {"one": seeds_of("`one`", [0.94, 0.96]), "two": seeds_of("`two`", [0.9])}
    monkeypatch.setitem(accuracy.add.__globals__, "RESULTS", tmp_path)
    monkeypatch.setitem(accuracy.add.__globals__, "records_of", lambda folder: found[folder.name])
    accuracy.add(tmp_path / "one")
    accuracy.add(tmp_path / "two")
    found["one"] = [*seeds_of("`one`", [0.97]), *seeds_of("`one`, ensemble", [0.98])]
    accuracy.add(tmp_path / "one")
    lines = (tmp_path / "accuracy.md").read_text().splitlines()
    cells = [line.split(" | ") for line in lines[2:5]]
    assert [(c[0], c[4]) for c in cells] == [
        ("| `two`", "90.00"),
        ("| `one`", "97.00"),
        ("| `one`, ensemble", "98.00"),
    ]


def test_an_experiment_measured_anew_takes_the_place_of_its_row():
    merged = benchmark("runs_table").merged
    mlp, convnet, deeper, anew = (
        {"cells": [name, figure], "day": day}
        for name, figure, day in (
            ("mlp", "98.02", "2026-11-22"),
            ("convnet", "99.27", "2026-11-22"),
            ("deeper", "94.62", "2026-11-22"),
            ("mlp", "98.10", "2026-11-23"),
        )
    )
    assert merged([mlp, convnet], [deeper, anew]) == [anew, convnet, deeper]


def test_coverage_is_measured_for_each_share_asked():
    coverage = benchmark("coverage")
    labels = np.arange(100, dtype=np.int32) % 2
    logits = np.eye(2, dtype=np.float32)[labels]
    logits[:4] *= -1
    calibration = conformal.calibrate(logits, labels)
    probabilities = conformal.probabilities(logits, calibration)
    measured = coverage.Measured("here", "there", probabilities, labels, calibration)
    lines = coverage.rows([measured])
    assert coverage.rows([measured, measured])[0][4] == lines[0][4]
    assert [line[3] for line in lines] == ["80", "90", "95", "99"]
    assert lines[0][:5] == ("here", "there", "100", "80", "96.00")
    assert lines[0][6:] == ("96.00", "96.00", "1.00", "100.0")
    assert {len(line) for line in lines} == {len(coverage.HEADING)}

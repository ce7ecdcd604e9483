"""The command `jaxletters` as its user meets it."""

import subprocess
import sys

import matplotlib.image
import pytest
import runs


def jaxletters(*arguments, cwd=runs.ROOT):
    return subprocess.run(
        [sys.executable, "-m", "jaxletters.cli", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
    )


def test_inspect_draws_every_class_and_counts_it(tmp_path):
    sheet = tmp_path / "sheet.png"
    done = jaxletters(
        "inspect", "sketch_letters", "--output", str(sheet), "--config.dataset.size=520"
    )
    assert done.returncode == 0, done.stderr
    assert str(sheet) in done.stdout
    assert "generated data" in done.stdout
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["A", "1", "20", "4"] in lines
    assert ["all", "520", "104"] in lines
    height, width, _ = matplotlib.image.imread(sheet).shape
    assert min(height, width) > 500


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["inspect", "emnist_leters"], "emnist_leters"),
        (["inspekt", "mnist"], "inspekt"),
        (["inspect", "mnist", "--config.dataset.sise=3"], "did you mean 'dataset.size'"),
        (["inspect", "mnist", "--config.dataset.npz=nowhere.npz"], "nowhere.npz: expected a NumPy"),
        ([], "COMMAND"),
    ],
)
def test_what_the_user_must_mend_is_one_line_and_code_2(arguments, expected):
    done = jaxletters(*arguments)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert expected in line

"""The entry point as its user meets it: what it prints, what it leaves, how it exits."""

import json
import os
import subprocess
import sys

import processes
import pytest
import runs

pytestmark = pytest.mark.slow


def launch(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, runs.PROGRAM, *arguments]
    return processes.run(command, cwd=runs.ROOT, env={**os.environ, **environment})


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--config=configs/quikstart.py"], "did you mean 'configs/quickstart.py'"),
        (
            [*runs.SMALL, "--config.optimizer.lerning_rate=1"],
            "did you mean 'optimizer.learning_rate'",
        ),
        (
            [*runs.SMALL, "--config.training.batch_size=-1"],
            "config.training.batch_size: expected 1 to",
        ),
        (
            [*runs.SMALL, "--config.training.batch_size=100000"],
            "config.training.batch_size: ",
        ),
        ([*runs.SMALL, "--config.model.widths=(2,2,2,2,2,2)"], "config.model.widths"),
        (
            [*runs.SMALL, "--config.model.padding=valid", "--config.model.kernel_sizes=(9,9,9)"],
            "shrink to nothing",
        ),
        ([*runs.SMALL, "--config.model.padding=full"], "one of same, valid"),
        (
            [
                "--config=configs/alphadigits_letternet_scratch_crossval.py",
                "--config.dataset.resize=none",
                "--config.model.crop=9",
            ],
            "config.model.crop: ",
        ),
        (
            [word for word in runs.SMALL if "dataset.size" not in word]
            + ["--config.dataset=alpha_letters"],
            "no test split",
        ),
    ],
)
def test_what_the_user_must_mend_is_one_line_and_code_2(tmp_path, arguments, expected):
    workdir = tmp_path / "run"
    done = launch(*arguments, f"--workdir={workdir}")
    assert done.returncode == 2
    # A generated dataset may have been announced before, in a line of its own.
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("Preparing ")]
    assert line.startswith("error: ")
    assert expected in line
    assert not (workdir / "steps").exists()
    assert not (workdir / "metrics.jsonl").exists()


def test_all_problems_are_named_at_once():
    done = launch(
        *runs.SMALL, "--config.seed=-1", "--config.optimizer.name=adm", "--config.loss.l2=-1"
    )
    assert done.returncode == 2
    assert [line.split(":")[1].strip() for line in done.stderr.splitlines()] == [
        "config.seed",
        "config.loss.l2",
        "config.optimizer.name",
    ]


def test_a_folder_of_other_files_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    done = launch(*runs.SMALL, f"--workdir={tmp_path}")
    assert done.returncode == 2
    assert "--workdir" in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_run_leaves_everything_its_user_is_promised(tmp_path):
    """And it does so without TensorFlow, also where that is installed."""
    workdir = tmp_path / "run"
    program = (
        "import sys, launch; code = launch.main(); "
        "print('TENSORFLOW' if 'tensorflow' in sys.modules else 'no TF'); sys.exit(code)"
    )
    short = (*runs.SMALL, "--config.training.epochs=1", f"--workdir={workdir}")
    done = subprocess.run(
        [sys.executable, "-c", program, *short], cwd=runs.ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "no TF"
    assert "stage1_conv1" in done.stdout
    assert "test accuracy" in done.stdout
    assert str(workdir / "report" / "index.html") in done.stdout
    for name in (
        "config.json",
        "manifest.json",
        "examples.npz",
        "metrics.jsonl",
        "timings.jsonl",
        "tensorboard",
        "steps",
    ):
        assert (workdir / name).exists(), name
    drawn = {
        *("contact_sheet", "learning_curves", "class_accuracy", "confusion_matrix"),
        *("reliability", "worst_mistakes", "augmentation", "kernels"),
    }
    assert {p.name for p in (workdir / "report").iterdir()} == {
        *(f"{name}.png" for name in drawn),
        "calibration.json",
        "index.html",
        "predictions.npz",
        "result.json",
        "result.txt",
    }
    result = json.loads((workdir / "report" / "result.json").read_text())
    assert result["test_split_reads"] == 1
    assert result["dataset_note"] == "generated data"
    environment = json.loads((workdir / "manifest.json").read_text())["environment"]
    assert environment["versions"]["jax"]
    assert environment["settings"]["compilation_cache"]
    assert "allocator" in environment["settings"]


def test_a_folder_that_the_terminal_cannot_show_is_a_folder(tmp_path):
    workdir = tmp_path / "caf\xe9"
    short = (*runs.SMALL, "--config.training.epochs=1", f"--workdir={workdir}")
    done = launch(*short, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    assert f"{tmp_path}/caf\\xe9/report/index.html" in done.stdout
    assert (workdir / "report" / "result.json").exists()


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        (["--config=~nobody_of_that_name/x.py"], {}, "~nobody_of_that_name/x.py: expected"),
        (
            ["--config=configs/quickstart.py", "--workdir=~nobody_of_that_name/x"],
            {},
            "~nobody_of_that_name/x: expected",
        ),
        (
            ["--config=configs/mnist_mlp.py", "--workdir={folder}/run"],
            {
                "JAXLETTERS_ARCHIVES": "~nobody_of_that_name/x",
                "TFDS_DATA_DIR": "{folder}/tensorflow_datasets",
            },
            "~nobody_of_that_name/x: expected",
        ),
        (
            ["--config=configs/quickstart.py", "--workdir={folder}/caf\udce9"],
            {},
            "UTF-8",
        ),
        (
            ["--config=configs/quickstart.py", "--workdir={folder}/link/run"],
            # What cannot be written is told before the data are prepared.
            {"TFDS_DATA_DIR": "{folder}/tensorflow_datasets"},
            "drive",
        ),
    ],
)
def test_a_path_that_leads_nowhere_is_one_line(tmp_path, arguments, environment, expected):
    (tmp_path / "link").symlink_to(tmp_path / "drive")
    done = launch(
        *(word.format(folder=tmp_path) for word in arguments),
        **{name: text.format(folder=tmp_path) for name, text in environment.items()},
    )
    runs.assert_user_error(done, expected)
    assert [path.name for path in tmp_path.iterdir()] == ["link"]

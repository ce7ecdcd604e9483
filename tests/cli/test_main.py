"""The command `jaxletters` as its user meets it."""

import json
import os
import shutil
import subprocess
import sys

import matplotlib.image
import numpy as np
import processes
import pytest
import runs
from PIL import Image
from results import RUN

from jaxletters.config.builtin_sources import Mnist
from jaxletters.config.fingerprints import fingerprint
from jaxletters.config.schema import Config
from jaxletters.data.synthetic import sketch
from jaxletters.runs import consistency
from jaxletters.runtime.files import write_json

pytestmark = pytest.mark.slow


def test_inspect_draws_every_class_and_counts_it(tmp_path):
    sheet = tmp_path / "sheet.png"
    done = runs.jaxletters(
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


RECORDS = [
    {"step": 5, "epoch": 1.0, "split": "train", "examples": 5, "loss": 0.5, "accuracy": 0.9},
    {"step": 5, "epoch": 1.0, "split": "validation", "loss": 0.6, "accuracy": 0.8},
]


def on_images(digest):
    """What identifies a dataset whose test images have this digest."""
    splits = {name: {"examples": 9, "images": digest, "labels": "b"} for name in ("train", "test")}
    return {
        "dataset": "mnist",
        "note": "",
        "class_names": list("0123456789"),
        "image_shape": [28, 28],
        "fit": "emnist",
        "inverted": False,
        "remarks": [],
        "splits": splits,
        "division": "",
        "left_out": "",
    }


@pytest.fixture
def finished(tmp_path):
    """A folder with two finished runs, one of them without validation."""
    for name, records in (("one", RECORDS), ("two", RECORDS[:1])):
        config = Config(dataset=Mnist())
        result = {**RUN, "fingerprint": fingerprint(config)}
        consistency.start_run(tmp_path / name, config, pytest.fail, on_images("a"))
        write_json(tmp_path / name / "report" / "result.json", result)
        lines = "".join(f"{json.dumps(record)}\n" for record in records)
        (tmp_path / name / "metrics.jsonl").write_text(lines)
    return tmp_path


def test_runs_lists_what_there_is(finished):
    done = runs.jaxletters("runs", str(finished))
    assert done.returncode == 0, done.stderr
    _, heading, *rows = done.stdout.splitlines()
    assert heading.split()[:2] == ["run", "state"]
    figures = ["5", "1:15", "95.10", "94.25", "93.00", "to", "95.00"]
    assert [row.split() for row in rows] == [
        [name, "finished", "emnist_letters,", "rebuilt", "split", *figures]
        for name in ("one", "two")
    ]


def test_report_compares_runs_on_a_page(finished):
    done = runs.jaxletters("report", "one", "two", "--to", "both", cwd=finished)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(finished / "both" / "index.html")
    page = (finished / "both" / "index.html").read_text()
    for name in ("one", "two"):
        assert f'<a href="../{name}/report/index.html">{name}</a>' in page
    for picture in ("comparison.png", "learning_curves.png"):
        assert f'src="{picture}"' in page
        assert matplotlib.image.imread(finished / "both" / picture).size


@pytest.mark.parametrize(("digest", "warned"), [("a", False), ("c", True)])
def test_report_says_that_runs_were_tested_on_other_images(finished, digest, warned):
    file = finished / "two" / "manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "data": on_images(digest)}))
    runs.jaxletters("report", "one", "two", "--to", "both", cwd=finished)
    page = (finished / "both" / "index.html").read_text()
    assert ("accuracies cannot be compared" in page) == warned


def test_report_refuses_a_run_whose_config_was_edited(finished):
    file = finished / "two" / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "seed": 5}))
    done = runs.jaxletters("report", "one", "two", "--to", "both", cwd=finished)
    runs.assert_user_error(done, "two/config.json: ", "fingerprint")


def test_report_tells_runs_of_the_same_name_apart(finished, tmp_path):
    for place in ("home", "work"):
        shutil.copytree(finished / "one", tmp_path / place / "one")
    done = runs.jaxletters("report", "home/one", "work/one", "--to", "both", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "both" / "index.html").read_text()
    for place in ("home", "work"):
        assert f'<a href="../{place}/one/report/index.html">{place}/one</a>' in page


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["runs", "nowhere"], "nowhere: expected a folder"),
        (["runs", "--alll"], "--alll"),
        (["report", "nowhere"], "nowhere: expected a finished run"),
        (["report", "nowhere", "--to", "tests"], "tests: expected an earlier comparison"),
        (["inspect", "mnist", "--config.dataset.limit=9"], "config.dataset.limit: no such setting"),
        (["export", "nowhere", "--to", "bundle"], "nowhere: expected a finished run"),
        (["export", "nowhere", "--to", "README.md"], "README.md: expected a folder"),
        (["export", "nowhere", "--to", "tests"], "tests: expected a bundle"),
        (["export", "nowhere"], "--to"),
        (["inspect", "emnist_leters"], "emnist_leters"),
        (["inspekt", "mnist"], "inspekt"),
        (["inspect", "sketch_letters", "--config.dataset.sise=3"], "did you mean 'dataset.size'"),
        (["inspect", "nowhere.npz"], "nowhere.npz: expected a file"),
        (["runs", "~nobody_of_that_name/x"], "~nobody_of_that_name"),
        (["predict", "~nobody_of_that_name/x", "a.png"], "~nobody_of_that_name/x: expected"),
        (
            ["inspect", "mnist", "--config.dataset=~nobody_of_that_name/x.npz"],
            "~nobody_of_that_name/x.npz: expected",
        ),
        (
            ["inspect", "mnist", "--config.dataset.data_dir=~nobody_of_that_name/x"],
            "~nobody_of_that_name/x: expected",
        ),
        ([], "COMMAND"),
    ],
)
def test_what_the_user_must_mend_is_one_line_and_code_2(arguments, expected):
    runs.assert_user_error(runs.jaxletters(*arguments), expected)


def test_the_package_is_the_command(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "jaxletters", "runs", str(tmp_path)],
        cwd=runs.ROOT,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, f"No runs in {tmp_path}\n"), done.stderr


@pytest.fixture
def handwritten(tmp_path):
    """A folder with pictures of letters, some of whose names no terminal shows, and other files."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    letters, _ = sketch.draw(3, "test", seed=1)
    ink = np.concatenate([np.pad(np.kron(x, np.ones((4, 4))), 20) for x in letters], axis=1)
    for name in (b"plain.png", "caf\xe9.png".encode(), b"caf\xe9.png"):
        Image.fromarray(255 - ink.astype(np.uint8)).save(folder / os.fsdecode(name))
    (folder / "notes.txt").write_text("not a picture")
    return folder


@pytest.mark.parametrize("kind", ["table", "json"])
def test_all_pictures_of_a_folder_are_read_whatever_their_names(
    finished_run, handwritten, tmp_path, monkeypatch, kind
):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    options = ["--json"] if kind == "json" else ["--show"]
    done = runs.jaxletters("predict", finished_run, handwritten, *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    if kind == "json":
        found = json.loads(done.stdout)
        assert [reading["image"] for reading in found] == sorted(
            map(str, handwritten.glob("*.png"))
        )
        assert len({reading["text"] for reading in found}) == 1
        return
    names = [f"{handwritten}/{name}.png" for name in ("caf\\udce9", "caf\\xe9", "plain")]
    lines = done.stdout.splitlines()
    shown = [name for name in names if any(line.startswith(name) for line in lines)]
    assert sorted(shown) == sorted(names)
    written = {os.fsencode(file.name) for file in tmp_path.glob("*_read.png")}
    assert written == {b"plain_read.png", "caf\xe9_read.png".encode(), b"caf\xe9_read.png"}


def test_new_writes_a_config_that_trains_on_a_folder_of_one_s_own(tmp_path):
    script = str(runs.ROOT / "examples" / "own_images.py")
    processes.run([sys.executable, script, "mine"], cwd=tmp_path).check_returncode()
    done = runs.jaxletters("new", "kana", "--images", "mine", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    sheet = runs.jaxletters("inspect", "kana.py", cwd=tmp_path)
    assert sheet.returncode == 0, sheet.stderr
    assert "ぬ" in sheet.stdout
    # As the pictures are dark on light and of several sizes, both of which is said.
    assert sheet.stdout.count("Look: ") == 2
    words = ("--config=kana.py", "--config.training.epochs=1", "--config.model.width=4")
    launch = [sys.executable, str(runs.ROOT / "launch.py"), *words]
    trained = processes.run(launch, cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    read = runs.jaxletters("predict", "checkpoints/kana", "mine/ba/001.png", cwd=tmp_path)
    assert read.returncode == 0, read.stderr
    demo = runs.jaxletters("demo", "checkpoints/kana", "--port", "0", cwd=tmp_path)
    runs.assert_user_error(demo, "handwriting")
    again = runs.jaxletters("new", "kana", cwd=tmp_path)
    runs.assert_user_error(again, "kana.py: expected a new file")


def test_inspect_says_what_looks_wrong_with_any_file(tmp_path):
    images, labels = sketch.draw(520, "train", 0)
    np.savez(tmp_path / "mine.npz", images=255 - images.transpose(0, 2, 1), labels=labels)
    done = runs.jaxletters("inspect", "mine.npz", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "config.dataset.orientation=transposed" in done.stdout
    assert "config.dataset.ink=dark" in done.stdout
    words = ("--config.dataset.orientation=transposed", "--config.dataset.ink=dark")
    done = runs.jaxletters("inspect", "mine.npz", *words, cwd=tmp_path)
    assert "orientation=" not in done.stdout

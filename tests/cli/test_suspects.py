"""`jaxletters suspects`, and a dataset without what it lists."""

import csv
import dataclasses
import json
import shutil

import numpy as np
import pytest
from PIL import Image

import jaxletters as jl
from jaxletters.cli import main
from jaxletters.data import datasets, digests
from jaxletters.data.synthetic import sketch
from jaxletters.experiments import dispatch
from jaxletters.runs import workdir

pytestmark = pytest.mark.slow
WRONG = 12


@pytest.fixture(scope="module")
def letters(tmp_path_factory):
    """Letters of three classes, some of which have each other's label, and which."""
    file = tmp_path_factory.mktemp("letters") / "letters.npz"
    images, labels = sketch.draw(26 * 60, "train", 1)
    chosen = np.isin(labels, (1, 12, 24))
    images, labels = images[chosen], labels[chosen]
    wrong = np.random.default_rng(3).choice(len(labels), WRONG, replace=False)
    labels[wrong] = np.select([labels[wrong] == 1, labels[wrong] == 12], (12, 24), 1)
    names = np.array(["?", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ"])[labels]
    np.savez(file, train_images=images, train_labels=names)
    return file, wrong


@pytest.fixture(scope="module")
def config(letters):
    one = jl.Config(
        dataset=jl.Arrays(str(letters[0])),
        split=jl.Split(validation_per_class=0),
        model=jl.MLPConfig(hidden=(32,)),
        optimizer=jl.OptimizerConfig(learning_rate=1e-2),
        training=jl.TrainingConfig(batch_size=20, epochs=8),
    )
    return jl.cross_validated(one, 3)


@pytest.fixture(scope="module")
def run(config, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "crossval"
    dispatch.run(config, folder)
    return folder


@pytest.fixture(scope="module")
def listed(run, tmp_path_factory):
    """The list that the command wrote."""
    file = tmp_path_factory.mktemp("lists") / "doubted.csv"
    main._run(["suspects", str(run), "--to", str(file)])
    return file


def rows(file):
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))


def test_exchanged_labels_are_listed_and_drawn(letters, listed):
    file, wrong = letters
    with np.load(file) as arrays:
        images, labels = arrays["train_images"], arrays["train_labels"]
    found = rows(listed)
    assert len({int(row["index"]) for row in found} & {*wrong}) >= WRONG - 2
    assert len(found) <= 3 * WRONG
    assert len({int(row["index"]) for row in found[:WRONG]} & {*wrong}) >= WRONG / 2
    hashes = digests.of_images(images)
    for row in found:
        index = int(row["index"])
        assert int(row["image"], 16) == hashes[index]
        assert row["label"] == labels[index] != row["suggested"]
    probabilities = [float(row["label_probability"]) for row in found]
    assert probabilities == sorted(probabilities)
    with Image.open(listed.with_suffix(".png")) as sheet:
        assert sheet.width > 500


def test_a_dataset_without_them_has_all_others(letters, listed):
    file, _ = letters
    source = jl.Without(jl.Arrays(str(file)), str(listed))
    whole, rest = (datasets.load(one, "train") for one in (jl.Arrays(str(file)), source))
    left_out = [int(row["index"]) for row in rows(listed)]
    np.testing.assert_array_equal(rest.images, np.delete(whole.images, left_out, axis=0))
    np.testing.assert_array_equal(rest.labels, np.delete(whole.labels, left_out))
    assert rest.class_names == whole.class_names
    digest = {"train": datasets.DatasetSplits(source).digest("train")}
    assert source.note(digest) == f"without {len(left_out):,} examples"


def test_a_list_exchanged_under_a_run_is_refused(letters, listed, config, tmp_path):
    file = tmp_path / "list.csv"
    shutil.copy(listed, file)
    source = jl.Without(jl.Arrays(str(letters[0])), str(file))
    asked = dataclasses.replace(config, dataset=source)
    result = dispatch.run(asked, tmp_path / "run")
    assert result["test_examples"] == 180 - len(rows(listed))
    assert "without" in result["dataset_note"]
    lines = file.read_text().splitlines()
    file.write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(jl.UserError, match=r"examples there, .* here"):
        dispatch.run(asked, tmp_path / "run")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda lines: lines[1:], "no column 'image'"),
        (lambda lines: [lines[0], "xyz,A,B"], "'xyz'"),
        (lambda lines: [*lines, "0123456789abcdef,A,B,0,1,0"], r"found 1 of \d+"),
        (lambda lines: [lines[0], lines[1].replace(",", ",Z,", 1)], "found 1 of 1"),
    ],
)
def test_a_list_of_something_else_is_refused(letters, listed, tmp_path, change, expected):
    file = tmp_path / "list.csv"
    file.write_text("\n".join(change(listed.read_text().splitlines())) + "\n")
    source = jl.Without(jl.Arrays(str(letters[0])), str(file))
    with pytest.raises(jl.UserError, match=f"config.dataset.file: .*{expected}") as raised:
        datasets.load(source, "train")
    assert len(str(raised.value).splitlines()) == 1


def test_what_is_no_cross_validation_is_refused(config, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one = dataclasses.replace(
        jl.plain(config), split=jl.Split(validation_per_class=0, test_share=0.2)
    )
    dispatch.run(one, tmp_path / "single")
    for folder, expected in (
        (tmp_path / "single", "expected a cross-validation"),
        (tmp_path / "nothing", "expected a finished run"),
    ):
        with pytest.raises(jl.UserError, match=expected):
            main._run(["suspects", str(folder)])
    with pytest.raises(jl.UserError, match=r"expected a file \.csv"):
        main._run(["suspects", str(run), "--to", "list.txt"])
    edited = tmp_path / "edited"
    shutil.copytree(run, edited)
    settings = json.loads((edited / "config.json").read_text())
    settings["seed"] = 5
    (edited / "config.json").write_text(json.dumps(settings))
    with pytest.raises(jl.UserError, match=r"config\.json: expected the config"):
        main._run(["suspects", str(edited)])
    shutil.copytree(run, tmp_path / "cut")
    shutil.copy(tmp_path / "single" / "report" / "predictions.npz", tmp_path / "cut" / "report")
    with pytest.raises(jl.UserError, match=r"expected a prediction of each"):
        main._run(["suspects", str(tmp_path / "cut")])
    assert workdir.result(run)
    assert not list(tmp_path.glob("*.csv"))

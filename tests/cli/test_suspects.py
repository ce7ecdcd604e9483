"""`jaxletters suspects`, and runs that leave out what it lists."""

import csv
import dataclasses
import json
import shutil

import numpy as np
import pytest
from PIL import Image

import jaxletters as jl
from jaxletters.cli import main
from jaxletters.data import datasets, digests, selection
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
        # A spreadsheet would take decimal digits for a number and round it.
        assert row["image"].startswith("0x")
        assert int(row["image"], 16) == hashes[index]
        assert row["label"] == labels[index] != row["suggested"]
    probabilities = [float(row["label_probability"]) for row in found]
    assert probabilities == sorted(probabilities)
    with Image.open(listed.with_suffix(".png")) as sheet:
        assert sheet.width > 500


def leaving_out(config, file, **changes):
    split = dataclasses.replace(config.split, leave_out=file, **changes)
    return dataclasses.replace(config, split=split)


def test_what_is_listed_is_not_trained_on_but_still_evaluated(listed, config):
    splits = datasets.DatasetSplits(config.dataset)
    split = jl.Split(validation_per_class=5)
    trained, validated = selection.train_and_validation(splits, split, 0)
    split = dataclasses.replace(split, leave_out=listed)
    kept, same = selection.train_and_validation(splits, split, 0)
    left = {int(row["index"]) for row in rows(listed)}
    assert {*kept.indices.tolist()} == {*trained.indices.tolist()} - left
    np.testing.assert_array_equal(same.indices, validated.indices)
    assert left & {*validated.indices.tolist()}


def test_a_list_exchanged_under_a_run_is_refused(listed, config, run, tmp_path):
    file = tmp_path / "list.csv"
    shutil.copy(listed, file)
    asked = leaving_out(config, file)
    result = dispatch.run(asked, tmp_path / "run")
    # Every example is tested, as without the list.
    assert result["test_examples"] == workdir.require_result(run)["test_examples"] == 180
    trained = json.loads((tmp_path / "run" / "fold01" / "fold.json").read_text())["train_examples"]
    assert 120 - len(rows(listed)) <= trained < 120
    lines = file.read_text().splitlines()
    # More columns, another order and a byte order mark are the same list.
    same = [",".join(line.split(",")[1::-1]) for line in reversed(lines[1:])]
    file.write_text("\n".join(["\ufefflabel,image", *same]))
    dispatch.run(asked, tmp_path / "run")
    file.write_text("\n".join(lines[:-1]) + "\n")
    for other in (asked, leaving_out(config, "")):
        with pytest.raises(
            jl.UserError, match=r"list of config\.split\.leave_out .* found another"
        ):
            dispatch.run(other, tmp_path / "run")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda _: [], "an empty file"),
        (lambda _: ["hello world"], "found hello world"),
        (lambda lines: lines[1:], "expected the columns image and label"),
        (lambda lines: [lines[0], "xyz,A,B"], "line 2 of .*'xyz'"),
        (lambda lines: [*lines, "0x12"], "line .*None"),
        (lambda lines: [*lines, lines[0]], "line .*'image'"),
        (lambda lines: [*lines, "0123456789abcdef,A,B,0,1,0"], r"found 1 of \d+"),
        (lambda lines: [lines[0], lines[1].replace(",", ",Z,", 1)], "found 1 of 1"),
    ],
)
def test_a_list_of_something_else_is_refused(listed, config, tmp_path, change, expected):
    file = tmp_path / "list.csv"
    file.write_text("\n".join(change(listed.read_text().splitlines())))
    asked = leaving_out(config, file)
    with pytest.raises(jl.UserError, match=f"config.split.leave_out: .*{expected}") as raised:
        dispatch.run(asked, tmp_path / "run")
    assert len(str(raised.value).splitlines()) == 1


def test_a_list_that_was_reviewed_is_not_overwritten(run, listed, tmp_path):
    file = tmp_path / "list.csv"
    shutil.copy(listed, file)
    main._run(["suspects", str(run), "--to", str(file)])
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))
    before = file.read_bytes()
    with pytest.raises(jl.UserError, match="expected a new file or the same list"):
        main._run(["suspects", str(run), "--to", str(file)])
    assert file.read_bytes() == before
    picture = tmp_path / "letters.png"
    picture.write_bytes(b"mine")
    with pytest.raises(jl.UserError, match="expected a new file or the same list"):
        main._run(["suspects", str(run), "--to", str(tmp_path / "letters.csv")])
    assert picture.read_bytes() == b"mine"


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

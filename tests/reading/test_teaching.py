"""A reader is taught a hand: it knows the hand's letters better, and is a run like any other."""

import json
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import runs
from PIL import Image, ImageOps

from jaxletters.config import builtin_sources
from jaxletters.config.builtin_sources import Emnist, SketchLetters
from jaxletters.config.sources import Joined
from jaxletters.core.errors import UserError
from jaxletters.data.synthetic import sketch
from jaxletters.export import writer
from jaxletters.reading import loader, teaching
from jaxletters.runs import restore

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_pictures")]


@pytest.fixture(scope="module")
def hand(tmp_path_factory):
    """Five letters a class of a hand that writes every letter upside down."""
    folder = tmp_path_factory.mktemp("hand")
    images, labels = sketch.draw(130, "test", 3)
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        file = folder / chr(64 + label) / f"{i}.png"
        file.parent.mkdir(exist_ok=True)
        Image.fromarray(image[::-1]).save(file)
    return folder


@pytest.fixture(scope="module", autouse=True)
def quick():
    """A rate for a network that has learned hardly anything yet."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(teaching, "_LEARNING_RATE", 0.02)
        yield


@pytest.fixture(scope="module")
def taught(finished_run, hand, tmp_path_factory):
    return teaching.teach(finished_run, hand, tmp_path_factory.mktemp("runs") / "my_hand")


def test_held_out_letters_are_read_better(taught):
    assert (taught.letters, taught.held_out) == (104, 26)
    assert taught.learned == "sketch_letters"
    assert taught.after > taught.before


def test_the_calibration_is_of_the_new_weights(taught, finished_run):
    calibration = loader.load(taught.folder).calibration
    assert taught.calibrated
    assert calibration not in (None, loader.load(finished_run).calibration)
    result, former = (
        json.loads((folder / "report" / "result.json").read_text())
        for folder in (taught.folder, finished_run)
    )
    assert result["validation_examples"] == former["validation_examples"]


def test_a_taught_run_is_taught_again(taught, hand, tmp_path):
    again = teaching.teach(taught.folder, hand, tmp_path / "again")
    assert (again.learned, again.not_learned) == (hand.name, "")
    assert again.calibrated


@pytest.mark.parametrize("case", ["all", "no split", "other data", "other dataset"])
def test_what_a_bundle_tells_is_enough_or_said(finished_run, hand, tmp_path, monkeypatch, case):
    writer.write(restore.load(finished_run), tmp_path / "bundle", compact=True)
    file = tmp_path / "bundle" / "model.json"
    card = json.loads(file.read_text())
    if case == "no split":
        del card["held_out"]
    if case == "other dataset":
        card["dataset"] = "my_letters"
    file.write_text(json.dumps(card))
    # As the run, or as others have them under the same name.
    trained_on = SketchLetters(size=520 if case == "other data" else 780)
    monkeypatch.setitem(builtin_sources.BUILTIN, "sketch_letters", trained_on)
    monkeypatch.setattr(SketchLetters, "is_here", lambda _: True)
    taught = teaching.teach(tmp_path / "bundle", hand, tmp_path / "my_hand")
    assert taught.calibrated == (case == "all")
    assert (loader.load(taught.folder).calibration is not None) == taught.calibrated
    if case == "other dataset":
        assert taught.learned == ""
        assert "my_letters" in taught.not_learned
    else:
        assert (taught.learned, taught.not_learned) == ("sketch_letters", "")


def test_data_that_are_not_here_are_named(finished_run, hand, tmp_path, monkeypatch):
    joined = Joined((SketchLetters(), Emnist()))
    reader = teaching._of_run(finished_run)._replace(dataset=joined)
    monkeypatch.setattr(Emnist, "is_here", lambda _: False)
    monkeypatch.setattr(SketchLetters, "is_here", lambda _: True)
    monkeypatch.setattr(teaching, "_of_run", lambda _: reader)
    taught = teaching.teach(finished_run, hand, tmp_path / "my_hand")
    assert taught.learned == ""
    assert "emnist_letters" in taught.not_learned
    assert "sketch_letters" not in taught.not_learned


def test_it_is_a_run_that_reads(taught, finished_run):
    classifier, former = loader.load(taught.folder), loader.load(finished_run)
    assert classifier.name == "my_hand"
    assert (classifier.class_names, classifier.fit) == (former.class_names, former.fit)
    result = json.loads((taught.folder / "report" / "result.json").read_text())
    assert result["test_examples"] == 26
    assert result["test_accuracy"] == pytest.approx(taught.after)
    assert result["base"]["folder"] == str(finished_run)
    assert result["unused"] == [0]


def test_another_process_reads_with_it(taught, hand, tmp_path):
    done = runs.jaxletters("runs", taught.folder.parent)
    assert done.returncode == 0, done.stderr
    assert "my_hand" in done.stdout
    picture = tmp_path / "letter.png"
    with Image.open(next(hand.glob("A/*.png"))) as letter:
        ImageOps.invert(letter).resize((280, 280)).save(picture)
    done = runs.jaxletters("predict", "--json", taught.folder, picture)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0]["image"] == str(picture)


def test_first_stages_stay_as_they_are(taught, finished_run):
    new, old = (restore.load(folder).variables.params for folder in (taught.folder, finished_run))
    np.testing.assert_array_equal(new["stage1_conv1"]["kernel"], old["stage1_conv1"]["kernel"])
    assert (np.asarray(new["logits"]["kernel"]) != np.asarray(old["logits"]["kernel"])).any()


def test_a_bundle_is_taught_and_an_earlier_hand_replaced(taught, finished_run, hand, tmp_path):
    bundle = tmp_path / "bundle"
    writer.write(restore.load(finished_run), bundle)
    again = teaching.teach(bundle, hand, taught.folder)
    assert again.before == pytest.approx(taught.before)
    assert again.after > again.before
    assert [path.name for path in taught.folder.parent.iterdir()] == ["my_hand"]


def test_other_folders_are_not_replaced(finished_run, hand, tmp_path):
    (tmp_path / "letter.txt").write_text("mine")
    for folder in (tmp_path, finished_run):
        before = sorted(folder.rglob("*"))
        with pytest.raises(UserError, match="expected"):
            teaching.teach(finished_run, hand, folder)
        assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("folder", [".", "..", "/", "runs/.."])
def test_a_run_needs_a_name(hand, tmp_path, monkeypatch, folder):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="--to") as caught:
        teaching.teach(loader.PRETRAINED, hand, Path(folder))
    assert len(str(caught.value).splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["not a picture", "a huge one"])
def test_a_damaged_picture_is_one_line(hand, tmp_path, damage):
    letters = shutil.copytree(hand, tmp_path / "letters")
    header = struct.pack(">II5B", 2**17, 2**17, 1, 0, 0, 0, 0)
    chunk = b"IHDR" + header
    huge = (
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    )
    (letters / "A" / "0.png").write_bytes(huge if damage == "a huge one" else b"garbage")
    with pytest.raises(UserError) as caught:
        teaching.teach(loader.PRETRAINED, letters, tmp_path / "my_hand")
    assert len(str(caught.value).splitlines()) == 1
    assert "0.png" in str(caught.value)
    assert not (tmp_path / "my_hand").exists()

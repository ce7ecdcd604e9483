"""`jaxletters predict` reads pictures and says what is doubtful."""

import json

import numpy as np
import photographs
import pytest
import runs
from PIL import Image

from jaxletters.data import images
from jaxletters.data.synthetic import sketch
from jaxletters.reading import loader, recognition

SKETCHES, LABELS = sketch.draw(26, "test", 3)


def picture_of(text):
    """Letters in a row, dark on light paper: uint8 `[h, w, 3]`."""
    blank = np.zeros((140, 140), np.uint8)
    parts = [
        blank
        if c == " "
        else np.kron(SKETCHES[LABELS.tolist().index(ord(c) - 64)], np.ones((5, 5)))
        for c in text
    ]
    ink = np.concatenate([np.pad(part, ((40, 40), (5, 5))) for part in parts], axis=1)
    return np.repeat(255 - ink.astype(np.uint8)[..., None], 3, axis=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A word, a letter as a photograph, and a blank page, as files."""
    where = tmp_path_factory.mktemp("pictures")
    Image.fromarray(picture_of("S ON")).save(where / "word.png")
    Image.fromarray(photographs.photographs(0)[3].image).save(where / "letter.jpg")
    Image.fromarray(np.full((80, 90, 3), 240, np.uint8)).save(where / "blank.png")
    return where


@pytest.mark.slow
def test_predict_prints_what_the_network_reads(finished_run, folder):
    files = folder / "word.png", folder / "letter.jpg"
    done = runs.jaxletters("predict", finished_run, *files, "--json")
    assert done.returncode == 0, done.stderr
    classifier = loader.load(finished_run)
    for file, found in zip(files, json.loads(done.stdout), strict=True):
        expected = recognition.read(classifier, images.read(file), str(file)).as_dict()
        assert found["text"] == expected["text"]
        assert found["lines"] == json.loads(json.dumps(expected["lines"]))


@pytest.mark.slow
def test_predict_shows_what_it_found(finished_run, folder, tmp_path):
    file = folder / "word.png"
    done = runs.jaxletters("predict", finished_run, file, "--show", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    printed = [line.strip() for line in done.stdout.splitlines()]
    assert set(found_text(loader.load(finished_run), file).split("\n")) <= set(printed)
    assert str(tmp_path / "word_read.png") in printed
    with Image.open(tmp_path / "word_read.png") as image:
        assert image.width == 800


@pytest.mark.slow
def test_predict_reads_with_the_network_of_the_package_without_a_run(folder):
    done = runs.jaxletters("predict", folder / "word.png", "--json")
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)
    assert [len(word) for word in found["lines"][0]] == [1, 2]
    for word in found["lines"][0]:
        for character in word:
            best = [guess["letter"] for guess in character["best"]]
            assert "N/A" not in best
            assert character["letter"] in (best[0], "?")
            assert set(character["set"]) <= {*"ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


@pytest.mark.slow
def test_the_pages_of_a_tiff_are_read_one_by_one(tmp_path):
    first, second = (Image.fromarray(picture_of(text)) for text in ("SON", "ON"))
    first.save(tmp_path / "scan.tiff", save_all=True, append_images=[second])
    done = runs.jaxletters("predict", tmp_path / "scan.tiff", "--json", "--show", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    counts = [sum(map(len, page["lines"][0])) for page in json.loads(done.stdout)]
    assert counts == [3, 2]
    assert len(list(tmp_path.glob("*_read.png"))) == 2


def found_text(classifier, file):
    return recognition.read(classifier, images.read(file), str(file)).text


@pytest.mark.slow
def test_what_cannot_be_read_is_said_and_the_rest_is_read(finished_run, folder):
    files = folder / "nowhere.png", folder / "word.png", folder / "blank.png"
    done = runs.jaxletters("predict", finished_run, *files)
    assert done.returncode == 2
    first, second = done.stderr.splitlines()
    assert first.startswith(f"error: {files[0]}: cannot be read")
    assert second.startswith(f"error: {files[2]}: expected letters")
    assert str(files[1]) in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["predict", "nowhere", "word.png"], "nowhere: expected a finished run"),
        (["predict", "nowhere"], "nowhere: expected also a picture"),
        (["predict", "nowhere", "a/w.jpg", "b/w.png", "--show"], "both become w_read.png"),
        (["predict", "nowhere", "w.png", "w_read.png", "--show"], "among the pictures to read"),
        (["predict", "nowhere", "s.tiff", "s.tiff_2_read.png", "--show"], "s.tiff_2_read.png"),
        (["predict", "nowhere", "a/s.tiff", "b/s.tiff_2.png", "--show"], "s.tiff_2_read.png"),
        (["predict", "nowhere", "word.png", "--jsn"], "--jsn"),
    ],
)
def test_an_error_of_the_user_is_one_line_and_code_2(arguments, expected):
    runs.assert_user_error(runs.jaxletters(*arguments), expected)

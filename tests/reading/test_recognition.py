"""Pictures of letters are read, by the function and by the command."""

import io
import json

import numpy as np
import photographs
import pytest
import runs
from PIL import Image

from jaxletters.core.errors import UserError
from jaxletters.data import images
from jaxletters.data.synthetic import sketch
from jaxletters.reading import annotation, loader, recognition, segmentation
from jaxletters.reading.classifier import Classifier

NAMES = ("N/A", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ")
SKETCHES, LABELS = sketch.draw(26, "test", 3)


def picture_of(letters):
    """Letters in a row, dark on light paper: uint8 `[h, w, 3]`."""
    parts = [
        np.kron(SKETCHES[LABELS.tolist().index(ord(c) - 64)], np.ones((5, 5))) for c in letters
    ]
    ink = np.concatenate([np.pad(part, ((40, 40), (15, 15))) for part in parts], axis=1)
    return np.repeat(255 - ink.astype(np.uint8)[..., None], 3, axis=2)


@pytest.fixture(scope="module")
def by_likeness():
    """A reader that knows what each letter looks like alone, and says which one is most alike."""
    known = np.stack([segmentation.segment(picture_of(c))[0].image for c in NAMES[1:]]).reshape(
        26, -1
    )
    known = (known - known.mean(1, keepdims=True)) / known.std(1, keepdims=True)

    def call(batch):
        likeness = batch.reshape(len(batch), -1) @ known.T / 28**2
        return np.pad(likeness.astype(np.float32), ((0, 0), (1, 0)))

    return Classifier("by likeness", NAMES, (28, 28), call)


# Made of one part each in this hand, so what is found does not hang on how parts are put together.
@pytest.mark.slow
@pytest.mark.parametrize("text", ["C", "SON", "BLOCS", "UVWZ"])
def test_a_word_is_read_from_the_left(by_likeness, text):
    found = recognition.read(by_likeness, picture_of(text), "word.png")
    assert found.text == text
    lefts = [letter.box[0] for letter in found.letters]
    assert lefts == sorted(lefts)
    as_dict = found.as_dict()
    assert as_dict["image"] == "word.png"
    assert as_dict["text"] == text
    assert [letter["best"][0]["letter"] for letter in as_dict["letters"]] == list(text)
    for letter in as_dict["letters"]:
        shares = [guess["probability"] for guess in letter["best"]]
        assert len(shares) == 5
        assert shares == sorted(shares, reverse=True)


def test_where_nothing_is_written_nothing_is_guessed(by_likeness):
    with pytest.raises(UserError, match=r"blank.png: expected letters .* found no letters"):
        recognition.read(by_likeness, np.full((80, 90, 3), 240, np.uint8), "blank.png")


@pytest.mark.parametrize(
    "picture",
    [np.zeros((80, 90), np.uint8), np.zeros((80, 90, 3)), np.zeros((80, 90, 4), np.uint8)],
)
def test_an_array_that_is_no_picture_is_told_from_an_empty_one(by_likeness, picture):
    with pytest.raises(UserError, match=r"array: expected a picture as uint8 \[h, w, 3\]"):
        recognition.read(by_likeness, picture, "array")


def test_a_network_for_other_images_gets_characters_of_its_size(by_likeness):
    seen = []

    def call(images):
        seen.append(images)
        return np.zeros((len(images), len(NAMES)), np.float32)

    other = Classifier("small", NAMES, (20, 16), call)
    found = recognition.read(other, picture_of("SON"), "letter.png")
    assert len(found.letters) == 3
    assert seen[0].shape[1:] == (20, 16)
    whole = recognition.read(by_likeness, picture_of("SON"), "letter.png")
    for small, large in zip(found.letters, whole.letters, strict=True):
        assert small.box == large.box
        assert small.image.mean() == pytest.approx(large.image.mean(), rel=0.1)


def pixels(png):
    with Image.open(png) as image:
        return np.asarray(image).astype(int)


@pytest.mark.parametrize("letters", ["C", "SONSONSONSON"])
def test_the_annotated_picture_shows_what_was_found_and_seen(by_likeness, letters):
    picture = picture_of(letters)
    found = recognition.read(by_likeness, picture, "word.png")
    page = pixels(io.BytesIO(annotation.annotate(picture, found)))
    left, top, right, _ = (page.shape[1] / picture.shape[1] * edge for edge in found.letters[0].box)
    above = page[round(top) - 4, round(left) : round(right)]
    np.testing.assert_array_equal(above, np.broadcast_to([0x00, 0x72, 0xB2], above.shape))
    # Below, what the network saw, three times as large.
    seen = np.kron(found.letters[0].image, np.ones((3, 3), int))
    rows = range(page.shape[0] - len(seen))
    assert any((page[row : row + len(seen), 6 : 6 + len(seen), 0] == seen).all() for row in rows)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A word, a letter as a photograph, and a blank page, as files."""
    where = tmp_path_factory.mktemp("pictures")
    Image.fromarray(picture_of("SON")).save(where / "word.png")
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
        assert [x["box"] for x in found["letters"]] == [x["box"] for x in expected["letters"]]


@pytest.mark.slow
def test_predict_shows_what_it_found(finished_run, folder, tmp_path):
    file = folder / "word.png"
    done = runs.jaxletters("predict", finished_run, file, "--show", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    text = found_text(loader.load(finished_run), file)
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [str(file), text] in lines
    assert [line[:2] for line in lines if line and line[0] in "123"] == [
        [str(i), name] for i, name in enumerate(text, 1)
    ]
    assert [str(tmp_path / "word_read.png")] in lines
    assert pixels(tmp_path / "word_read.png").shape[1] == 800


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
        (["predict", "nowhere"], "IMAGE"),
        (["predict", "nowhere", "a/w.jpg", "b/w.png", "--show"], "both become w_read.png"),
        (["predict", "nowhere", "w.png", "w_read.png", "--show"], "among the pictures to read"),
        (["predict", "nowhere", "word.png", "--jsn"], "--jsn"),
    ],
)
def test_what_the_user_must_mend_is_one_line_and_code_2(arguments, expected):
    runs.assert_user_error(runs.jaxletters(*arguments), expected)

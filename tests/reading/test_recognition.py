"""Pictures of letters are read."""

import io

import numpy as np
import pytest
from PIL import Image

from jaxletters.core.errors import UserError
from jaxletters.data.synthetic import sketch
from jaxletters.reading import annotation, recognition
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
    same = Classifier(
        "A", NAMES, (28, 28), lambda batch: np.float32([[0, 9, *[0] * 25]] * len(batch))
    )
    found = [recognition.find(same, picture_of(c), c).characters[0] for c in NAMES[1:]]
    known = np.stack([character.image for character in found]).reshape(26, -1)
    known = (known - known.mean(1, keepdims=True)) / known.std(1, keepdims=True)

    def call(batch):
        images = batch.reshape(len(batch), -1) / 255
        likeness = 100 * images @ known.T / known.shape[1]
        return np.pad(likeness.astype(np.float32), ((0, 0), (1, 0)))

    return Classifier("by likeness", NAMES, (28, 28), call, unused=(0,))


# Made of one part each in this hand, so what is found does not hang on how parts are put together.
@pytest.mark.slow
@pytest.mark.parametrize("text", ["C", "SON", "BLOCS", "UVWZ"])
def test_a_word_is_read_from_the_left(by_likeness, text):
    found = recognition.read(by_likeness, picture_of(text), "word.png")
    assert found.text == text
    lefts = [letter.box[0] for letter in found.characters]
    assert lefts == sorted(lefts)
    as_dict = found.as_dict()
    assert as_dict["image"] == "word.png"
    assert as_dict["text"] == text
    ((word,),) = as_dict["lines"]
    assert [letter["letter"] for letter in word] == list(text)
    for letter in word:
        assert letter["best"][0]["letter"] == letter["letter"]
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
    assert len(found.characters) == 3
    assert seen[0].shape[1:] == (20, 16)
    whole = recognition.read(by_likeness, picture_of("SON"), "letter.png")
    for small, large in zip(found.characters, whole.characters, strict=True):
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
    left, top, right, _ = (
        page.shape[1] / picture.shape[1] * edge for edge in found.characters[0].box
    )
    above = page[round(top) - 4, round(left) : round(right)]
    np.testing.assert_array_equal(above, np.broadcast_to([0x00, 0x72, 0xB2], above.shape))
    # Below, what the network saw, three times as large.
    seen = np.kron(found.characters[0].image, np.ones((3, 3), int))
    rows = range(page.shape[0] - len(seen))
    assert any((page[row : row + len(seen), 6 : 6 + len(seen), 0] == seen).all() for row in rows)

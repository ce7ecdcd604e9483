"""What people must know of their data is said, with the remedy, and nothing of data that is sound."""

import string
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxletters.config.builtin_sources import AlphaDigits, Mnist
from jaxletters.config.sources import ORIENTATIONS
from jaxletters.data import checks, datasets, digests, orientation
from jaxletters.data.synthetic import sketch

LETTERS = ("N/A", *string.ascii_uppercase)
SETTINGS = {"orientation": "upright", "ink": "auto"}

WRONG = tuple(ORIENTATIONS)[1:]


def examples(images, labels):
    images = np.asarray(images, np.uint8)
    return checks.Examples(images, np.asarray(labels, np.int32), digests.of_images(images))


def said(images, labels, names=LETTERS, settings=SETTINGS, **others):
    return checks.warnings(names, {"train": examples(images, labels)} | others, settings)


def lying(images, way):
    """Images that `orientation.upright(..., way)` turns upright."""
    probe = np.arange(4).reshape(1, 2, 2)
    (back,) = (
        other
        for other in ORIENTATIONS
        if (orientation.upright(orientation.upright(probe, other), way) == probe).all()
    )
    return orientation.upright(images, back)


@pytest.fixture(scope="module")
def letters():
    return sketch.draw(26 * 20, "test", 5)


@pytest.mark.slow
def test_what_is_as_it_should_be_is_not_talked_about(letters):
    images, labels = letters
    assert said(*letters) == []
    assert checks.problems(LETTERS, {"train": examples(*letters)}) == []
    # ... nor where there is little of it, noise on it, room around it, or colour.
    assert said(images[: 26 * 3], labels[: 26 * 3]) == []
    rng = np.random.default_rng(0)
    assert said(np.clip(images + rng.normal(0, 40, images.shape), 0, 255), labels) == []
    assert said(np.pad(images, ((0, 0), (3, 20), (15, 4))), labels) == []
    assert said(np.repeat(images[..., None], 3, axis=3), labels) == []


@pytest.mark.slow
@pytest.mark.parametrize("way", WRONG)
def test_letters_that_lie_otherwise(letters, way):
    images, labels = letters
    turned = lying(images, way)
    (line,) = said(turned, labels)
    assert f"not upright but {way}" in line
    assert line.endswith(f"set config.dataset.orientation={way}")
    # The remedy is one: these images read with that setting are the upright ones.
    np.testing.assert_array_equal(orientation.upright(turned, way), images)
    (line,) = said(turned, labels, settings={})
    assert line.endswith("turn them where they are read")
    # Few of them, in colour, dark on bright, with room around.
    some = np.pad(turned[: 26 * 5], ((0, 0), (10, 2), (6, 12)))
    (line,) = said(255 - np.repeat(some[..., None], 3, axis=3), labels[: 26 * 5])
    assert line.endswith(f"orientation={way}")


@pytest.mark.slow
@pytest.mark.parametrize("current", ORIENTATIONS)
@pytest.mark.parametrize("way", ORIENTATIONS)
def test_the_remedy_takes_what_is_set_into_account(letters, current, way):
    stored = lying(letters[0][:52], way)
    read = orientation.upright(stored, current)
    lines = said(read, letters[1][:52], settings={"orientation": current})
    if way == current:
        assert lines == []
    else:
        assert lines[0].endswith(f"config.dataset.orientation={way}")


def test_labels_that_are_shifted(letters):
    images, labels = letters
    lines = said(images, labels - 1)
    assert any("labels look too small by one" in line and "add 1" in line for line in lines)
    assert any("labelled 0 (N/A) and none 26 (Z)" in line for line in lines)
    names = (*LETTERS, "other")
    lines = said(images, labels + 1, names)
    assert any("labels look too great by one" in line and "subtract 1" in line for line in lines)
    # Both at once.
    lines = said(lying(images, "transposed"), labels - 1)
    assert any("orientation=transposed" in line for line in lines)
    assert any("too small by one" in line for line in lines)


def test_classes_that_are_exchanged(letters):
    images, labels = letters
    other = np.arange(27)
    other[[3, 20]] = 20, 3
    (line,) = said(images, other[labels])
    assert "C and T look exchanged" in line


def test_labels_that_say_nothing_of_the_images(letters):
    images, labels = letters
    shuffled = np.random.default_rng(1).permutation(labels)
    assert any("labels look random" in line for line in said(images, shuffled))
    # Classes that are hard to tell apart are not taken for random ones.
    rng = np.random.default_rng(2)
    for count in (20, 200, 2000):
        labels = np.arange(count) % 2
        hard = 100 + rng.normal(0, 60, (count, 12, 12)) + 25 * labels[:, None, None]
        assert said(np.clip(hard, 0, 255), labels, ("cat", "dog")) == []
    images, labels = letters
    # Too few to be sure of.
    assert not any("random" in line for line in said(images[:104], shuffled[:104]))


@pytest.mark.parametrize("settings", [SETTINGS, {}])
def test_ink_and_paper_exchanged(letters, settings):
    (line,) = said(255 - letters[0], letters[1], settings=settings)
    assert "dark ink on bright paper" in line
    assert line.endswith("ink=dark" if settings else "where they are read")
    # Letters that touch the borders, so that these are no paper.
    cropped = 255 - letters[0][:, 5:-5, 5:-5]
    assert ["dark ink" in line for line in said(cropped, letters[1])] == [True]


@pytest.mark.slow
@given(st.integers(0, 10**6), st.sampled_from([LETTERS, tuple(string.digits), tuple("αβγδεζηθικ")]))
def test_nothing_is_said_of_how_unknown_shapes_lie(seed, names):
    rng = np.random.default_rng(seed)
    shapes = np.kron(rng.integers(0, 2, (len(names), 7, 7)), np.ones((4, 4))) * 255
    labels = np.repeat(np.arange(names[0] == "N/A", len(names)), 9)
    noise = rng.normal(0, 30, (len(labels), 28, 28))
    lines = said(np.clip(shapes[labels] + noise, 0, 255), labels, names)
    assert not [
        line for line in lines if "upright" in line or "by one" in line or "exchanged" in line
    ]


def test_blank_images_and_a_single_class_are_problems():
    blank, full = np.zeros((4, 5, 5)), np.random.default_rng(0).integers(0, 256, (4, 5, 5))
    one = examples(full, [1, 1, 1, 1])
    (line,) = checks.problems(("a", "b"), {"train": one})
    assert "only b" in line
    (line,) = checks.problems(
        ("a", "b"), {"train": examples(full, [0, 1, 0, 1]), "test": examples(blank, [0, 1, 0, 1])}
    )
    assert line.startswith("test: ")
    assert "all 4 of them blank" in line
    assert len(checks.problems(("a", "b"), {"train": examples(blank + 7, [1] * 4)})) == 2
    assert (
        "found an empty split" in checks.problems(("a", "b"), {"train": examples(full[:0], [])})[0]
    )
    # Some blank ones among others are no reason to stop.
    some = examples([*blank, *full], [0, 1] * 4)
    assert checks.problems(("a", "b"), {"train": some}) == []


def test_classes_with_no_example_or_one():
    images = np.random.default_rng(0).integers(0, 256, (53, 6, 6))
    lines = said(images, [*np.repeat(np.arange(1, 27), 2), 1])
    assert lines == []
    lines = said(
        images[:50], [*np.repeat(np.arange(1, 26), 2)], test=examples(images[50:], [1, 2, 3])
    )
    assert any(line.startswith("train: 1 of 27 classes have no examples (Z)") for line in lines)
    assert any(
        line.startswith("test: 23 of 27 classes have no examples (D, E, F, G, H, I, J, K, ...)")
        for line in lines
    )
    lines = said(images[:51], [*np.repeat(np.arange(1, 26), 2), 26])
    assert ["a single example (Z)" in line for line in lines] == [True]


PAIRS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 2)), min_size=1, max_size=12)


@pytest.mark.slow
@given(PAIRS, PAIRS)
def test_repeated_images_are_counted(train, test):
    def of(pairs):
        images = [np.full((2, 2), 1 + picture) for picture, _ in pairs]
        return examples(images, [label for _, label in pairs])

    lines = checks.warnings(tuple("abc"), {"train": of(train), "test": of(test)}, {})
    pictures = {picture for picture, _ in train}
    shared = [pair for pair in test if pair[0] in pictures]
    others = [pair for pair in shared if pair not in set(train)]
    otherwise = f" ({len(others)} of them only under another label)" if others else ""
    expected = f"test: {len(shared)} of {len(test)} images are in train as well{otherwise},"
    assert any(line.startswith(expected) for line in lines) == bool(shared)
    labels = Counter(picture for picture, _ in set(train))
    several = sum(labels[picture] > 1 for picture, _ in train)
    expected = f"train: {several} of {len(train)} images are there again under another label"
    assert any(line.startswith(expected) for line in lines) == bool(several)


@pytest.mark.slow
def test_real_letters_and_digits(real_archives, real_emnist, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("checked"))
    for config in (
        real_emnist,
        AlphaDigits(archives=str(real_archives), data_dir=folder),
        Mnist(archives=str(real_archives), data_dir=folder),
    ):
        images, labels, names = datasets.load(config, "train")
        some = slice(None, None, max(len(labels) // 2000, 1))
        images, labels = images[some], labels[some]
        assert said(images, labels, names) == []
        assert ["dark ink" in line for line in said(255 - images, labels, names)] == [True]
        for way in WRONG:
            (line,) = said(lying(images, way), labels, names)
            assert line.endswith(f"orientation={way}")

"""From a picture to text: lines of words of characters, each with its confidence and conformal set."""

from collections.abc import Iterator
from typing import NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray

from jaxletters.core.errors import UserError
from jaxletters.data import resize
from jaxletters.evaluation import conformal
from jaxletters.reading import context, ink, language, letter_image, orientation
from jaxletters.reading.classifier import Classifier
from jaxletters.reading.ink import Paper, Unread
from jaxletters.reading.page import Page, Seen
from jaxletters.reading.strokes import Box

_GUESSES = 5
COVERAGE = 0.95
UNKNOWN = "?"
# A character that may not be one is not named. What was cut from a stroke looks less like a letter, even if
# it is one. Nor is one named whose cuts are doubtful.
_MIN_IS_LETTER, _MIN_IS_LETTER_CUT, _MIN_CERTAIN = 0.7, 0.5, 0.3


class Guess(TypedDict):
    """A class and its probability."""

    letter: str
    probability: float


class CharacterJson(TypedDict):
    """A character as JSON.

    Attributes:
        box: (left, top, right, bottom) in pixels of the picture.
        letter: the most probable class, "?" if it is probably none.
        confidence: the probability that this is right, from 0 to 1.
        best: the most probable classes, best first.
        set: the classes of the conformal set, best first; empty where the classifier is not calibrated.
        reason: why it is "?", else empty.
    """

    box: list[int]
    letter: str
    confidence: float
    best: list[Guess]
    set: list[str]
    reason: str


class UnreadJson(TypedDict):
    """Ink that was not read, as JSON."""

    box: list[int]
    reason: str


class ReadingJson(TypedDict):
    """A reading as JSON: lines of words of characters."""

    image: str
    text: str
    lines: list[list[list[CharacterJson]]]
    not_read: list[UnreadJson]


class Character(NamedTuple):
    """A character of a picture.

    Attributes:
        box: (left, top, right, bottom) in pixels of the picture, the last two exclusive.
        image: the classifier's input, uint8 `[*image_shape]`.
        name: of the most probable class, "?" if it is probably no single character.
        probabilities: float32 `[classes]`, if it is one character.
        confidence: the probability that it is one character, and this one.
        candidates: the classes of the conformal set, best first; empty without a calibration.
        reason: why it is "?", else empty.
        is_cut: whether it was cut from a stroke with others.
    """

    box: Box
    image: NDArray[np.uint8]
    name: str
    probabilities: NDArray[np.float32]
    confidence: float
    candidates: tuple[str, ...] = ()
    reason: str = ""
    is_cut: bool = False


Line = tuple[tuple[Character, ...], ...]


class Reading(NamedTuple):
    """The text of a picture.

    Attributes:
        name: of the picture.
        class_names: one per label.
        lines: from top to bottom, of words from left to right, of characters.
        not_read: ink that is no part of a line, and characters that the edge of the picture may cut off.
    """

    name: str
    class_names: tuple[str, ...]
    lines: tuple[Line, ...]
    not_read: tuple[Unread, ...] = ()

    @property
    def text(self) -> str:
        """The characters, with spaces between words and newlines between lines."""
        return "\n".join(
            " ".join("".join(character.name for character in word) for word in line)
            for line in self.lines
        )

    @property
    def characters(self) -> list[Character]:
        """All characters in the order of reading."""
        return [character for line in self.lines for word in line for character in word]

    def best(self, character: Character, count: int) -> list[tuple[str, float]]:
        """Returns names and probabilities of a character's most probable classes, best first."""
        order = np.argsort(-character.probabilities, kind="stable")[:count]
        return [
            (self.class_names[label], float(character.probabilities[label]))
            for label in order
            if character.probabilities[label] > 0
        ]

    def as_dict(self) -> ReadingJson:
        """Returns the reading for JSON, each character with its five most probable classes."""
        return {
            "image": self.name,
            "text": self.text,
            "lines": [[[self._json(c) for c in word] for word in line] for line in self.lines],
            "not_read": [{"box": list(box), "reason": reason} for box, reason in self.not_read],
        }

    def _json(self, character: Character) -> CharacterJson:
        return {
            "box": list(character.box),
            "letter": character.name,
            "confidence": character.confidence,
            "best": [
                {"letter": name, "probability": p} for name, p in self.best(character, _GUESSES)
            ],
            "set": list(character.candidates),
            "reason": character.reason,
        }


def is_handwriting(classifier: Classifier) -> bool:
    """Returns whether a classifier takes single characters, ink on paper, on EMNIST's or MNIST's canvas."""
    return classifier.fit in letter_image.CANVASES and len(classifier.image_shape) == 2


def read(
    classifier: Classifier, picture: NDArray[np.uint8], name: str, coverage: float = COVERAGE
) -> Reading:
    """Returns the text of a picture of handwriting, one character or lines of words, else its class.

    Args:
        classifier: the trained network.
        picture: uint8 `[h, w, 3]`.
        name: of the picture, for the reading and for errors.
        coverage: the share of conformal sets that contain the right class, from 0 to 1.

    Raises:
        UserError: there are no letters, or the array is not a picture.
    """
    reading = find(classifier, picture, name, coverage)
    if not reading.lines:
        raise UserError(
            f"{name}: expected letters that differ clearly from their paper, found no letters; take the "
            "picture nearer, or in more light"
        )
    return reading


def find(
    classifier: Classifier, picture: NDArray[np.uint8], name: str, coverage: float = COVERAGE
) -> Reading:
    """Returns the text of a picture, perhaps no lines; arguments and errors as for `read`."""
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise UserError(
            f"{name}: expected a picture as uint8 [h, w, 3], 0 to 255, found {picture.dtype} "
            f"{list(picture.shape)}; convert it, or name its file"
        )
    if not is_handwriting(classifier):
        return _read_whole(classifier, picture, name, coverage)
    paper = ink.find_ink(picture)
    found = orientation.read(classifier, paper.ink)
    if found is None:
        return Reading(name, classifier.class_names, (), tuple(paper.unread))
    reading = _reading(classifier, found, paper, name, coverage)
    height, width = picture.shape[:2]
    cut_off = [
        Unread(box, "perhaps cut off by the edge of the picture")
        for box in (character.box for character in reading.characters)
        if min(box[:2]) <= 0 or box[2] >= width or box[3] >= height
    ]
    return reading._replace(not_read=(*reading.not_read, *cut_off))


def _read_whole(
    classifier: Classifier, picture: NDArray[np.uint8], name: str, coverage: float
) -> Reading:
    """Returns the class of a whole picture, as a line of one character."""
    size, channels = classifier.image_shape[:2], 3 if classifier.image_shape[2:] else 1
    height, width = picture.shape[:2]
    if channels == 1:
        picture = resize.grey(picture)
    image = resize.fit(~picture if classifier.inverted else picture, size, channels, classifier.fit)
    predictions = classifier.predict(image)
    seen = Seen((0, 0, width, height), image, 0, 1.0, False)
    found = Page([[[seen]]], predictions, [], np.eye(3))
    return _reading(
        classifier, found, Paper(np.zeros((height, width)), np.eye(3), []), name, coverage
    )


def _reading(
    classifier: Classifier, found: Page, paper: Paper, name: str, coverage: float
) -> Reading:
    """Returns the reading of a page, with boxes in pixels of the picture."""
    transform = paper.homography @ found.transform
    named = _characters(classifier, found, transform, coverage)
    lines = tuple(tuple(tuple(next(named) for _ in word) for word in line) for line in found.lines)
    loose = tuple(Unread(_map(transform, box), "a dot or a short line") for box in found.loose)
    return Reading(name, classifier.class_names, lines, (*paper.unread, *loose))


def _characters(
    classifier: Classifier, found: Page, transform: NDArray[np.float64], coverage: float
) -> Iterator[Character]:
    """Yields the characters of a page in the order of reading."""
    seen = found.characters
    rows = [character.row for character in seen]
    probabilities = np.concatenate(
        [
            _in_word(
                classifier.class_names,
                found.predictions.probabilities[[character.row for character in word]],
            )
            for line in found.lines
            for word in line
        ]
    )
    is_letter = found.predictions.is_letter[rows]
    calibration = classifier.calibration
    sets = conformal.sets(probabilities, calibration, coverage) if calibration else None
    for i, character in enumerate(seen):
        row, letter = probabilities[i], float(is_letter[i])
        certain = letter * character.on_path
        reason = _reason(character, letter, certain)
        label = int(row.argmax())
        order: list[int] = np.argsort(-row, kind="stable").tolist()
        yield Character(
            box=_map(transform, character.box),
            image=character.image,
            name=UNKNOWN if reason else classifier.class_names[label],
            probabilities=row,
            confidence=certain * float(row[label]),
            candidates=()
            if sets is None
            else tuple(classifier.class_names[k] for k in order if sets[i, k]),
            reason=reason,
            is_cut=character.is_cut,
        )


def _in_word(
    class_names: tuple[str, ...], probabilities: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Returns the probabilities of a word's characters, given the others."""
    return language.apply(class_names, context.apply(class_names, probabilities))


def _reason(character: Seen, is_letter: float, certain: float) -> str:
    """Returns why a character is not named, empty if it is."""
    if is_letter < (_MIN_IS_LETTER_CUT if character.is_cut else _MIN_IS_LETTER):
        return "joined letters, or no letter" if character.is_cut else "no single letter"
    if certain < _MIN_CERTAIN:
        return "its borders are uncertain"
    return ""


def _map(transform: NDArray[np.float64], box: Box) -> Box:
    """Returns the box of a box after a projective transformation of the plane."""
    left, top, right, bottom = box
    corners = np.array([[left, right, right, left], [top, top, bottom, bottom], [1, 1, 1, 1]])
    x, y, scale = transform @ corners
    x, y = x / scale, y / scale
    return (
        int(np.floor(x.min() + 1e-6)), int(np.floor(y.min() + 1e-6)),
        int(np.ceil(x.max() - 1e-6)), int(np.ceil(y.max() - 1e-6)),
    )  # fmt: skip

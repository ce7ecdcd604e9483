"""Writing in pictures, and a network that reads it by likeness, without training."""

import functools

import numpy as np

from jaxletters.data.synthetic import sketch
from jaxletters.reading import recognition
from jaxletters.reading.classifier import Classifier

NAMES = ("N/A", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_SKETCHES, _LABELS = sketch.draw(26, "test", 3)
# In pixels: the side of a letter's cell, and of a space.
_CELL, _SPACE = 140, 140


def picture_of(text):
    """Lines of words, dark on light paper: uint8 `[h, w, 3]`.

    C, S, O, N, U, V, Z and others are one part each in this hand.
    """
    lines = [np.concatenate([_cell(c) for c in line], axis=1) for line in text.split("\n")]
    width = max(line.shape[1] for line in lines)
    ink = np.concatenate(
        [np.pad(line, ((20, 20), (20, 20 + width - line.shape[1]))) for line in lines]
    )
    return np.repeat(255 - ink[..., None], 3, axis=2)


def _cell(character):
    if character == " ":
        return np.zeros((_CELL, _SPACE), np.uint8)
    letter = _SKETCHES[_LABELS.tolist().index(ord(character) - 64)]
    columns = np.flatnonzero(letter.any(0))
    large = np.kron(letter[:, columns[0] : columns[-1] + 1], np.ones((5, 5), np.uint8))
    return np.pad(large, ((0, 0), (15, 15)))


class Likeness:
    """The logits of a network that knows what each letter looks like alone; it keeps its batches."""

    def __init__(self):
        self.batches = []

    def __call__(self, batch):
        self.batches.append(batch)
        known = _known()
        flat = batch.reshape(len(batch), -1).astype(np.float32)
        flat = (flat - flat.mean(1, keepdims=True)) / (flat.std(1, keepdims=True) + 1e-6)
        logits = 20 * flat @ known.T / known.shape[1]
        return np.pad(logits.astype(np.float32), ((0, 0), (1, 0)))


def reader(call, names=NAMES):
    """The classifier of a function from images to logits; the first class is no answer."""
    return Classifier("small", names, (28, 28), call, unused=(0,))


@functools.cache
def _known():
    """The network's input for each letter, as float64 `[26, 784]` of mean 0 and variance 1."""
    same = reader(lambda batch: np.float32([[0, 9, *[0] * 25]] * len(batch)))
    found = [recognition.find(same, picture_of(c), c).characters[0] for c in NAMES[1:]]
    known = np.stack([character.image for character in found]).reshape(26, -1).astype(np.float32)
    return (known - known.mean(1, keepdims=True)) / known.std(1, keepdims=True)

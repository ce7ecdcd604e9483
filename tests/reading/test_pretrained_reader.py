"""The reader that is part of the package."""

import subprocess
import sys

import numpy as np
import pytest
import runs
from PIL import Image, ImageDraw

import jaxletters as jl
from jaxletters.data.synthetic import sketch
from jaxletters.reading import bundle_card, loader, recognition

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def reader():
    return jl.load()


def test_it_reads_letters_and_knows_what_is_none(reader):
    assert (reader.non_letter, reader.unused, reader.fit) == (0, (), "emnist")
    images, labels = sketch.draw(260, "test", 0)
    found = reader.predict(images)
    # Generated letters, which it was not trained on.
    assert (found.labels == labels).mean() > 0.7
    assert np.median(found.is_letter) > 0.9
    bars = np.zeros((28, 28), np.uint8)
    bars[8:11, 3:25] = bars[17:20, 3:25] = 255
    assert reader.predict(bars | bars.T).is_letter[0] < 0.5


def four(size):
    """A photograph of a 4, which two strokes make, as L and T would: uint8 `[h, w, 3]`."""
    picture = Image.new("RGB", (size, size), (235, 232, 225))
    draw = ImageDraw.Draw(picture)
    for points in (((0.55, 0.25), (0.3, 0.6), (0.72, 0.6)), ((0.58, 0.45), (0.58, 0.8))):
        line = [(x * size, y * size) for x, y in points]
        draw.line(line, fill=(30, 40, 90), width=size // 30, joint="curve")
    return np.asarray(picture)


@pytest.mark.parametrize("size", [160, 300])
def test_a_drawing_alone_is_not_cut_into_letters(reader, size):
    (character,) = recognition.read(reader, four(size), "four").characters
    assert (character.name, character.is_cut) == ("?", False)


def test_its_card_tells_how_well_it_reads():
    card = bundle_card.load(loader.PRETRAINED)
    assert set(card["files"]) == {bundle_card.WEIGHTS}
    assert card["files"][bundle_card.WEIGHTS]["bytes"] < 1_100_000
    assert card["dataset"] == "emnist_letters"
    assert card["test_accuracy"] > 0.9


def test_it_needs_no_optional_package():
    program = """
import sys
for name in ("safetensors", "flatbuffers", "onnx", "onnxruntime"):
    sys.modules[name] = None
import jaxletters as jl
print(jl.load().non_letter)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=runs.ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["0"]
    assert done.stderr == ""

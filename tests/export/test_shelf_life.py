"""A bundle that JAX 0.7.2 wrote, read by whatever JAX there is; `make_bundle.py` has made it."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest
import runs
from PIL import Image

from jaxletters.reading import bundle, loader

FOLDER = Path(__file__).with_name("jax_0.7.2")
# Since then JAX refuses programs of before January 2026; 0.7.2 is of September 2025.
REFUSED = jax.__version_info__ >= (0, 11, 1)
NOTICE = (
    f"{FOLDER}: reads with weights.safetensors, because model.stablehlo is of JAX 0.7.2, which JAX "
    f"{jax.__version__} no longer reads ("
)


@pytest.fixture(scope="module")
def written():
    """Some images, and their logits of the trained network itself, computed with JAX 0.7.2."""
    with np.load(FOLDER.with_name(f"{FOLDER.name}.npz")) as found:
        return found["images"], found["logits"]


@pytest.fixture(scope="module")
def card():
    return json.loads((FOLDER / "model.json").read_text())


def assert_agrees(found, expected):
    """As closely as the card promises of each form."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())
    np.testing.assert_array_equal(found.argmax(1), expected.argmax(1))


@pytest.mark.slow
def test_a_bundle_of_the_oldest_jax_reads_as_its_network_did(written, card, capfd):
    classifier = loader.load(FOLDER)
    output, errors = capfd.readouterr()
    images, logits = written
    assert_agrees(classifier.logits(images), logits)
    assert_agrees(
        classifier.logits(bundle.probe_images((28, 28))), np.array(card["probe"]["logits"])
    )
    assert output == ""
    if REFUSED:
        (line,) = errors.splitlines()
        assert line.startswith(NOTICE)
    else:
        assert errors == ""


@pytest.mark.slow
def test_predict_reads_a_picture_with_it(tmp_path, written):
    letter = np.kron(255 - written[0][0], np.ones((4, 4), np.uint8))
    page = np.pad(letter, 20, constant_values=255)
    Image.fromarray(page).save(tmp_path / "letter.png")
    done = runs.jaxletters("predict", FOLDER, tmp_path / "letter.png", "--json")
    assert done.returncode == 0
    (found,) = json.loads(done.stdout)
    assert len(found["text"]) == 1
    notices = [line for line in done.stderr.splitlines() if line.startswith(NOTICE)]
    assert len(notices) == REFUSED


def test_the_card_tells_how_long_the_program_lasts(card):
    program = card["program"]
    assert program["calling_convention_version"] == 10
    assert "six months after JAX 0.7.2" in program["shelf_life"]
    assert "weights.safetensors" in program["shelf_life"]
    assert card["exported_with"]["jax"] == "0.7.2"


def test_the_probe_of_the_card_is_what_the_card_says_it_is(card):
    assert card["probe"]["images"] == (
        "two; pixel number i of both, row by row and from 0, is the remainder of 7 i i divided by 251"
    )
    expected = [7 * i * i % 251 for i in range(2 * 28 * 28)]
    found = bundle.probe_images((28, 28))
    assert (found.shape, found.dtype) == ((2, 28, 28), np.uint8)
    assert found.ravel().tolist() == expected

"""Letters on the canvas: placement, stroke width, and what belongs to a letter."""

import numpy as np
import pytest
import scipy.ndimage

from jaxletters.reading import letter_image
from jaxletters.reading.letter_image import CANVASES, Part

EMNIST = CANVASES["emnist"]


def rendered(ink, pieces, numbers, box, height, canvas=EMNIST):
    found = letter_image.outlines(ink, pieces, (0, 0, *ink.shape[::-1]), height)
    return letter_image.render(found, [Part(numbers, box)], canvas)[0]


def ring(size, width):
    """A ring of an outer diameter and a stroke width, in pixels, in the middle of an image."""
    y, x = np.mgrid[: size + 20, : size + 20] - (size + 19) / 2
    radius = np.hypot(x, y)
    return np.clip(np.minimum(size / 2 - radius, radius - size / 2 + width) + 0.5, 0, 1)


@pytest.mark.parametrize("size", [24, 60, 150, 400])
@pytest.mark.parametrize("share", [0.07, 0.12, 0.3])
def test_a_ring_fills_the_canvas_with_a_usual_stroke_at_any_size_and_pen(size, share):
    image = letter_image.of_ink(ring(size, share * size), EMNIST)
    assert image.dtype == np.uint8
    assert image.max() == 255
    inside = np.flatnonzero(image[14] > 127)
    outer = np.ptp(inside) + 1
    # The middle row crosses the stroke twice; its sum is twice the width.
    stroke = image[13:15].mean(0).sum() / 255 / 2
    if share < 0.3:
        assert outer == pytest.approx(22, abs=1.1)
    assert EMNIST.stroke_widths[0] - 0.5 < stroke < EMNIST.stroke_widths[1] + 0.5
    np.testing.assert_allclose(scipy.ndimage.center_of_mass(image), 13.5, atol=0.4)


def test_a_letter_has_its_pieces_alone_and_their_soft_edges():
    ink = np.zeros((60, 100), np.float32)
    ink[10:50, 10:18] = ink[10:50, 48:56] = 1  # two bars that a thin stroke joins
    ink[40:44, 18:48] = 1
    pieces = np.zeros(ink.shape, np.int32)
    pieces[ink > 0] = np.where(np.arange(100) < 20, 1, 2)[np.nonzero(ink)[1]]
    box = 10, 10, 20, 50
    bar = rendered(ink, pieces, [1], box, 40)
    alone = rendered(np.where(pieces == 1, ink, 0), np.int32(pieces == 1), [1], box, 40)
    # They differ by the end of the thin stroke at most.
    assert (np.abs(bar.astype(int) - alone) > 100).sum() <= 4
    assert (bar > 127).sum(1).max() <= 6
    both = rendered(ink, pieces, [1, 2], (10, 10, 56, 50), 40)
    assert np.ptp(np.flatnonzero((both > 127).any(0))) > 15


def test_mnists_letters_have_their_centre_of_mass_in_the_middle():
    ink = np.zeros((80, 80), np.float32)
    ink[10:70, 20:28] = 1
    ink[62:70, 20:60] = 1  # an L
    image = letter_image.of_ink(ink, CANVASES["mnist"])
    np.testing.assert_allclose(scipy.ndimage.center_of_mass(image), 13.5, atol=0.7)
    box = scipy.ndimage.find_objects((image > 127).astype(int))[0]
    assert 17 <= max(s.stop - s.start for s in box) <= 21

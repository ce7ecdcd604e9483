"""A sheet on a desk is found and rectified; a picture that is all paper stays as it is."""

import numpy as np
import pytest
from helpers.written import as_picture, on_paper, strokes, writing
from PIL import Image

from jaxletters.reading import perspective, sheet
from jaxletters.reading.ink import find_ink

SHARES = writing(["HELLO", "WORK"], (400, 500))
DESK, BLUE_DESK, BLACK = (96, 62, 38), (40, 70, 120), (20, 20, 22)


def on_desk(corners, desk=DESK, size=(600, 800), noise=3.0):
    """A picture of the sheet with these corners, clockwise from the top left, on a desk: uint8."""
    page = Image.fromarray(as_picture(on_paper(SHARES, noise=0)))
    height, width = SHARES.shape
    box = np.array([(0, 0), (width, 0), (width, height), (0, height)], float)
    inverse = np.linalg.inv(perspective.homography(box, np.asarray(corners, float)))
    factors = (inverse / inverse[2, 2]).ravel()[:8].tolist()
    how = Image.Transform.PERSPECTIVE, factors, Image.Resampling.BICUBIC
    there = page.transform(size[::-1], *how)
    mask = Image.new("L", page.size, 255).transform(size[::-1], *how)
    share = np.asarray(mask, float)[..., None] / 255
    picture = (1 - share) * np.array(desk) + share * np.asarray(there)
    return as_picture(picture + np.random.default_rng(0).normal(0, noise, picture.shape))


STRAIGHT = [(120, 80), (690, 80), (690, 530), (120, 530)]
TURNED = [(150, 60), (700, 130), (640, 560), (90, 490)]
PERSPECTIVE = [(200, 90), (600, 80), (720, 540), (80, 550)]
CUT = [(-60, 60), (560, 90), (600, 660), (-90, 640)]


@pytest.mark.parametrize("desk", [DESK, BLUE_DESK, BLACK])
@pytest.mark.parametrize("corners", [STRAIGHT, TURNED, PERSPECTIVE])
def test_corners_of_a_sheet_are_found(corners, desk):
    found = sheet.find_sheet(on_desk(corners, desk))
    assert found.corners is not None
    assert np.abs(found.corners - corners).max() < 20


@pytest.mark.parametrize("corners", [STRAIGHT, TURNED, PERSPECTIVE])
def test_ink_on_a_sheet_is_its_writing_alone(corners):
    found = find_ink(on_desk(corners))
    assert strokes(found.ink) == strokes(SHARES, 0.5)
    assert found.unread == []


def test_a_sheet_that_the_picture_cuts_is_rectified():
    found = find_ink(on_desk(CUT))
    assert strokes(found.ink) == strokes(SHARES, 0.5)
    assert abs(found.homography[2, 0]) + abs(found.homography[2, 1]) > 1e-5


@pytest.mark.parametrize("corners", [TURNED, PERSPECTIVE])
def test_boxes_of_ink_are_mapped_to_the_picture(corners):
    picture = on_desk(corners, noise=0)
    found = find_ink(picture)
    y, x = np.nonzero(found.ink > 0.9)
    there = perspective.project(found.homography, np.stack([x, y], axis=1) + 0.5).astype(int)
    assert np.mean(picture[there[:, 1], there[:, 0]].max(axis=1) < 160) > 0.98


@pytest.mark.parametrize("name", ["paper", "board", "shadow", "dark", "bold", "noise"])
def test_what_is_no_sheet_on_a_ground_stays_whole(name):
    y, x = np.mgrid[:400, :500]
    pictures = {
        "paper": on_paper(SHARES),
        "board": on_paper(SHARES, (36, 60, 48), (236, 236, 230)),
        "shadow": on_paper(SHARES) * np.where(x < 200 + 0.2 * y, 0.55, 1)[..., None],
        "dark": on_paper(SHARES, (30, 30, 30), (60, 60, 60)),
        "bold": on_paper(writing(["O"], (400, 500), height=300, pen=40), noise=0),
        "noise": np.random.default_rng(0).integers(0, 256, (400, 500, 3)),
    }
    for values in (pictures[name], 255 - pictures[name]):
        assert sheet.find_sheet(as_picture(values)).corners is None or name == "shadow"
    assert sheet.find_sheet(as_picture(pictures[name])).corners is None

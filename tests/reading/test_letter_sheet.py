"""The sheet is printed, filled in, photographed and read: every letter is in the box of its class."""

import io

import numpy as np
import photographs_of_sheets
import pytest
from PIL import Image

from jaxletters.core.errors import UserError
from jaxletters.data.synthetic import sketch
from jaxletters.reading import letter_sheet, letter_sheet_page, letter_sheet_photo

IMAGES, LABELS = sketch.draw(130, "test", 0)
PLACES = letter_sheet.places()


def letters(numbers):
    """A letter of its class for each of these boxes."""
    classes = [letter_sheet.LETTERS.index(PLACES[i].letter) + 1 for i in numbers]
    return {
        i: IMAGES[np.flatnonzero(label == LABELS)[i % letter_sheet.EXAMPLES]]
        for i, label in zip(numbers, classes, strict=True)
    }


def test_five_boxes_for_each_letter_do_not_touch():
    corners = np.array([(place.left, place.top) for place in PLACES])
    distances = np.abs(corners[:, None] - corners)
    apart = (distances[..., 0] > letter_sheet.BOX_WIDTH + 2) | (
        distances[..., 1] > letter_sheet.BOX_HEIGHT + 2
    )
    assert (apart | np.eye(len(PLACES), dtype=bool)).all()
    assert [place.letter for place in PLACES] == sorted(
        letter_sheet.EXAMPLES * letter_sheet.LETTERS
    )


@pytest.mark.slow
def test_page_is_a_pdf_and_a_png_of_the_proportions_of_a4():
    assert letter_sheet_page.pdf().startswith(b"%PDF")
    assert letter_sheet_page.pdf() == letter_sheet_page.pdf()
    with Image.open(io.BytesIO(letter_sheet_page.png())) as page:
        assert page.width / page.height == pytest.approx(210 / 297, abs=0.001)


@pytest.mark.slow
@pytest.mark.parametrize("turns", range(4))
def test_letters_are_read_from_a_photograph(turns):
    written = letters([i for i in range(len(PLACES)) if i % 7 != 3])
    photograph = photographs_of_sheets.photograph(photographs_of_sheets.filled(written), turns)
    filled = letter_sheet_photo.read(photograph, "photo")
    assert filled.boxes.tolist() == list(written)
    assert [letter for letter, _ in filled.letters] == [PLACES[i].letter for i in written]
    likeness = [
        np.corrcoef(image.ravel(), written[box].ravel())[0, 1]
        for (_, image), box in zip(filled.letters, filled.boxes.tolist(), strict=True)
    ]
    assert np.mean(likeness) > 0.85
    assert min(likeness) > 0.5


@pytest.mark.slow
def test_curled_paper_leaves_no_frame_in_the_letters():
    sheet = photographs_of_sheets.filled(letters([0, 64, 129]))
    rows = np.arange(len(sheet))
    # Up to 1.2 millimetres from its place.
    shifts = np.rint(1.2 * len(sheet) / letter_sheet.HEIGHT * np.sin(np.pi * rows / len(sheet)))
    curled = np.stack(
        [np.roll(row, int(shift), 0) for row, shift in zip(sheet, shifts, strict=True)]
    )
    filled = letter_sheet_photo.read(photographs_of_sheets.photograph(curled), "photo")
    assert filled.boxes.tolist() == [0, 64, 129]


@pytest.mark.slow
@pytest.mark.parametrize("what", ["no sheet", "cut off", "empty"])
def test_other_photographs_are_refused(what):
    photograph = photographs_of_sheets.photograph(photographs_of_sheets.filled({}))
    if what == "no sheet":
        photograph = np.random.default_rng(0).integers(0, 256, (300, 400, 3)).astype(np.uint8)
    elif what == "cut off":
        photograph = photograph[:1200]
    with pytest.raises(UserError, match=r"\Aphoto: expected") as caught:
        letter_sheet_photo.read(photograph, "photo")
    assert "\n" not in str(caught.value)

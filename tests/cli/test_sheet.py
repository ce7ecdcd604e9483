"""The command `jaxletters sheet`: a sheet to print, and the letters of photographs of it in a folder."""

import numpy as np
import photographs_of_sheets
import pytest
import runs
from PIL import Image

from jaxletters.config.sources import ImageFolder
from jaxletters.data import datasets
from jaxletters.data.synthetic import sketch

pytestmark = pytest.mark.slow


def test_the_sheet_is_written(tmp_path):
    done = runs.jaxletters("sheet", "--to", tmp_path / "sheet.pdf")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "sheet.pdf").read_bytes().startswith(b"%PDF")
    runs.assert_user_error(runs.jaxletters("sheet", "--to", tmp_path / "sheet.doc"), "--to", ".pdf")


def test_photographs_of_one_name_become_one_folder(tmp_path):
    images, labels = sketch.draw(52, "test", 0)
    for number, name in enumerate(("monday", "tuesday")):
        # The letters A and B, in their first boxes.
        written = {5 * label: images[labels == label + 1][number] for label in (0, 1)}
        photograph = photographs_of_sheets.photograph(photographs_of_sheets.filled(written))
        (tmp_path / name).mkdir()
        Image.fromarray(photograph).save(tmp_path / name / "sheet.png")
    Image.fromarray(np.full((60, 60), 255, np.uint8)).save(tmp_path / "none.png")
    photographs = [tmp_path / "none.png", *sorted(tmp_path.glob("*/sheet.png"))]
    done = runs.jaxletters("sheet", "--read", *photographs, "--to", tmp_path / "hand")
    runs.assert_user_error(done, "none.png", "marks")
    assert done.stdout.count("128 empty boxes") == 2
    letters = datasets.load(ImageFolder(path=str(tmp_path / "hand")), "train")
    assert letters.class_names == ("A", "B")
    assert letters.labels.tolist() == [0, 0, 1, 1]
    assert (letters.images[:, 0] == 0).all()

"""What `import jaxletters as jl` offers, by the examples of its page."""

import re

import numpy as np
import pytest
import runs

import jaxletters as jl
from jaxletters.config import Config
from jaxletters.errors import UserError

PAGE = (runs.ROOT / "docs" / "python.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def after(tmp_path_factory):
    """The variables after all examples of the page, and what they printed."""
    names, printed = {}, []
    names["print"] = lambda *values: printed.append(" ".join(map(str, values)))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("page"))
        for block in BLOCKS:
            exec(block, names)
        yield names, printed


def test_the_examples_of_the_page_do_what_it_says(after):
    names, printed = after
    accuracy = names["finished"].result["test_accuracy"]
    assert accuracy > 0.5
    assert printed[0] == f"{accuracy:.1%}"
    assert printed[1].startswith("config.seed: ")
    assert float(printed[2]) > 0.5
    assert printed[3].endswith("(100, 27)")
    found = names["found"]
    assert len(found.text) == 3 == len(found.letters)
    assert printed[-2] == found.text


def test_a_finished_run_is_not_repeated(after):
    names, _ = after
    again = jl.fit(names["config"], names["finished"].folder)
    assert again.result["training_seconds"] == names["finished"].result["training_seconds"]


def test_a_file_is_read_as_its_pixels_are(after, tmp_path):
    from PIL import Image

    names, _ = after
    Image.fromarray(names["paper"]).save(tmp_path / "word.png")
    by_file = jl.read(names["network"], tmp_path / "word.png")
    np.testing.assert_array_equal(
        by_file.predictions.probabilities, names["found"].predictions.probabilities
    )
    assert by_file.name == str(tmp_path / "word.png")


def test_a_config_that_is_no_file_needs_a_folder():
    with pytest.raises(UserError, match="expected a run folder"):
        jl.fit(Config())


def test_the_package_has_no_other_names():
    with pytest.raises(AttributeError, match="has no attribute 'train'"):
        _ = jl.train
    assert all(callable(getattr(jl, name)) for name in jl.__all__)

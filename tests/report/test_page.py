"""The pages are what a browser reads: well-formed, complete, escaped, and without anything from elsewhere."""

import html.parser
from pathlib import Path

import pytest
from results import FOLDS, RUN

from jaxletters.report import page
from jaxletters.report.comparison import Row

VOID = {"meta", "img", "br"}


class Checked(html.parser.HTMLParser):
    """Reads a page, and fails where an element is not closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.texts, self.links = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.links += [value for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "title") and data.strip():
            self.texts.append(data.strip())


def run_page(result=RUN, sections=(), config=None, environment=None, changes=()):
    return Checked(page.of_run(result, sections, config or {}, environment or {}, changes))


def test_a_page_says_what_changed_between_the_starts_of_a_run():
    changes = ["usable cores 2 is now 1", "jaxlib 0.7.2 is now 0.10.2"]
    (said,) = [text for text in run_page(changes=changes).texts if changes[0] in text]
    assert changes[1] in said
    assert "bits" in said


def test_a_runs_page_shows_its_figures_with_their_uncertainty():
    texts = run_page().texts
    assert texts[:2] == [
        "deeper <1>",
        "train on emnist_letters (rebuilt split); the test split was read once",
    ]
    place = texts.index("test accuracy")
    assert texts[place : place + 3] == [
        "test accuracy",
        "94.25%",
        "95% interval 93.00 to 95.00",
    ]
    assert "1.23%" in texts
    assert "1:15" in texts
    assert "600 others held out to validate" in texts


@pytest.mark.parametrize(("reads", "said"), [(0, "was not read"), (3, "was read 3 times")])
def test_a_page_says_what_a_run_was_trained_on_and_how_often_its_test_split_was_read(reads, said):
    result = {**RUN, "validation_examples": 0, "test_split_reads": reads}
    texts = run_page(result).texts
    assert texts[1].endswith(f"; the test split {said}")
    assert "all, nothing held out" in texts


@pytest.mark.parametrize("error", [None, float("nan")])
def test_what_is_not_known_of_a_run_is_not_shown(error):
    left_out = ("epochs", "steps", "training_seconds", "validation_accuracy")
    result = {k: v for k, v in RUN.items() if k not in left_out}
    texts = run_page({**result, "test_calibration_error": error}).texts
    shown = {"test accuracy", "validation accuracy", "calibration error", "training"} & set(texts)
    assert shown == {"test accuracy"}


def test_a_cross_validations_page_shows_its_folds():
    texts = run_page(FOLDS).texts
    place = texts.index("mean over folds")
    assert texts[place + 1 : place + 3] == ["92.00%", "sd 2.83 over 2 folds"]


def test_sections_have_what_they_were_given():
    section = page.Section(
        "A & B", "a sentence", "chart.png", 400, ("", "times"), [("I for L", "12")]
    )
    found = run_page(sections=[section, page.Section("bare")])
    place = found.texts.index("A & B")
    assert found.texts[place : place + 6] == [
        "A & B",
        "a sentence",
        "times",
        "I for L",
        "12",
        "bare",
    ]
    assert "chart.png" in found.links


def test_a_page_says_how_to_repeat_the_run():
    config = {"model": {"name": "mlp"}, "seed": 3}
    environment = {"command": "python launch.py --config 'a b.py'", "commit": "c0ffee"}
    found = run_page(config=config, environment=environment)
    assert environment["command"] in found.texts
    assert any("c0ffee" in text for text in found.texts)
    place = found.texts.index("model.name")
    assert found.texts[place : place + 4] == ["model.name", "mlp", "seed", "3"]


def test_a_page_needs_nothing_from_elsewhere():
    pictures = [page.Picture("c.png", 400, "caption")]
    for found in (run_page(), Checked(page.of_several("t", "r", [Row("a", "", RUN)], pictures))):
        assert not any(":" in link for link in found.links)


def test_the_page_of_several_names_data_and_rows_once_and_escapes_them():
    rows = [Row("<a> & b", "letters", RUN, page="../a/x.txt"), Row("folds", "letters", FOLDS)]
    pictures = [page.Picture("c.png", 400, "caption")]
    found = Checked(page.of_several("<title>", "a remark", rows, pictures))
    assert found.texts[:2] == ["<title>", "a remark"]
    assert found.texts.count("<a> & b") == 1
    assert found.texts.count("letters: emnist_letters, rebuilt split") == 1
    assert found.links == ["../a/x.txt", "c.png"]
    assert {"93.00 to 95.00", "sd 2.83 over 2 folds"} < set(found.texts)


def test_the_page_of_a_fixed_result_is_the_committed_one():
    """After an intended change of the page, look at it and replace the file with the text in `found`."""
    section = page.Section(
        "Confusions", "a sentence", "c.png", 400, ("", "times"), [("I for L", "12")]
    )
    config = {"model": {"name": "mlp"}, "seed": 3}
    environment = {"command": "python launch.py --config 'a b.py'", "commit": "c0ffee"}
    found = page.of_run(RUN, [section], config, environment, ["jaxlib 0.7.2 is now 0.10.2"])
    golden = Path(__file__).with_name("run_page.html").read_text()
    assert found.splitlines() == golden.splitlines()

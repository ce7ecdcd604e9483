"""What `import jaxletters as jl` offers, by the examples of its page."""

import dataclasses
import os
import re
import subprocess
import sys
import threading
from concurrent import futures

import numpy as np
import pytest
import runs

import jaxletters as jl
from jaxletters.config.models import MLPConfig
from jaxletters.config.schema import Config
from jaxletters.core.errors import UserError

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


@pytest.mark.slow
def test_the_examples_of_the_page_do_what_it_says(after):
    names, printed = after
    accuracy = names["finished"].result["test_accuracy"]
    assert accuracy > 0.5
    assert printed[0] == f"{accuracy:.1%}"
    assert printed[1].startswith("config.seed: ")
    assert float(printed[2]) > 0.5
    assert printed[3].endswith("(100, 27)")
    found = names["found"]
    assert len(found.characters) == 3
    assert printed[-6] == found.text
    assert printed[-4] == printed[-2] == "('ring',)"
    scores = names["under_seeds"].result["spread"]["test_accuracy"]
    assert float(printed[-3].split()[0]) == np.mean(scores["values"])
    assert float(printed[-1]) == names["student"].result["test_accuracy"]


@pytest.mark.slow
def test_a_finished_run_is_not_repeated(after):
    names, _ = after
    again = jl.fit(names["config"], names["finished"].folder)
    assert again.result["training_seconds"] == names["finished"].result["training_seconds"]


@pytest.mark.slow
def test_a_file_is_read_as_its_pixels_are(after, tmp_path):
    from PIL import Image

    names, _ = after
    Image.fromarray(names["paper"]).save(tmp_path / "word.png")
    by_file = jl.read(names["classifier"], tmp_path / "word.png")
    for one, other in zip(by_file.characters, names["found"].characters, strict=True):
        np.testing.assert_array_equal(one.probabilities, other.probabilities)
    assert by_file.name == str(tmp_path / "word.png")


def test_a_config_that_is_no_file_needs_a_folder():
    with pytest.raises(UserError, match="expected a run folder"):
        jl.fit(Config())


@pytest.mark.parametrize(
    ("config", "folder", "expected"),
    [
        ({"seed": 1}, "run", "config: expected a Config or another .*, found dict"),
        (Config, "run", "config: expected a Config or another .*, found type"),
        (None, "run", "found NoneType"),
        (Config(), 3, "folder: expected the path of a folder, found int"),
        (Config(model={"name": "mlp"}), "run", "config.model: expected .*, found {'name': 'mlp'}"),
        (Config(), "~nobody_of_that_name/x", "expected ~nobody_of_that_name to be a home folder"),
        ("~nobody_of_that_name/x.py", None, "expected ~nobody_of_that_name to be a home folder"),
        (Config(model=MLPConfig(hidden=["8"])), "run", r"config.model.hidden: .*, found \('8',\)"),
    ],
)
def test_what_cannot_be_run_is_one_line(tmp_path, monkeypatch, config, folder, expected):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=expected) as raised:
        jl.fit(config, folder)
    assert "\n" not in str(raised.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_lists_in_a_config_are_tuples(after):
    names, _ = after
    config = names["config"]
    listed = dataclasses.replace(config, model=dataclasses.replace(config.model, widths=[8, 16]))
    again = jl.fit(listed, names["finished"].folder)
    assert again.result == names["finished"].result


@pytest.mark.slow
def test_a_picture_is_read_whatever_holds_it(after):
    from PIL import Image

    names, _ = after
    classifier, expected = names["classifier"], names["found"].text
    layered = np.dstack([names["paper"], np.full((200, 500), 255, np.uint8)])
    for picture in (Image.fromarray(names["paper"]), layered):
        assert jl.read(classifier, picture).text == expected
    assert len(jl.read(classifier, names["paper"].min(axis=2)).text) == 3


@pytest.mark.parametrize("classifier", ["run", None, 3])
def test_what_is_no_classifier_is_one_line(classifier):
    with pytest.raises(UserError, match=r"classifier: expected the result of jl\.load, found"):
        jl.read(classifier, np.zeros((50, 50, 3), np.uint8))
    # A string is a path, and without one the reader of the package is loaded.
    if isinstance(classifier, int):
        with pytest.raises(UserError, match="folder: expected the path of a folder, found"):
            jl.load(classifier)


def test_a_second_run_in_the_process_is_refused_and_the_first_goes_on(tmp_path, monkeypatch):
    from jaxletters.experiments import dispatch

    entered, go = threading.Event(), threading.Event()

    def run(_, folder):
        entered.set()
        go.wait()
        return {"folder": str(folder)}

    monkeypatch.setattr(dispatch, "run", run)
    with futures.ThreadPoolExecutor() as pool:
        first = pool.submit(jl.fit, Config(), tmp_path / "first")
        entered.wait()
        try:
            with pytest.raises(UserError, match="second: expected one run at a time in a process"):
                jl.fit(Config(), tmp_path / "second")
        finally:
            go.set()
        assert first.result().result == {"folder": str(tmp_path / "first")}
    assert jl.fit(Config(), tmp_path / "second").folder == tmp_path / "second"


STATE = """
import ctypes, logging, signal, sys, threading

called = []

class Library(ctypes.CDLL):
    def __getattr__(self, name):
        called.append(name)
        return super().__getattr__(name)

ctypes.CDLL = Library
import jax
import jaxletters as jl
from jaxletters import *

def state():
    return {
        **jax.config.values,
        **{name: logging.getLogger(name).level for name in (None, "absl", "asyncio", "jax")},
        "hooks": (sys.unraisablehook, sys.excepthook, threading.excepthook),
        "streams": (sys.stdout, sys.stderr),
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "allocator": "mallopt" in called,
    }

before = state()
jl.load(sys.argv[1])
loaded = state()
tiny, split = jl.SketchLetters(size=780), jl.Split(validation_per_class=5)
model, training = MLPConfig(hidden=(8,)), TrainingConfig(epochs=1)
jl.fit(Config(dataset=tiny, split=split, model=model, training=training), sys.argv[2])
fitted = state()
for name, now in (("load", loaded), ("fit", fitted)):
    print("changed by", name, [key for key in before if now[key] != before[key]])
"""


@pytest.mark.slow
def test_the_caller_s_process_is_left_as_it_was(finished_run, tmp_path):
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("JAX_COMPILATION_CACHE", "JAX_PERSISTENT_CACHE", "MALLOC_"))
    }
    done = subprocess.run(
        [sys.executable, "-c", STATE, str(finished_run), str(tmp_path / "run")],
        cwd=runs.ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    changed = [line for line in done.stdout.splitlines() if line.startswith("changed by ")]
    assert changed == ["changed by load []", "changed by fit []"]


def test_the_package_has_no_other_names():
    with pytest.raises(AttributeError, match="has no attribute 'train'"):
        _ = jl.train
    assert all(callable(getattr(jl, name)) for name in (*jl._LAZY, "Config", "Source"))

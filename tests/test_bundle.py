"""A bundle as somebody who was given one meets it: sound, damaged, foreign."""

import hashlib
import json
import subprocess
import sys

import bundles
import numpy as np
import pytest
import runs
import tiny

from jaxletters import bundle, exporting, reader
from jaxletters.data import sketch
from jaxletters.errors import UserError
from jaxletters.exporting import programs


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return bundles.trained(tmp_path_factory.mktemp("runs") / "small")


@pytest.fixture(scope="module")
def sound(run):
    """The content of its bundle's files, by name."""
    folder = run.folder.parent / "bundle"
    exporting.write(run, folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def folder(tmp_path, sound):
    for name, content in sound.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


@pytest.mark.parametrize("load", [bundle.load, reader.load])
@pytest.mark.parametrize("count", [1, 17])
def test_it_reads_as_the_network_does(run, folder, load, count):
    images = sketch.draw(count, "test", 3)[0]
    found = load(str(folder))
    read = programs.function(run.model, run.variables)
    expected = np.asarray(tiny.quick_jit(read)(images))
    np.testing.assert_allclose(found.logits(images), expected, rtol=1e-4, atol=1e-5)
    assert (found.name, found.image_shape, len(found.class_names)) == ("small", (28, 28), 27)
    np.testing.assert_array_equal(found.predict(images).labels, expected.argmax(1))


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def link(path):
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def edit(path, change):
    card = json.loads(path.read_text())
    change(card)
    path.write_text(json.dumps(card))


def with_path(card):
    card["files"]["../secret"] = card["files"].pop("model.onnx")


CARD = "model.json"
DAMAGES = {
    **{f"a flipped bit in {name}": (name, flip, "SHA-256") for name in bundle._CONTENT},
    **{
        f"no {name}": (name, lambda path: path.unlink(), "found none")
        for name in (CARD, *bundle._CONTENT)
    },
    **{f"{name} is a link": (name, link, "found a link") for name in (CARD, bundle.PROGRAM)},
    "a card that is not JSON": (CARD, lambda path: path.write_text("{"), "expected JSON"),
    "a card that is a list": (CARD, lambda path: path.write_text("[]"), "format 1, found None"),
    "a later format": (CARD, lambda p: edit(p, lambda c: c.update(format=2)), "format 1, found 2"),
    "a path in the card": (CARD, lambda p: edit(p, with_path), "no other"),
    "no files in the card": (CARD, lambda p: edit(p, lambda c: c.pop("files")), "images.shape"),
    "a digest that is none": (
        CARD,
        lambda p: edit(p, lambda c: c["files"]["model.onnx"].update(sha256=1)),
        "a SHA-256 of each",
    ),
    "classes that are numbers": (
        CARD,
        lambda p: edit(p, lambda c: c.update(class_names=[1, 2])),
        "class_names",
    ),
    "too few classes": (
        CARD,
        lambda p: edit(p, lambda c: c["class_names"].pop()),
        "logits of 26 classes",
    ),
    "another size of images": (
        CARD,
        lambda p: edit(p, lambda c: c["images"].update(shape=[28, 20])),
        "images of 28x20",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_named_in_one_line(folder, damage):
    name, do, expected = DAMAGES[damage]
    do(folder / name)
    with pytest.raises(UserError, match=expected) as raised:
        reader.load(folder)
    assert len(str(raised.value).splitlines()) == 1
    assert str(raised.value).startswith(str(folder / name)) or name == CARD


@pytest.mark.parametrize("content", [b"", b"no program at all", b"\x00" * 1000])
def test_a_program_of_some_other_version_is_refused_although_it_is_undamaged(folder, content):
    (folder / bundle.PROGRAM).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    edit(folder / CARD, lambda card: card["files"][bundle.PROGRAM].update(sha256=digest))
    with pytest.raises(UserError, match=r"model.stablehlo: .*update JAX, or export"):
        bundle.load(folder)


def test_a_bundle_is_told_from_a_folder_of_other_things(folder, tmp_path_factory):
    assert bundle.is_there(folder)
    assert bundle.is_all_there_is(folder)
    (folder / "notes.txt").touch()
    assert bundle.is_there(folder)
    assert not bundle.is_all_there_is(folder)
    assert not bundle.is_there(tmp_path_factory.mktemp("empty"))


def test_neither_flax_nor_orbax_nor_any_part_of_training_is_imported(folder):
    program = f"""
import sys
import numpy as np
from jaxletters import reader
print(len(reader.load({str(folder)!r}).predict(np.zeros((28, 28), np.uint8)).names))
print(*sorted({{"flax", "matplotlib", "onnx", "optax", "orbax", "tensorflow_datasets"}} & set(sys.modules)))
training = {{"augment", "checkpoint", "experiments", "exporting", "loop", "losses", "models", "optim"}}
print(*sorted(name for name in training if f"jaxletters.{{name}}" in sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=runs.ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1"]


def test_without_flatbuffers_the_way_to_get_it_is_named(folder):
    program = f"""
import sys
sys.modules["flatbuffers"] = None
from jaxletters import bundle
bundle.load({str(folder)!r})
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=runs.ROOT, capture_output=True, text=True
    )
    assert (
        "flatbuffers to read it with, found none; pip install 'jaxletters[export]'" in done.stderr
    )

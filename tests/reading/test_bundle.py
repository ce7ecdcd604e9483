"""A bundle as somebody who was given one meets it: sound, damaged, foreign."""

import hashlib
import json
import os
import subprocess
import sys

import bundles
import jax
import jax.export
import messages
import numpy as np
import pytest
import runs
import tiny

from jaxletters.core.errors import UserError
from jaxletters.data.synthetic import sketch
from jaxletters.export import stablehlo, writer
from jaxletters.reading import bundle, bundle_card, loader, safetensors


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return bundles.trained(tmp_path_factory.mktemp("runs") / "small")


@pytest.fixture(scope="module")
def sound(run):
    """The content of its bundle's files, by name."""
    folder = run.folder.parent / "bundle"
    writer.write(run, folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def folder(tmp_path, sound):
    for name, content in sound.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("load", [bundle.load, loader.load])
@pytest.mark.parametrize("count", [1, 17])
def test_it_reads_as_the_network_does(run, folder, load, count):
    images = sketch.draw(count, "test", 3)[0]
    found = load(str(folder))
    read = stablehlo.logits_fn(run.model, run.variables)
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


def with_one_class_less(card):
    card["class_names"].pop()
    for logits in card["probe"]["logits"]:
        logits.pop()


CARD = "model.json"
DAMAGES = {
    **{f"a flipped bit in {name}": (name, flip, "SHA-256") for name in bundle_card.FILES},
    **{
        f"no {name}": (name, lambda path: path.unlink(), "found no file")
        for name in (CARD, *bundle_card.FILES)
    },
    **{f"{name} is a link": (name, link, "found a link") for name in (CARD, bundle_card.PROGRAM)},
    "a card that is not JSON": (CARD, lambda path: path.write_text("{"), "expected JSON"),
    "a card that is a list": (
        CARD,
        lambda path: path.write_text("[]"),
        "format 1 to 5, found None",
    ),
    "a later format": (
        CARD,
        lambda p: edit(p, lambda c: c.update(format=6)),
        "format 1 to 5, found 6",
    ),
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
        "two times 26 numbers",
    ),
    "too few classes and logits": (CARD, lambda p: edit(p, with_one_class_less), "logits of 26"),
    "another size of images": (
        CARD,
        lambda p: edit(p, lambda c: c["images"].update(shape=[28, 20])),
        "images of 28x20",
    ),
    "a non-letter that is no label": (
        CARD,
        lambda p: edit(p, lambda c: c.update(non_letter=27)),
        "non_letter",
    ),
    "unused labels that are none": (
        CARD,
        lambda p: edit(p, lambda c: c.update(unused=["A"])),
        "unused",
    ),
    "no images": (
        CARD,
        lambda p: edit(p, lambda c: c["images"].update(shape=[28, 0])),
        "images.shape",
    ),
    "a version that is none": (
        CARD,
        lambda p: edit(p, lambda c: c["exported_with"].update(jax="1\n2")),
        "exported_with.jax",
    ),
    "a calibration of other classes": (
        CARD,
        lambda p: edit(p, lambda c: c.update(calibration={"temperature": 1, "by_class": []})),
        "thresholds of 27 classes",
    ),
    "logits that are none": (
        CARD,
        lambda p: edit(p, lambda c: c["probe"].update(logits=[["1"] * 27] * 2)),
        "two times 27 numbers",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_named_in_one_line(folder, damage, capfd):
    name, do, expected = DAMAGES[damage]
    do(folder / name)
    with pytest.raises(UserError, match=expected) as raised:
        loader.load(folder)
    assert len(str(raised.value).splitlines()) == 1
    assert str(raised.value).startswith(str(folder / name)) or name == CARD
    assert capfd.readouterr().err == ""


def put(folder, name, content):
    """Gives a bundle another file, which the card knows."""
    (folder / name).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    edit(folder / CARD, lambda card: card["files"][name].update(sha256=digest))


def of_jax(folder, version):
    edit(folder / CARD, lambda card: card["exported_with"].update(jax=version))


def expected_logits(run, images):
    return np.asarray(tiny.quick_jit(stablehlo.logits_fn(run.model, run.variables))(images))


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"", b"no program at all", b"\x00" * 1000])
@pytest.mark.parametrize(
    ("version", "why"),
    [
        ("0.4.9", ("JAX 0.4.9", "no longer")),
        ("999.1", ("JAX 999.1", "too old")),
        (jax.__version__, ("cpu",)),
    ],
    ids=["older", "newer", "same"],
)
def test_where_jax_refuses_the_program_the_weights_are_read(
    run, folder, content, version, why, capfd
):
    put(folder, bundle_card.PROGRAM, content)
    of_jax(folder, version)
    images = sketch.draw(5, "test", 3)[0]
    found = loader.load(folder).logits(images)
    expected = expected_logits(run, images)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())
    output, (line,) = (text.splitlines() for text in capfd.readouterr())
    messages.assert_names(
        line,
        f"{folder}: ",
        "weights.safetensors",
        "model.stablehlo",
        f"JAX {jax.__version__}",
        *why,
    )
    assert "update" not in line
    assert output == []


def other_program(run):
    """The program of a network of the same settings, but with other weights."""
    read = stablehlo.logits_fn(run.model, tiny.variables(run.model, seed=1))
    return stablehlo.serialize(read, (28, 28))


@pytest.mark.slow
def test_a_program_of_another_jax_that_computes_something_else_is_not_believed(run, folder, capfd):
    put(folder, bundle_card.PROGRAM, other_program(run))
    of_jax(folder, "999.1")
    images = sketch.draw(5, "test", 3)[0]
    found = loader.load(folder).logits(images)
    np.testing.assert_allclose(found, expected_logits(run, images), rtol=1e-4, atol=1e-5)
    messages.assert_names(capfd.readouterr().err, f"{folder}: ", "model.stablehlo", "other logits")


def other_weights(run, _):
    return safetensors.serialize(tiny.variables(run.model, seed=1))


def renamed_weights(_, sound):
    return sound[bundle_card.WEIGHTS].replace(b"logits/bias", b"LOGITS/bias")


def unknown_network(card):
    card["network"]["class"] = "Perceptron"


def network_of_a_user(card):
    card["network"]["class"] = {"name": "Own", "file": "own.py", "sha256": "0" * 64}


def other_network(card):
    card["network"]["widths"] = [2, 4]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("damage", "change", "why"),
    [
        (other_weights, None, "other logits"),
        (renamed_weights, None, "'logits/bias'"),
        (lambda *_: b"{}", None, "does not fit"),
        (None, unknown_network, "'Perceptron'"),
        (None, network_of_a_user, "own.py"),
        (None, other_network, "does not run here"),
    ],
)
def test_where_the_weights_do_not_give_the_network_the_graph_is_read(
    run, sound, folder, damage, change, why, capfd
):
    put(folder, bundle_card.PROGRAM, b"refused")
    if damage:
        put(folder, bundle_card.WEIGHTS, damage(run, sound))
    if change:
        edit(folder / CARD, change)
    images = sketch.draw(5, "test", 3)[0]
    found = loader.load(folder).logits(images)
    np.testing.assert_allclose(found, expected_logits(run, images), rtol=1e-4, atol=1e-5)
    (line,) = capfd.readouterr().err.splitlines()
    names = ("model.onnx", "model.stablehlo", "weights.safetensors")
    messages.assert_names(line, f"{folder}: ", *names, why)


def test_where_no_form_can_be_read_all_are_named_in_one_line(run, sound, folder, capfd):
    put(folder, bundle_card.PROGRAM, b"refused")
    put(folder, bundle_card.WEIGHTS, other_weights(run, sound))
    put(folder, bundle_card.GRAPH, b"refused")
    of_jax(folder, "0.4.9")
    with pytest.raises(UserError, match=r"jax==0\.4\.9") as raised:
        loader.load(folder)
    (line,) = str(raised.value).splitlines()
    messages.assert_names(line, f"{folder}: ", *bundle_card.FILES)
    assert "update" not in line
    assert capfd.readouterr() == ("", "")


def as_format_1(card):
    """What a bundle was before it said how long its program lasts."""
    card["format"] = 1
    del card["program"], card["probe"], card["non_letter"], card["unused"]


@pytest.mark.slow
def test_a_bundle_of_format_1_is_read(run, folder, capfd):
    edit(folder / CARD, as_format_1)
    images = sketch.draw(5, "test", 3)[0]
    expected = expected_logits(run, images)
    found = loader.load(folder)
    np.testing.assert_allclose(found.logits(images), expected, rtol=1e-4, atol=1e-5)
    assert (found.non_letter, found.unused) == (None, (0,))
    assert capfd.readouterr().err == ""
    put(folder, bundle_card.PROGRAM, b"refused")
    np.testing.assert_allclose(loader.load(folder).logits(images), expected, rtol=1e-4, atol=1e-5)
    (line,) = capfd.readouterr().err.splitlines()
    assert "format 1" in line


def test_a_bundle_is_told_from_a_folder_of_other_things(folder, tmp_path_factory):
    assert bundle.holds_bundle(folder)
    assert bundle.holds_only_bundle(folder)
    (folder / "notes.txt").touch()
    assert bundle.holds_bundle(folder)
    assert not bundle.holds_only_bundle(folder)
    assert not bundle.holds_bundle(tmp_path_factory.mktemp("empty"))


@pytest.mark.slow
def test_neither_flax_nor_orbax_nor_any_part_of_training_is_imported(folder):
    program = f"""
import sys
import numpy as np
from jaxletters.reading import loader
print(len(loader.load({str(folder)!r}).predict(np.zeros((28, 28), np.uint8)).names))
print(*sorted({{"flax", "matplotlib", "onnx", "optax", "orbax", "tensorflow_datasets"}} & set(sys.modules)))
training = {{"evaluation.losses", "experiments", "export", "models", "report", "runs", "training"}}
print(*sorted(name for name in training if f"jaxletters.{{name}}" in sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=runs.ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1"]


WITHOUT = """
import sys
for name in {missing}:
    sys.modules[name] = None
from jaxletters.reading import bundle
from jaxletters.core.errors import UserError
try:
    bundle.load({folder!r})
except UserError as error:
    print(error)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("missing", "name"),
    [
        (["flatbuffers"], "weights.safetensors"),
        (["flatbuffers", "flax"], "model.onnx"),
        (["flatbuffers", "flax", "onnxruntime"], None),
    ],
)
def test_what_is_not_installed_is_named_with_the_way_to_get_it(folder, missing, name):
    program = WITHOUT.format(missing=missing, folder=str(folder))
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=runs.ROOT, capture_output=True, text=True, check=True
    )
    (line,) = (done.stderr if name else done.stdout).splitlines()
    assert name is None or f"reads with {name}" in line
    for package in missing:
        assert package in line
    assert line.count("pip install 'jaxletters[export]'") >= len(missing)


def test_what_mlir_says_of_a_refused_program_is_kept_off_stderr(folder, capfd, monkeypatch):
    def refuse(_):
        os.write(2, b"loc(unknown): error: unregistered operation\n")
        raise ValueError("Failed to deserialize StableHLO")

    monkeypatch.setattr(jax.export, "deserialize", refuse)
    of_jax(folder, "999.1")
    loader.load(folder)
    os.write(2, b"and what comes later is seen\n")
    notice, later = capfd.readouterr().err.splitlines()
    assert "Failed to deserialize StableHLO" in notice
    assert later == "and what comes later is seen"

"""The making of a bundle, without the training before it."""

import importlib.util
import json

import bundles
import jax
import jax.export
import numpy as np
import onnx
import pytest
import safetensors.numpy
import tiny

from jaxletters.config import user_code
from jaxletters.config.models import MLPConfig
from jaxletters.config.schema import Split
from jaxletters.config.slots import ModelConfig
from jaxletters.core.errors import UserError
from jaxletters.data.synthetic import sketch
from jaxletters.evaluation import conformal
from jaxletters.export import stablehlo, writer
from jaxletters.export.onnx import translation
from jaxletters.models import networks
from jaxletters.reading import bundle, bundle_card

FILES = {"model.json", "model.onnx", "model.stablehlo", "weights.safetensors"}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A run, its bundle's folder, and the card that came back."""
    where = tmp_path_factory.mktemp("written")
    run = bundles.trained(where / "small")
    return run, where / "bundle", writer.write(run, where / "bundle")


@pytest.mark.slow
def test_a_bundle_has_three_checked_forms_and_a_card(written):
    _, folder, card = written
    assert {path.name for path in folder.iterdir()} == FILES
    assert json.loads((folder / "model.json").read_text()) == json.loads(json.dumps(card))
    assert set(card["files"]) == FILES - {"model.json"}
    for name, about in card["files"].items():
        assert about["bytes"] == (folder / name).stat().st_size
        check = about["check"]
        assert (check["images"], check["same_class"]) == (1000, 1000)
        assert check["largest_difference"] <= 1e-5 * check["largest_logit"]


@pytest.mark.slow
def test_the_card_tells_what_the_network_is_and_how_well_it_reads(written):
    run, _, card = written
    assert (card["format"], card["name"], len(card["class_names"])) == (5, "small", 27)
    assert card["images"] == {
        "shape": (28, 28),
        "dtype": "uint8",
        "paper": 0,
        "ink": 255,
        "fit": "emnist",
        "inverted": False,
        "orientation": "upright",
    }
    facts = (
        "parameters",
        "test_accuracy",
        "test_accuracy_interval",
        "test_examples",
        "fingerprint",
    )
    assert [card[name] for name in facts] == [run.result[name] for name in facts]
    assert (card["dataset"], card["dataset_note"]) == ("sketch_letters", "random weights")
    assert card["trained_with"]["jax"] == "0.7.2"
    assert card["exported_with"]["jax"] == jax.__version__


@pytest.mark.slow
def test_the_card_tells_how_long_the_program_lasts_and_what_its_network_gives(written):
    run, folder, card = written
    assert f"six months after JAX {jax.__version__}" in card["program"]["shelf_life"]
    exported = jax.export.deserialize(bytearray((folder / "model.stablehlo").read_bytes()))
    assert card["program"]["calling_convention_version"] == exported.calling_convention_version
    read = tiny.quick_jit(stablehlo.logits_fn(run.model, run.variables))
    expected = np.asarray(read(bundle.probe_images((28, 28))))
    found = np.array(card["probe"]["logits"])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_a_compact_bundle_has_the_rounded_weights_alone(written, tmp_path):
    run, _, full = written
    card = writer.write(run, tmp_path / "compact", compact=True)
    assert {path.name for path in (tmp_path / "compact").iterdir()} == {
        bundle_card.CARD,
        bundle_card.WEIGHTS,
    }
    assert "program" not in card
    size = card["files"][bundle_card.WEIGHTS]["bytes"]
    assert size < full["files"][bundle_card.WEIGHTS]["bytes"]
    arrays = safetensors.numpy.load_file(tmp_path / "compact" / bundle_card.WEIGHTS)
    assert {a.ndim > 1 for a in arrays.values() if a.dtype == np.float16} == {True}
    assert {a.ndim for a in arrays.values() if a.dtype == np.float32} == {1}
    images = sketch.draw(100, "test", 4)[0]
    logits = [bundle.load(tmp_path / "compact").logits(images)]
    logits.append(np.asarray(tiny.quick_jit(stablehlo.logits_fn(run.model, run.variables))(images)))
    np.testing.assert_allclose(*logits, atol=0.02 * np.abs(logits[1]).max())
    assert not np.array_equal(*logits)


@pytest.mark.slow
def test_a_compact_bundle_of_a_network_with_its_own_code_is_refused(tmp_path, mlp, monkeypatch):
    monkeypatch.setattr(MLPConfig, "defined_by", object())
    with pytest.raises(UserError, match=f"{mlp.folder}: .*own"):
        writer.write(mlp, tmp_path / "bundle", compact=True)
    assert not (tmp_path / "bundle").exists()


@pytest.mark.slow
def test_labels_that_are_no_answer_are_in_the_card_and_come_back(tmp_path, mlp):
    scores = {"accuracy_of_letters": 0.9, "refused": 0.01}
    run = mlp._replace(non_letter=0, unused=(3, 4), result={**mlp.result, **scores})
    card = writer.write(run, tmp_path / "bundle", compact=True)
    assert {name: card[name] for name in scores} == scores
    found = bundle.load(tmp_path / "bundle")
    assert (found.non_letter, found.unused) == (0, (3, 4))


def test_no_file_tells_where_the_run_lies(written):
    run, folder, _ = written
    place = str(run.folder.parent).encode()
    assert [path.name for path in folder.iterdir() if place in path.read_bytes()] == []


@pytest.mark.slow
def test_card_and_weights_are_enough_to_build_the_network_again(written):
    run, folder, _ = written
    card = json.loads((folder / "model.json").read_text())
    config = user_code.load_part(card["network"], ModelConfig, None)
    model = networks.build(config, len(card["class_names"]), tuple(card["images"]["shape"]))
    arrays = safetensors.numpy.load_file(folder / "weights.safetensors")
    like = jax.eval_shape(model.init, jax.random.key(0))
    variables = jax.tree_util.tree_map_with_path(
        lambda path, _: arrays["/".join(key.key for key in path[1:])], like
    )
    images = sketch.draw(3, "test", 1)[0]
    found, expected = (
        tiny.quick_jit(stablehlo.logits_fn(model, weights))(images)
        for weights in (variables, run.variables)
    )
    np.testing.assert_array_equal(found, expected)


@pytest.mark.slow
def test_card_and_graph_have_the_calibration(tmp_path, mlp):
    logits = np.random.default_rng(0).normal(size=(300, len(mlp.class_names)))
    labels = np.arange(300) % len(mlp.class_names)
    calibration = conformal.calibrate(logits.astype(np.float32), labels)
    card = writer.write(mlp._replace(calibration=calibration), tmp_path / "bundle")
    assert conformal.parse(card["calibration"], len(mlp.class_names)) == calibration
    assert bundle.load(tmp_path / "bundle").calibration == calibration
    graph = onnx.load(tmp_path / "bundle" / "model.onnx")
    properties = {entry.key: entry.value for entry in graph.metadata_props}
    assert json.loads(properties["calibration"]) == card["calibration"]


@pytest.mark.slow
def test_images_of_another_size_are_checked_too(tmp_path):
    run = bundles.trained(tmp_path / "run", MLPConfig(hidden=(4,)), "alpha_letters")
    run = run._replace(split=Split(limit=500, leave_out="/home/me/suspects.csv"))
    card = writer.write(run, tmp_path / "bundle")
    # A bundle has no path of the machine that wrote it.
    assert "suspects" not in (tmp_path / "bundle" / "model.json").read_text()
    assert card["held_out"]["split"]["limit"] == 500
    assert card["images"]["shape"] == (20, 16)
    assert {about["check"]["same_class"] for about in card["files"].values()} == {1000}


@pytest.fixture
def mlp(tmp_path):
    return bundles.trained(tmp_path / "run", MLPConfig(hidden=(4,)))


@pytest.mark.slow
def test_an_empty_folder_and_a_bundle_are_replaced(tmp_path, mlp):
    target = tmp_path / "deep" / "bundle"
    target.mkdir(parents=True)
    first = writer.write(mlp, target)
    other = mlp._replace(variables=tiny.variables(mlp.model, seed=1))
    second = writer.write(other, target)
    digests = [card["files"][bundle_card.WEIGHTS]["sha256"] for card in (first, second)]
    assert digests[0] != digests[1]
    assert bundle_card.load(target)["files"][bundle_card.WEIGHTS]["sha256"] == digests[1]
    assert [path.name for path in target.parent.iterdir()] == ["bundle"]


def test_what_is_not_a_bundle_is_left_alone(tmp_path, mlp):
    notes = tmp_path / "folder" / "notes.txt"
    notes.parent.mkdir()
    notes.write_text("mine")
    for extra in ([], ["model.json"]):
        for name in extra:
            (notes.parent / name).write_text("{}")
        with pytest.raises(UserError, match=r"folder: .*other files"):
            writer.write(mlp, notes.parent)
    with pytest.raises(UserError, match=r"notes.txt: expected a folder"):
        writer.write(mlp, notes)
    assert notes.read_text() == "mine"


@pytest.mark.slow
def test_a_form_that_computes_something_else_leaves_everything_as_it_was(
    tmp_path, mlp, monkeypatch
):
    target = tmp_path / "bundle"
    before = writer.write(mlp, target)
    other = stablehlo.logits_fn(mlp.model, tiny.variables(mlp.model, seed=1))
    translated = translation.translate
    monkeypatch.setattr(translation, "translate", lambda _, *more: translated(other, *more))
    with pytest.raises(UserError, match=r"model.onnx: .*nothing was written"):
        writer.write(mlp, target)
    assert bundle_card.load(target) == json.loads(json.dumps(before))
    assert {path.name for path in tmp_path.iterdir()} == {"run", "bundle"}


def without(monkeypatch, *missing):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *more: None if name in missing else find(name, *more),
    )


@pytest.mark.parametrize("missing", ["flatbuffers", "onnx", "safetensors"])
def test_a_missing_package_is_named_with_the_way_to_get_it(tmp_path, monkeypatch, missing):
    without(monkeypatch, missing)
    with pytest.raises(UserError, match=rf"needs {missing}, .*pip install 'jaxletters\[export\]'"):
        writer.check(tmp_path / "bundle")


@pytest.mark.slow
def test_without_onnx_runtime_the_card_says_that_one_form_is_not_checked(
    tmp_path, mlp, monkeypatch
):
    without(monkeypatch, "onnxruntime")
    card = writer.write(mlp, tmp_path / "bundle")
    checked = {name: about["check"] is not None for name, about in card["files"].items()}
    assert checked == {
        bundle_card.PROGRAM: True,
        bundle_card.GRAPH: False,
        bundle_card.WEIGHTS: True,
    }


@pytest.mark.slow
def test_a_full_disk_is_the_users_to_mend(tmp_path, mlp, monkeypatch):
    def no_space(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(UserError, match="No space left"):
        writer.write(mlp, tmp_path / "bundle")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]

"""Networks of users: defined in a config file or beside it, kept with the run, loaded from there."""

import dataclasses
import shutil
import sys

import jax
import numpy as np
import pytest
import tiny
from flax import linen as nn

from jaxletters.config import configfile, fingerprints, overrides, user_code
from jaxletters.config.models import MLPConfig
from jaxletters.config.schema import Config
from jaxletters.config.slots import ModelConfig
from jaxletters.core.errors import UserError
from jaxletters.data.synthetic import sketch
from jaxletters.experiments import dispatch
from jaxletters.export import writer
from jaxletters.models import networks, summary
from jaxletters.reading import bundle, loader
from jaxletters.runs import restore

pytestmark = pytest.mark.usefixtures("no_pictures")

NETWORK = """
import flax.linen as nn

class Net(nn.Module):
    width: int
    classes: int

    @nn.compact
    def __call__(self, images, train):
        x = nn.Conv(self.width, (3, 3), (2, 2), name="conv")(images)
        x = nn.BatchNorm(use_running_average=not train, name="norm")(x)
        x = nn.relu(x).reshape(x.shape[0], -1)
        return nn.Dense(self.classes, name="logits")(nn.Dropout(0.2, deterministic=not train)(x))
"""
CONFIG = """
import dataclasses

import jaxletters as jl
from jaxletters import *

@dataclasses.dataclass(frozen=True)
class Own(ModelConfig):
    width: int = setting(4, low=1)
    rate: float = -1

    def build(self, num_classes):
        from network import Net
        return Net(self.width, num_classes)

def get_config():
    return Config(
        dataset=jl.SketchLetters(size=130),
        split=jl.Split(validation_per_class=0),
        model=Own(6),
        training=TrainingConfig(batch_size=26, epochs=2),
        log_every_steps=1,
    )
"""


def written(folder, config=CONFIG, network=NETWORK):
    """Writes a config file and the network beside it; returns the config file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "network.py").write_text(network)
    (folder / "own.py").write_text(config)
    return folder / "own.py"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a run whose config file is gone."""
    home = tmp_path_factory.mktemp("own")
    dispatch.run(configfile.load(written(home / "configs")), home / "run")
    shutil.rmtree(home / "configs")
    return home / "run"


def test_settings_of_a_user_s_network_are_as_good_as_the_package_s(tmp_path):
    config = configfile.load(written(tmp_path))
    assert type(config.model.rate) is float
    assert overrides.apply(config, ["--config.model.width=96"]).model.width == 96
    with pytest.raises(UserError, match=r"config\.model\.widht: no such setting .*'model\.width'"):
        overrides.apply(config, ["--config.model.widht=96"])
    with pytest.raises(UserError, match=r"config\.model\.width: expected 1 or more.*found 0"):
        dispatch.check(overrides.apply(config, ["--config.model.width=0"]))


@pytest.mark.slow
def test_a_run_is_opened_from_its_own_copy_of_the_code(finished, tmp_path):
    moved = shutil.copytree(finished, tmp_path / "moved")
    predictions = np.load(finished / "report" / "predictions.npz")
    # As the builder of the dataset draws its test split.
    images, labels = sketch.draw(26, "test", 0)
    np.testing.assert_array_equal(predictions["labels"], labels)
    np.testing.assert_allclose(
        loader.load(moved).logits(images), predictions["logits"], rtol=1e-4, atol=1e-5
    )


@pytest.mark.slow
@pytest.mark.parametrize("file", ["own.py", "network.py"])
def test_an_edited_copy_is_refused(finished, tmp_path, file):
    moved = shutil.copytree(finished, tmp_path / "moved")
    with (moved / "code" / file).open("a") as copy:
        copy.write("\n")
    with pytest.raises(UserError, match=rf"{moved}.*code") as caught:
        loader.load(moved)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("edited", ["config", "network"])
def test_other_code_is_another_experiment(finished, tmp_path, edited):
    same = configfile.load(written(tmp_path / "a"))
    content = {"config": CONFIG, "network": NETWORK}
    other = configfile.load(written(tmp_path / "b", **content | {edited: content[edited] + "\n"}))
    assert fingerprints.fingerprint(same) != fingerprints.fingerprint(other)
    moved = shutil.copytree(finished, tmp_path / "moved")
    assert dispatch.run(same, moved)["test_examples"] == 26, "finished earlier"
    with pytest.raises(UserError, match=r"config\.model\.class\.sha256 is '.*' there, '.*' here"):
        dispatch.run(other, moved)


def test_two_networks_of_one_name_are_kept_apart(tmp_path):
    one = configfile.load(written(tmp_path / "a"))
    other = configfile.load(written(tmp_path / "b", network=NETWORK.replace("(3, 3)", "(5, 5)")))
    shapes = [
        jax.eval_shape(networks.build(config.model, 27, (28, 28)).init, jax.random.key(0))
        for config in (other, configfile.load(tmp_path / "a" / "own.py"))
    ]
    kernels = [found.params["conv"]["kernel"].shape for found in shapes]
    assert kernels == [(5, 5, 1, 6), (3, 3, 1, 6)]
    assert type(one.model) is not type(other.model)


class Norms(nn.Module):
    """BatchNorm, told in one of both places that Flax allows whether it trains."""

    within: bool
    classes: int

    @nn.compact
    def __call__(self, images, train):
        use = {"use_running_average": not train}
        first, then = (use, {}) if self.within else ({}, use)
        x = nn.BatchNorm(**first, name="norm")(images, **then)
        return nn.Dense(self.classes, name="logits")(x.reshape(len(x), -1))


@dataclasses.dataclass(frozen=True)
class NormsConfig(ModelConfig):
    within: bool = True

    def build(self, num_classes):
        return Norms(self.within, num_classes)


@pytest.mark.slow
@pytest.mark.parametrize("within", [True, False])
def test_a_user_s_batch_norm_in_a_frozen_layer_works_as_in_evaluation(within):
    images = np.random.default_rng(0).random((8, *tiny.SHAPE), np.float32)
    frozen, free = (
        networks.build(NormsConfig(within), tiny.CLASSES, tiny.SHAPE, pattern)
        for pattern in ("logits", ".*")
    )
    variables = free.init(jax.random.key(0))
    expected, _ = tiny.apply(frozen, variables, images, False)
    logits, statistics = tiny.apply(frozen, variables, images, True)
    np.testing.assert_allclose(logits, expected, rtol=1e-6, atol=1e-6)
    tiny.assert_same_bits(statistics, variables.batch_stats)
    logits, statistics = tiny.apply(free, variables, images, True)
    assert np.abs(logits - expected).max() > 0.01
    assert not np.array_equal(statistics["norm"]["mean"], variables.batch_stats["norm"]["mean"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("@dataclasses.dataclass(frozen=True)\n", ""), "decorated"),
        (
            ("@dataclasses.dataclass(frozen=True)\n", "", "Own(6)", "Own()"),
            "Own.*decorated",
        ),
        (("return Net(self.width, num_classes)", "return 3"), "Flax Linen"),
        (("(frozen=True)", "(frozen=True, eq=False)"), "Own.* eq "),
        (
            ("    rate: float = -1\n", "    other: ModelConfig = MLPConfig()\n"),
            r"config\.json",
        ),
        (
            ("    rate: float = -1\n", "    def problems(self):\n        yield 1 / 0\n"),
            "config.model: Own.problems.*ZeroDivisionError",
        ),
        (("self.width, num_classes", "self.width, num_classes + 1"), r"found float32 \[1, 28\]"),
        (("from network import Net", "from network import Nett"), "own.py, line 13: ImportError"),
        (
            ("rate: float = -1", "rate: float = float('inf')"),
            "model.rate: expected a finite number",
        ),
        (
            ("rate: float = -1", "rate: dict = dataclasses.field(default_factory=dict)"),
            "model.rate",
        ),
    ],
)
def test_what_is_wrong_with_a_user_s_network_is_one_line(tmp_path, change, words):
    text = CONFIG
    for old, new in zip(change[::2], change[1::2], strict=True):
        text = text.replace(old, new)
    file = written(tmp_path, text)
    with pytest.raises(UserError, match=words) as caught:
        dispatch.check(configfile.load(file))
    assert len(str(caught.value).splitlines()) == 1


def test_annotations_as_strings_are_read(tmp_path):
    config = configfile.load(written(tmp_path, f"from __future__ import annotations\n{CONFIG}"))
    assert overrides.apply(config, ["--config.model.rate=2"]).model.rate == 2.0


def test_the_layers_of_plain_flax_are_counted(tmp_path):
    config = configfile.load(written(tmp_path))
    rows = {row.name: row for row in summary.layers(config.model, 27, (28, 28))}
    assert rows["conv"].kind == "Conv 3x3"
    assert rows["conv"].macs == 14 * 14 * 9 * 6
    assert rows["logits"].macs == 14 * 14 * 6 * 27


def test_a_network_of_the_caller_s_own_process_must_be_in_a_file(tmp_path):
    @dataclasses.dataclass(frozen=True)
    class Local(ModelConfig):
        pass

    with pytest.raises(UserError, match=r"Local.*file"):
        dispatch.run(Config(model=Local()), tmp_path / "run")


def test_a_config_of_the_package_s_parts_needs_no_code():
    user_code.attach_code(Config())
    assert user_code.source_files(Config()) == {}


@pytest.mark.slow
def test_a_bundle_of_a_user_s_network_needs_neither_its_code_nor_onnx(finished, tmp_path):
    card = writer.write(restore.load(finished), tmp_path / "bundle")
    assert set(card["files"]) == {"model.stablehlo", "weights.safetensors", "model.onnx"}
    assert card["files"]["weights.safetensors"]["check"] is None
    images = sketch.draw(5, "test", 1)[0]
    expected = loader.load(finished).logits(images)
    np.testing.assert_allclose(
        bundle.load(tmp_path / "bundle").logits(images), expected, rtol=1e-4, atol=1e-4
    )


@pytest.mark.slow
def test_what_onnx_does_not_know_is_left_out_of_a_bundle_and_the_card_says_so(tmp_path):
    network = NETWORK.replace(
        "nn.relu(x).reshape(x.shape[0]", "jnp.sort(x).reshape(len(x)"
    ).replace("import flax", "import jax.numpy as jnp\nimport flax")
    dispatch.run(configfile.load(written(tmp_path / "configs", network=network)), tmp_path / "run")
    card = writer.write(restore.load(tmp_path / "run"), tmp_path / "bundle")
    assert set(card["files"]) == {"model.stablehlo", "weights.safetensors"}
    assert "sort" in card["left_out"]["model.onnx"]
    assert bundle.load(tmp_path / "bundle").logits(sketch.draw(2, "test", 1)[0]).shape == (2, 27)


def test_a_config_file_named_as_a_library_hides_none(tmp_path):
    file = written(tmp_path).rename(tmp_path / "optax.py")
    import optax

    config = configfile.load(file)
    networks.build_module(config.model, 27)
    assert sys.modules["optax"] is optax
    assert str(tmp_path) not in sys.path


@pytest.mark.parametrize(
    ("annotation", "good", "expected", "bad"),
    [
        ("int | None", "None", None, "1.5"),
        ("typing.Optional[int]", "3", 3, "'3'"),
        ("typing.Literal['a', 'b']", "'b'", "b", "'c'"),
        ("tuple[int, str]", "[1, 'a']", (1, "a"), "(1, 2)"),
        ("tuple[float, ...]", "[1, 2.5]", (1.0, 2.5), "('a',)"),
    ],
)
def test_settings_are_what_they_are_declared_to_be(tmp_path, annotation, good, expected, bad):
    def text(value):
        return CONFIG.replace("rate: float = -1", f"rate: {annotation} = {value}").replace(
            "import dataclasses", "import dataclasses\nimport typing"
        )

    def load(name, value):
        value = f"dataclasses.field(default_factory=lambda: {value})"
        return configfile.load(written(tmp_path / name, text(value)))

    assert load("good", good).model.rate == expected
    with pytest.raises(UserError, match=r"config\.model\.rate: expected .*, found ") as caught:
        load("bad", bad)
    assert len(str(caught.value).splitlines()) == 1


class Trains(nn.Module):
    classes: int

    @nn.compact
    def __call__(self, images, training=False):
        x = nn.Dropout(0.5, deterministic=not training)(images.reshape(images.shape[0], -1))
        return nn.Dense(self.classes)(x)


class Deterministic(nn.Module):
    classes: int

    @nn.compact
    def __call__(self, images, deterministic=True):
        x = nn.Dropout(0.5, deterministic=deterministic)(images.reshape(images.shape[0], -1))
        return nn.Dense(self.classes)(x)


@dataclasses.dataclass(frozen=True)
class Named(ModelConfig):
    deterministic: bool = True

    def build(self, num_classes):
        return (Deterministic if self.deterministic else Trains)(num_classes)


@pytest.mark.slow
@pytest.mark.parametrize("deterministic", [True, False])
def test_training_is_told_under_each_of_its_usual_names(deterministic):
    model = networks.build(Named(deterministic), tiny.CLASSES, tiny.SHAPE)
    variables = model.init(jax.random.key(0))
    images = np.random.default_rng(0).random((4, *tiny.SHAPE), np.float32)
    evaluated, trained = (tiny.apply(model, variables, images, train)[0] for train in (False, True))
    np.testing.assert_array_equal(tiny.apply(model, variables, images, False)[0], evaluated)
    assert np.abs(evaluated - trained).max() > 0.01


def test_get_config_imports_what_lies_beside_it(tmp_path):
    (tmp_path / "helper.py").write_text("SEED = 7\n")
    text = CONFIG.replace(
        "    return Config(", "    from helper import SEED\n    return Config(seed=SEED,"
    )
    assert configfile.load(written(tmp_path, text)).seed == 7
    assert not list(tmp_path.rglob("__pycache__"))


def test_a_class_of_a_user_takes_the_place_of_none_of_the_package(tmp_path):
    text = CONFIG.replace("class Own(", "class MLPConfig(").replace("Own(6)", "DeeperConfig()")
    configfile.load(written(tmp_path, text))
    found = user_code.load_part({"class": "MLPConfig", "hidden": [3]}, ModelConfig, None)
    assert type(found) is MLPConfig


@pytest.mark.slow
def test_an_import_that_could_be_neither_kept_nor_installed_is_refused(tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "lent.py").write_text("WIDTH = 4\n")
    monkeypatch.syspath_prepend(elsewhere)
    text = CONFIG.replace("import jaxletters as jl\n", "import jaxletters as jl\nimport lent\n")
    with pytest.raises(UserError, match=r"found .*lent\.py.*install") as caught:
        configfile.load(written(tmp_path / "mine", text))
    assert len(str(caught.value).splitlines()) == 1
    # Beside the config it is kept.
    (tmp_path / "mine" / "lent.py").write_text("WIDTH = 4\n")
    config = configfile.load(tmp_path / "mine" / "own.py")
    assert "lent.py" in user_code.source_files(config)


def test_the_package_s_own_files_are_not_kept(tmp_path):
    (tmp_path / "jaxletters").mkdir()
    (tmp_path / "jaxletters" / "__init__.py").write_text("raise AssertionError\n")
    config = configfile.load(written(tmp_path))
    assert set(user_code.source_files(config)) == {"network.py", "own.py"}

"""A run under several seeds: each is an ordinary run, and the ensemble is what NumPy computes from them."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import processes
import pytest
import runs
import scipy.special

import jaxletters as jl
from jaxletters.config import validation
from jaxletters.core.errors import UserError
from jaxletters.core.types import Model, Variables
from jaxletters.data import datasets
from jaxletters.experiments import dispatch
from jaxletters.models import ensembles, networks
from jaxletters.reading import loader
from jaxletters.runs import restore, workdir

CONFIG = '''"""A small network under three seeds."""

import jaxletters as jl


def get_config():
    one = jl.Config(
        seed=7,
        dataset=jl.SketchLetters(size=520),
        split=jl.Split(validation_per_class=3),
        model=jl.DeeperConfig(widths=(4, 8), kernel_sizes=(3, 3), depths=(1, 1), dropout=0.2),
        optimizer=jl.OptimizerConfig(learning_rate=1e-2),
        training=jl.TrainingConfig(batch_size=32, epochs=3, ema_decay=0.9),
        test_shift=1,
        log_every_steps=1,
    )
    return jl.over_seeds(one, 3)
'''
NAMES = "seed7", "seed8", "seed9"


def start(config, folder, *words):
    command = [runs.LAUNCH, f"--config={config}", f"--workdir={folder}", *words]
    return processes.Popen(
        [sys.executable, *command],
        cwd=runs.ROOT,
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(config, folder, *words):
    process = start(config, folder, *words)
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    return output


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    file = tmp_path_factory.mktemp("configs") / "seeds.py"
    file.write_text(CONFIG)
    return file


@pytest.fixture(scope="module")
def folder(config, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "seeds"
    finish(config, folder)
    return folder


@pytest.fixture(scope="module")
def result(folder):
    return workdir.require_result(folder)


@pytest.fixture(scope="module")
def logits(folder):
    """The labels of the test examples, and the logits of the three networks and of the ensemble."""
    files = [np.load(f / "report" / "predictions.npz") for f in (*members(folder), folder)]
    for file in files:
        np.testing.assert_array_equal(file["labels"], files[0]["labels"])
    return files[0]["labels"], np.stack([file["logits"] for file in files[:3]]), files[3]["logits"]


def members(folder):
    return [folder / name for name in NAMES]


@pytest.mark.slow
def test_the_ensemble_predicts_the_mean_of_the_probabilities(result, logits):
    labels, each, together = logits
    expected = scipy.special.softmax(each.astype(np.float64), axis=2).mean(axis=0)
    np.testing.assert_allclose(np.exp(together), expected, atol=1e-6)
    assert result["test_accuracy"] == (expected.argmax(axis=1) == labels).mean()
    pairs = itertools.combinations(each.argmax(axis=2), 2)
    assert result["agreement"] == pytest.approx(np.mean([(a == b).mean() for a, b in pairs]))


@pytest.mark.slow
def test_the_spread_is_that_of_the_runs(folder, result):
    found = [workdir.require_result(member) for member in members(folder)]
    assert result["runs"] == [run["name"] for run in found]
    keys = {"test_accuracy", "test_loss", "validation_accuracy", "accuracy_over_shifts"}
    assert keys <= result["spread"].keys()
    for key, spread in result["spread"].items():
        values = [run[key] for run in found]
        assert spread["values"] == values
        assert spread["mean"] == pytest.approx(np.mean(values))
        assert spread["deviation"] == pytest.approx(np.std(values, ddof=1))
    assert len(set(result["spread"]["test_loss"]["values"])) == 3
    assert result["parameters"] == sum(run["parameters"] for run in found)


@pytest.mark.slow
def test_each_run_is_an_ordinary_one_on_the_same_examples(folder, tmp_path):
    settings = ("--config.seed=8", "--config.split.seed=7")
    single = tmp_path / "seed8.py"
    single.write_text(CONFIG.replace("jl.over_seeds(one, 3)", "one"))
    finish(single, tmp_path / "seed8", *settings)
    assert runs.outcome(tmp_path / "seed8") == runs.outcome(folder / "seed8")
    stored = [json.loads((f / "manifest.json").read_text()) for f in (*members(folder), folder)]
    assert len({json.dumps(one["data"], sort_keys=True) for one in stored}) == 1


@pytest.mark.slow
def test_a_kill_under_any_seed_changes_nothing(config, folder, tmp_path):
    for name, steps in (("seed7", 9), ("seed9", 20)):
        process = start(config, tmp_path / "seeds")
        errors = runs.stop_at(process, tmp_path / "seeds" / name, steps, signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL, errors
    assert "finished earlier" in finish(config, tmp_path / "seeds")
    assert runs.outcome(tmp_path / "seeds") == runs.outcome(folder)
    assert "nothing was run" in finish(config, tmp_path / "seeds")


@pytest.mark.slow
def test_the_ensemble_reads_and_is_exported(folder, logits, tmp_path):
    test = datasets.load(jl.SketchLetters(size=520), "test")
    classifier = loader.load(folder)
    expected = logits[2][:40]
    np.testing.assert_allclose(classifier.logits(test.images[:40]), expected, atol=1e-4)
    done = runs.jaxletters("export", folder, "--to", tmp_path / "bundle")
    assert done.returncode == 0, done.stderr
    card = json.loads((tmp_path / "bundle" / "model.json").read_text())
    assert card["members"] == 3
    assert not card["left_out"]
    loaded = loader.load(tmp_path / "bundle")
    np.testing.assert_allclose(loaded.logits(test.images[:40]), expected, atol=1e-4)


@pytest.mark.slow
def test_an_ensemble_is_neither_a_base_nor_taught(folder, tmp_path):
    with pytest.raises(UserError, match="one network"):
        restore.load(folder)
    done = runs.jaxletters("export", folder, "--to", tmp_path / "bundle")
    assert done.returncode == 0, done.stderr
    for name, found in ((folder, "seeds"), (tmp_path / "bundle", "an ensemble of 3")):
        done = runs.jaxletters("teach", name, "--from", tmp_path)
        runs.assert_user_error(done, "one network", found)


@pytest.mark.slow
def test_the_networks_must_be_those_that_were_measured(folder, tmp_path):
    copy = tmp_path / "seeds"
    shutil.copytree(folder, copy)
    shutil.rmtree(copy / "seed8")
    shutil.copytree(copy / "seed9", copy / "seed8")
    with pytest.raises(UserError, match="seed8"):
        loader.load(copy)


def test_what_cannot_run_under_seeds_is_refused_before_it_starts(tmp_path):
    with pytest.raises(UserError, match=r"config\.seed: expected at most 4294967293"):
        validation.check(jl.over_seeds(jl.Config(seed=2**32 - 1), 3), 1)
    validation.check(jl.over_seeds(jl.Config(seed=2**32 - 3), 3), 1)
    (tmp_path / "seeds.py").write_text(CONFIG)
    base = f"jl.BaseConfig(config={str(tmp_path / 'seeds.py')!r})"
    (tmp_path / "based.py").write_text(
        f'"""With a base."""\nimport jaxletters as jl\ndef get_config(): return jl.Config(base={base})\n'
    )
    entries = (jl.EntryConfig(str(tmp_path / "based.py")),)
    with pytest.raises(UserError, match="expected the run of one network as the base"):
        dispatch.run(jl.StudyConfig(experiments=entries), tmp_path / "study")


def test_a_class_that_all_networks_exclude_stays_excluded():
    def apply(variables, *_, **__):
        return variables.params["logits"], {}

    excluding = Model(lambda _: None, apply)
    member = Variables({"logits": jnp.float32([[0, -np.inf, 1]])}, {})
    found, _ = ensembles.build(excluding, 2).apply(ensembles.join([member] * 2), None, train=False)
    np.testing.assert_allclose(
        np.exp(found), scipy.special.softmax([[0, -np.inf, 1]], axis=1), 1e-6
    )


def test_an_ensemble_of_equal_networks_is_the_network():
    model = networks.build(jl.MLPConfig(hidden=(3,)), 4, (5, 5))
    variables = model.init(jax.random.key(0))
    images = np.random.default_rng(0).random((6, 5, 5), np.float32)
    alone, _ = model.apply(variables, images, train=False)
    joined = ensembles.join([variables] * 3)
    found, _ = ensembles.build(model, 3).apply(joined, images, train=False)
    np.testing.assert_allclose(found, jax.nn.log_softmax(alone), atol=1e-6)


@pytest.mark.slow
def test_a_comparison_shows_the_mean_and_the_ensemble_and_tests_it(folder, result, tmp_path):
    done = runs.jaxletters("report", folder, folder / "seed7", "--to", tmp_path / "compared")
    assert done.returncode == 0, done.stderr
    compared = json.loads((tmp_path / "compared" / "result.json").read_text())
    assert [row["name"] for row in compared["rows"]] == ["seeds", "seeds, ensemble", "seed7"]
    page = (tmp_path / "compared" / "index.html").read_text()
    assert f"{100 * result['spread']['test_accuracy']['mean']:.2f}" in page
    assert f"{100 * result['test_accuracy']:.2f}" in page
    (pair,) = compared["pairs"]
    files = [np.load(f / "report" / "predictions.npz") for f in (folder, folder / "seed7")]
    first, second = (file["logits"].argmax(axis=1) == file["labels"] for file in files)
    assert pair["only_first"] == (first & ~second).sum()
    assert pair["only_second"] == (second & ~first).sum()
    assert pair["examples"] == len(first)

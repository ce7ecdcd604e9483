"""A sweep in which every row is an experiment under several seeds, in this process."""

import dataclasses
import itertools
import shutil

import pytest

import jaxletters as jl
from jaxletters.config import validation
from jaxletters.experiments import dispatch
from jaxletters.runs import workdir
from jaxletters.runtime import preemption
from jaxletters.runtime.preemption import Interrupted

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_pictures")]

SWEEP = jl.SweepConfig(
    seed=4,
    dataset=jl.SketchLetters(size=260),
    split=jl.Split(validation_per_class=1),
    model=jl.MLPConfig(hidden=(8,)),
    training=jl.TrainingConfig(batch_size=26, epochs=2),
    variations=jl.grid("rate", {"optimizer.learning_rate": (1e-2, 1e-5)}),
    seeds=2,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep") / "run"
    dispatch.run(SWEEP, folder)
    return folder


def weights(folder):
    return {
        str(file.relative_to(folder)): workdir.require_result(file.parents[1])["weights"]
        for file in folder.rglob("seed*/report/result.json")
    }


def test_every_row_has_all_seeds_and_its_difference_to_the_baseline(folder, capsys):
    rows = workdir.require_result(folder)["rows"]
    assert [row["name"] for row in rows] == ["baseline", "0.01", "1e-05"]
    for row in rows:
        assert len(row["spread"]["test_accuracy"]["values"]) == 2
    assert len(weights(folder)) == 6
    dispatch.run(SWEEP, folder)
    printed = capsys.readouterr().out
    means = [row["spread"]["test_accuracy"]["mean"] for row in rows]
    assert f"{100 * (means[1] - means[0]):+.2f}" in printed
    assert "sd " in printed


def test_an_interruption_in_any_row_changes_no_bit(folder, tmp_path):
    for looks in (3, 8, 12):
        with pytest.MonkeyPatch.context() as patch:
            counter = itertools.count(1)
            patch.setattr(preemption, "requested", lambda c=counter, n=looks: next(c) >= n)
            with pytest.raises(Interrupted):
                dispatch.run(SWEEP, tmp_path / "run")
    dispatch.run(SWEEP, tmp_path / "run")
    assert weights(tmp_path / "run") == weights(folder)


def test_a_run_that_was_exchanged_is_noticed(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "run")
    other = tmp_path / "run" / "rate_0.01" / "seed5"
    shutil.rmtree(other)
    shutil.copytree(folder / "rate_1e_05" / "seed5", other)
    with pytest.raises(jl.UserError, match=r"seed5"):
        dispatch.run(SWEEP, tmp_path / "run")


def test_a_seed_beyond_the_last_is_refused():
    with pytest.raises(jl.UserError, match=r"config\.seed: expected at most"):
        validation.check(dataclasses.replace(SWEEP, seed=2**32 - 1), 1)

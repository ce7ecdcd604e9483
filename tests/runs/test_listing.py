"""What there is to say of a folder of runs."""

import json

import pytest

from jaxletters.config.builtin_sources import Mnist
from jaxletters.config.schema import Config
from jaxletters.core.errors import UserError
from jaxletters.runs import listing, lock, workdir
from jaxletters.runtime.files import write_json

CONFIG = Config(dataset=Mnist())


def states(root):
    return {run.folder.name: run.state for run in listing.list_runs(root)}


def test_every_run_says_how_far_it_is(tmp_path):
    for name in ("begun", "stopped", "finished", "running"):
        workdir.write_config(tmp_path / name, CONFIG)
    for step in (7, 1200):
        (tmp_path / "stopped" / "steps" / str(step)).mkdir(parents=True)
    write_json(tmp_path / "finished" / "report" / "result.json", {"test_accuracy": 0.5})
    write_json(tmp_path / "finished" / "manifest.json", {"data": {"dataset": "mnist"}})
    (tmp_path / "not a run").mkdir()
    with lock.hold(tmp_path / "running"):
        assert states(tmp_path) == {
            "begun": "begun",
            "finished": "finished",
            "running": "running",
            "stopped": "stopped at step 1,200",
        }
        (tmp_path / "running" / "steps" / "40").mkdir(parents=True)
        assert states(tmp_path)["running"] == "running, past step 40"
    assert states(tmp_path)["running"] == "stopped at step 40"
    (finished,) = [run for run in listing.list_runs(tmp_path) if run.result]
    assert (finished.dataset, finished.result) == ("mnist", {"test_accuracy": 0.5})


def test_what_has_runs_inside_is_told_by_them(tmp_path):
    for name in ("sweep", "sweep/trial", "transfer"):
        workdir.write_config(tmp_path / name, CONFIG)
    for kept in ("sweep/trial/steps/40", "transfer/stage1/steps/7"):
        (tmp_path / kept).mkdir(parents=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text('{"dataset": "squad"}')
    assert states(tmp_path) == {"other": "begun", "sweep": "stopped", "transfer": "stopped"}
    with lock.hold(tmp_path / "sweep"):
        assert states(tmp_path)["sweep"] == "running"
        assert states(tmp_path / "sweep") == {"trial": "running, past step 40"}


def test_a_folder_that_is_not_there_or_not_readable_is_named(tmp_path):
    with pytest.raises(UserError, match=r"none: expected a folder of runs, found no such folder"):
        listing.list_runs(tmp_path / "none")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text(json.dumps({})[:1])
    with pytest.raises(UserError, match=r"config\.json"):
        listing.list_runs(tmp_path)

"""The copy of a run on Weights & Biases, as its own file of records holds it."""

import json

import pytest
import runs

from jaxletters.config import configfile
from jaxletters.experiments import dispatch

pytestmark = pytest.mark.slow

pytest.importorskip("wandb")

_HEADER, _BLOCK = 7, 32768


def _records(folder, name="offline-run-*"):
    """Yields what a run's file holds: LevelDB's log format behind seven bytes, a protobuf in each."""
    from wandb.proto import wandb_internal_pb2

    (file,) = folder.glob(f"wandb/{name}/run-*.wandb")
    data, at, whole = file.read_bytes(), _HEADER, b""
    while at < len(data):
        if _BLOCK - at % _BLOCK < _HEADER:
            at += _BLOCK - at % _BLOCK
            continue
        size, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        whole += data[at + _HEADER : at + _HEADER + size]
        at += _HEADER + size
        if kind in (1, 4):  # whole, or the last piece of one
            yield wandb_internal_pb2.Record.FromString(whole)
            whole = b""


def _items(items):
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """A finished run, its copy's records, and what the command printed."""
    folder = tmp_path_factory.mktemp("wandb")
    runs.finish(folder / "run", "--config.training.epochs=1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "offline")
        done = runs.jaxletters("wandb", "run", "--project", "letters", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "run", list(_records(folder)), done.stdout


def test_the_copy_holds_every_figure_of_every_step(copied):
    folder, records, _ = copied
    found = {}
    for record in records:
        if record.HasField("history"):
            row = _items(record.history.item)
            found.setdefault(row["_step"], {}).update(row)
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    assert len(lines) > 10
    for line in map(json.loads, lines):
        copy = found[line["step"]]
        for key in ("loss", "accuracy", "epoch"):
            assert copy[f"{line['split']}/{key}"] == line[key]
    assert any("timing/images_per_second" in row for row in found.values())
    assert any("report/worst_mistakes/sha256" in row for row in found.values())


def test_the_copy_says_what_was_run_and_what_came_of_it(copied):
    folder, records, output = copied
    (run,) = [record.run for record in records if record.HasField("run")]
    assert (run.project, run.display_name) == ("letters", "run")
    config = _items(run.config.update)
    assert config["model"]["widths"] == [4, 8, 8]
    assert config["environment"]["versions"]["jax"]
    summary = {}
    for record in records:
        if record.HasField("summary"):
            summary |= _items(record.summary.update)
    result = json.loads((folder / "report" / "result.json").read_text())
    assert summary["result/test_accuracy"] == result["test_accuracy"]
    assert output.strip() == f"copied {folder}"


def test_a_later_copy_goes_to_the_same_place(copied, monkeypatch, tmp_path):
    folder, records, _ = copied
    (before,) = [record.run.run_id for record in records if record.HasField("run")]
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert runs.jaxletters("wandb", folder, cwd=tmp_path).returncode == 0
    (after,) = [record.run.run_id for record in _records(tmp_path) if record.HasField("run")]
    assert after == before


def test_a_cross_validation_is_copied_with_its_result_beside_its_folds(tmp_path, monkeypatch):
    config = tmp_path / "folds.py"
    config.write_text(
        "import jaxletters as jl\nfrom jaxletters import *\n\n\n"
        "def get_config():\n"
        "    dataset, split = jl.SketchLetters(size=260), jl.Split(validation_per_class=0)\n"
        "    training = TrainingConfig(batch_size=20, epochs=1)\n"
        "    model = MLPConfig(hidden=(8,))\n"
        "    return CrossvalConfig(dataset=dataset, split=split, model=model, training=training, folds=2)\n"
    )
    monkeypatch.setenv("WANDB_MODE", "offline")
    dispatch.run(configfile.load(config), tmp_path / "folds")
    done = runs.jaxletters("wandb", "folds", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    summaries = {}
    for folder in (tmp_path / "wandb").glob("offline-run-*"):
        records = list(_records(folder.parents[1], folder.name))
        (run,) = [record.run for record in records if record.HasField("run")]
        assert run.run_group == "folds"
        summaries[run.display_name] = {}
        for record in records:
            if record.HasField("summary"):
                summaries[run.display_name] |= _items(record.summary.update)
    whole = summaries.pop("folds")
    result = json.loads((tmp_path / "folds" / "report" / "result.json").read_text())
    assert whole["result/fold_mean"] == result["fold_mean"]
    assert len(summaries) == 2


def test_what_cannot_be_copied_is_said_in_one_line(copied, monkeypatch, tmp_path):
    for variable in ("WANDB_MODE", "WANDB_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    done = runs.jaxletters("wandb", "nowhere", cwd=tmp_path)
    runs.assert_user_error(done, "nowhere: expected a run")
    done = runs.jaxletters("wandb", copied[0], cwd=tmp_path)
    runs.assert_user_error(done, f"{copied[0]}: ", "Weights & Biases")

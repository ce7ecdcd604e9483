"""A whole course in small: every kind of experiment in one study, killed on the way and gone on with."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import processes
import pytest
import runs

from jaxletters.cli import command_line
from jaxletters.core.errors import UserError
from jaxletters.data.synthetic import sketch
from jaxletters.experiments import dispatch

CONFIGS = {
    "letters": """
        Config(
            dataset=SketchLetters(size=520),
            split=Split(validation_per_class=3),
            model=NETWORK,
            optimizer=OptimizerConfig(learning_rate=1e-2),
            training=TrainingConfig(batch_size=32, epochs=2, ema_decay=0.9),
            log_every_steps=1,
        )""",
    "transfer": """
        Config(
            dataset=OTHERS,
            split=Split(validation_per_class=0),
            model=dataclasses.replace(NETWORK, hidden=(16,), dropout=0.3),
            base=BaseConfig(config=str(HERE / "letters.py"), take="stage"),
            stages=(
                StageConfig("hidden|logits", 2, OptimizerConfig()),
                StageConfig("stage2|hidden|logits", 3, OptimizerConfig("adamw", 1e-3, weight_decay=0.1)),
            ),
            training=TrainingConfig(batch_size=20),
            log_every_steps=1,
        )""",
    "crossval": """
        cross_validated(configfile.load(HERE / "transfer.py"), folds=2)""",
    "zero_shot": """
        ZeroShotConfig(
            dataset=SketchLetters(size=300),
            base=BaseConfig(config=str(HERE / "letters.py")),
            folds=2,
        )""",
    "dense": """
        Config(
            dataset=SketchLetters(size=260),
            split=Split(validation_per_class=1),
            model=MLPConfig(hidden=(8,)),
            training=TrainingConfig(batch_size=20, epochs=100),
        )""",
    "sweep": """
        SweepConfig(
            dataset=SketchLetters(size=260),
            split=Split(validation_per_class=1),
            model=MLPConfig(hidden=(8,)),
            training=TrainingConfig(batch_size=20, epochs=1),
            variations=grid("rate", {"optimizer.learning_rate": (0.01, 0.1)}),
        )""",
    "seeds": """
        SeedsConfig(
            dataset=SketchLetters(size=260),
            split=Split(validation_per_class=1),
            model=MLPConfig(hidden=(8,)),
            training=TrainingConfig(batch_size=20, epochs=1),
            seeds=2,
        )""",
    "student": """
        Config(
            seed=5,
            dataset=SketchLetters(size=260),
            split=Split(validation_per_class=1, seed=0),
            model=MLPConfig(hidden=(8,)),
            loss=Distillation(teacher=FinishedRun(str(HERE / "seeds.py")), share=0.7),
            training=TrainingConfig(batch_size=20, epochs=1),
        )""",
    "study": """
        StudyConfig(
            experiments=(
                EntryConfig(str(HERE / "crossval.py"), 50.0),
                EntryConfig(str(HERE / "letters.py")),
                EntryConfig(str(HERE / "transfer.py")),
                EntryConfig(str(HERE / "zero_shot.py")),
                EntryConfig(str(HERE / "sweep.py")),
                EntryConfig(str(HERE / "student.py")),
                EntryConfig(str(HERE / "seeds.py")),
            )
        )""",
}
HEAD = '''"""A config of a test."""

import dataclasses
from pathlib import Path

from jaxletters.config import configfile
from jaxletters import *
from jaxletters.config.sources import *

HERE = Path(__file__).parent
# Other letters than those that the base learns from.
OTHERS = Arrays(str(HERE / "others.npz"))
NETWORK = DeeperConfig(widths=(4, 8), kernel_sizes=(3, 3), depths=(1, 1), pooling="stride")


def get_config():
    return '''


@pytest.fixture(scope="module")
def configs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("configs")
    images, labels = sketch.draw(260, "train", seed=1)
    others, tested = sketch.draw(52, "test", seed=1)
    arrays = {"train_images": images, "train_labels": labels}
    np.savez(folder / "others.npz", **arrays, test_images=others, test_labels=tested)
    for name, text in CONFIGS.items():
        (folder / f"{name}.py").write_text(f"{HEAD}{text.strip()}\n")
    return folder


def start(configs, root, *words, name="study", devices=1):
    command = [runs.LAUNCH, f"--config={configs / name}.py", f"--workdir={root / name}", *words]
    flags = f"--xla_force_host_platform_device_count={devices}"
    return processes.Popen(
        [sys.executable, *command],
        cwd=runs.ROOT,
        env={**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(configs, root, *words, name="study"):
    process = start(configs, root, *words, name=name)
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    return output


@pytest.fixture(scope="module")
def uninterrupted(configs, tmp_path_factory):
    root = tmp_path_factory.mktemp("uninterrupted")
    return root, finish(configs, root)


@pytest.mark.slow
def test_kills_in_fold_and_stage_leave_no_trace(configs, uninterrupted, tmp_path):
    """SIGKILL in the second fold, in the second stage of a transfer, and in a sweep."""
    for place, records in (
        ("crossval/fold02/stage1", 5),
        ("transfer/stage2", 12),
        ("sweep/rate_0.01", 1),
    ):
        process = start(configs, tmp_path)
        errors = runs.stop_at(process, tmp_path / place, records, signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL, errors
    output = finish(configs, tmp_path)
    assert output.count(": finished earlier") == 4 + 1, (
        "four experiments, and the baseline of the sweep"
    )
    assert runs.outcome(tmp_path) == runs.outcome(uninterrupted[0])


@pytest.mark.slow
def test_two_processes_run_every_kind_as_one_with_two_devices(configs, tmp_path):
    alone = start(configs, tmp_path / "alone", devices=2)
    errors = alone.communicate()[1]
    assert not alone.returncode, errors
    with socket.create_server(("localhost", 0)) as free:
        address = f"localhost:{free.getsockname()[1]}"
    root = tmp_path / "two"
    team = [start(configs, root, f"--processes={i}/2@{address}") for i in (1, 2)]
    ends = runs.end_team(team)
    assert [code for code, _, _ in ends] == [0, 0], ends
    assert ends[1][1:] == ("", "")
    assert runs.outcome(root) == runs.outcome(tmp_path / "alone")


@pytest.mark.slow
def test_a_base_that_is_missing_is_trained_first_and_once(uninterrupted):
    _, output = uninterrupted
    order = [Path(line).stem for line in output.splitlines() if line.endswith(".py")]
    assert order == ["letters", "crossval", "transfer", "zero_shot", "sweep", "seeds", "student"]


@pytest.mark.slow
def test_the_table_has_a_row_for_everything(uninterrupted):
    root, output = uninterrupted
    result = json.loads((root / "study" / "report" / "result.json").read_text())
    names = ["crossval", "letters", "transfer", "zero_shot"]
    rates = ["rate: 0.01", "rate: 0.1"]
    assert [row["name"] for row in result["rows"]] == [
        *names,
        "baseline",
        *rates,
        "student",
        "seeds",
        "seeds, ensemble",
    ]
    page = (root / "study" / "report" / "index.html").read_text()
    for row in result["rows"]:
        assert row["name"] in page
        assert any(line.startswith(row["name"]) for line in output.splitlines())
    (row,) = [line for line in output.splitlines() if line.startswith("crossval ")]
    mean = 100 * result["rows"][0]["fold_mean"]
    assert f"{mean:.2f}" in row
    assert f"{mean - 50:+.2f}" in row


@pytest.mark.slow
def test_every_config_lies_beside_what_it_ran_on(uninterrupted):
    places = {file.parent for file in uninterrupted[0].rglob("config.json")}
    assert {place.name for place in places} >= {"study", "sweep", "crossval", "zero_shot"}
    assert places == {file.parent for file in uninterrupted[0].rglob("manifest.json")}


@pytest.mark.slow
def test_a_frozen_layer_keeps_every_bit_of_the_base(uninterrupted):
    root, _ = uninterrupted

    def best(folder):
        meta = json.loads((runs.newest_step(folder) / "meta" / "metadata").read_text())
        return {k: v for k, v in meta["digests"].items() if k.startswith("['best']")}

    base, first, second = (
        best(root / name) for name in ("letters", "transfer/stage1", "transfer/stage2")
    )
    blocks = {stage: {k for k in base if f"['{stage}_" in k} for stage in ("stage1", "stage2")}
    # Kernel, scale and offset of a block, and the running mean and variance of its BatchNorm.
    assert [len(keys) for keys in blocks.values()] == [5, 5]
    assert all(first[k] == base[k] for keys in blocks.values() for k in keys)
    assert all(second[k] == base[k] for k in blocks["stage1"])
    assert all(second[k] != base[k] for k in blocks["stage2"])
    report = json.loads((root / "transfer" / "report" / "result.json").read_text())["base"]
    assert {name.rpartition("/")[0] for name in report["new"]} == {"hidden1", "logits"}
    assert {name.rpartition("/")[0] for name in report["left"]} == {"logits"}


@pytest.mark.slow
def test_every_example_is_predicted_once_by_a_network_that_has_not_seen_it(uninterrupted):
    root, _ = uninterrupted
    folds = sorted((root / "crossval").glob("fold*"))
    logits = [np.load(fold / "logits.npy") for fold in folds]
    result = json.loads((root / "crossval" / "report" / "result.json").read_text())
    assert sum(map(len, logits)) == result["test_examples"] == 260
    facts = [json.loads((fold / "fold.json").read_text()) for fold in folds]
    assert [f["train_examples"] + f["examples"] for f in facts] == [260, 260]
    shares = [f["right"] / f["examples"] for f in facts]
    assert result["fold_accuracies"] == shares
    assert result["fold_deviation"] == pytest.approx(np.std(shares, ddof=1))
    right = sum(f["right"] for f in facts)
    assert result["test_accuracy"] == pytest.approx(right / 260)


@pytest.mark.slow
def test_a_quick_study_says_so_and_lies_apart(configs, uninterrupted):
    root, _ = uninterrupted
    (configs / "short.py").write_text(
        f"{HEAD}StudyConfig(budget='quick', experiments=(EntryConfig(str(HERE / 'dense.py')),))\n"
    )
    finish(configs, root, name="short")
    page = (root / "short" / "report" / "index.html").read_text()
    assert "quick budget" in page
    result = json.loads((root / "short" / "dense" / "report" / "result.json").read_text())
    assert result["epochs"] == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "words", "named"),
    [
        ("transfer", ["--config.base.workdir=nowhere"], ("python launch.py --config ",)),
        (
            "transfer",
            ["--config.stages.1.trainable=stage7"],
            ("stages.1.trainable: ", "'stage7'"),
        ),
        ("transfer", ["--config.stages.0.epochs=0"], ("config.stages.0.epochs: expected 1 to",)),
        ("transfer", ["--config.training.epochs=3"], ("config.training", "stages")),
        ("transfer", ["--config.base.take=block"], ("config.base.take: ", "'block'")),
        (
            "transfer",
            ["--config.model.widths=(4,9)"],
            ("[3, 3, 4, 8]", "base", "[3, 3, 4, 9]"),
        ),
        ("crossval", ["--config.folds=11"], ("config.folds: ", "smallest class", "found 11")),
        ("crossval", ["--config.split.test_share=0.2"], ("config.split.test_share: ",)),
        ("crossval", ["--config.test_shift=1"], ("config.test_shift: ",)),
        ("zero_shot", ["--config.split.limit=9"], ("config.split.limit: no such setting",)),
        ("study", ["--config.budget=tiny"], ("one of full, quick",)),
        ("zero_shot", ["--config.dataset=mnist"], ("the classes 0, 1",)),
        (
            "crossval",
            [
                "--config.dataset=sketch_letters",
                "--config.dataset.size=260",
            ],
            ("227 of 260", "base", "33"),
        ),
    ],
)
def test_what_the_user_must_mend_is_one_line(configs, uninterrupted, tmp_path, name, words, named):
    root, _ = uninterrupted
    base = [] if name == "study" else [f"--config.base.workdir={root / 'letters'}"]
    flags = [f"--config={configs / name}.py", f"--workdir={tmp_path / name}", *base, *words]
    with pytest.raises(UserError) as caught:
        dispatch.run(*command_line.parse(flags)[:2])
    (line,) = str(caught.value).splitlines()
    assert [part for part in named if part not in line] == [], line
    assert not list(tmp_path.iterdir()), "nothing is written"


def test_a_study_looks_at_every_config_before_it_runs_any(configs, tmp_path):
    (configs / "wrong.py").write_text(
        f"{HEAD}Config(dataset=SketchLetters(size=260), optimizer=OptimizerConfig('adamm', -1))\n"
    )
    (configs / "doomed.py").write_text(
        f"{HEAD}StudyConfig(experiments=(EntryConfig(str(HERE / 'dense.py')),"
        "EntryConfig(str(HERE / 'wrong.py'))))\n"
    )
    with pytest.raises(UserError) as caught:
        run(configs, tmp_path, "doomed")
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert all(line.startswith(f"{configs / 'wrong.py'}: config.optimizer.") for line in lines)
    assert not list(tmp_path.iterdir()), "nothing is written"


@pytest.mark.slow
def test_a_finished_result_is_not_another_config_s(configs, uninterrupted, tmp_path):
    root = tmp_path / "copy"
    shutil.copytree(uninterrupted[0], root)
    with pytest.raises(UserError, match=r"zero_shot: .*config\.folds"):
        run(
            configs,
            root,
            "zero_shot",
            "--config.folds=3",
            f"--config.base.workdir={root / 'letters'}",
        )


def test_bases_in_a_circle_are_refused(configs, tmp_path):
    for name, other in (("hen", "egg"), ("egg", "hen")):
        (configs / f"{name}.py").write_text(
            f"{HEAD}Config(base=BaseConfig(config=str(HERE / '{other}.py')))\n"
        )
    (configs / "circle.py").write_text(
        f"{HEAD}StudyConfig(experiments=(EntryConfig(str(HERE / 'hen.py')),))\n"
    )
    flags = [f"--config={configs / 'circle.py'}", f"--workdir={tmp_path / 'circle'}"]
    with pytest.raises(UserError, match=r"circle.*hen\.py .*egg\.py .*hen\.py"):
        dispatch.run(*command_line.parse(flags)[:2])
    assert not list(tmp_path.iterdir()), "nothing is written"


@pytest.mark.slow
def test_what_began_with_another_base_is_not_taken_for_finished(configs, uninterrupted, tmp_path):
    """The base was trained again, as the same config on the same data but to other weights."""
    root = tmp_path / "copy"
    shutil.copytree(uninterrupted[0], root)
    shutil.rmtree(root / "study")
    for folder in root.iterdir():
        relocate(folder, uninterrupted[0], root)
    result = root / "letters" / "report" / "result.json"
    found = json.loads(result.read_text())
    result.write_text(json.dumps({**found, "weights": "another" + found["weights"]}))
    with pytest.raises(UserError, match=r"crossval: .*base.*weights .*found .*letters.*weights"):
        run(configs, root, "study")


def relocate(folder, before, now):
    """Lets a copied run find its base at its own place."""
    for name in ("config.json", "manifest.json"):
        file = folder / name
        file.write_text(file.read_text().replace(str(before), str(now)))


def run(configs, root, name, *words):
    return dispatch.run(
        *command_line.parse([f"--config={configs / name}.py", f"--workdir={root / name}", *words])[
            :2
        ]
    )

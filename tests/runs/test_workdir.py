import dataclasses
import json

import pytest

from jaxletters.config import serialization
from jaxletters.config.augmentation import AugmentConfig
from jaxletters.config.builtin_sources import Mnist
from jaxletters.config.models import MLPConfig
from jaxletters.config.schema import Config
from jaxletters.config.training import OptimizerConfig, TrainingConfig
from jaxletters.core.errors import UserError
from jaxletters.runs import workdir

CONFIG = Config(dataset=Mnist())


def begun(folder, config=CONFIG):
    """A run folder with a checkpoint in it."""
    workdir.write_config(folder, config)
    (folder / "steps" / "7").mkdir(parents=True)
    return folder


def files(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def refusal(folder, config):
    """The one line with which a folder is refused; nothing in it may have changed."""
    before = files(folder)
    with pytest.raises(UserError) as caught:
        workdir.check_available(folder, config)
    assert files(folder) == before
    (line,) = str(caught.value).splitlines()
    assert "--workdir" in line
    return line


def test_a_new_folder_says_whose_it_is(tmp_path):
    folder = tmp_path / "a" / "run"
    workdir.check_available(folder, CONFIG)
    assert not folder.exists()
    workdir.write_config(folder, CONFIG)
    written = json.loads((folder / "config.json").read_text())
    assert written == json.loads(json.dumps(serialization.to_dict(CONFIG)))


def test_an_empty_folder_is_free_and_the_run_s_own_stays_so(tmp_path):
    workdir.check_available(tmp_path, CONFIG)
    workdir.check_available(begun(tmp_path), CONFIG)


def test_where_the_data_lie_may_change_between_two_starts(tmp_path):
    moved = dataclasses.replace(CONFIG, dataset=Mnist(data_dir="/elsewhere"))
    workdir.check_available(begun(tmp_path), moved)


def test_a_whole_number_is_no_other_config(tmp_path):
    one, other = (Config(augment=AugmentConfig(shift=shift)) for shift in (2, 2.0))
    workdir.check_available(begun(tmp_path, one), other)


@pytest.mark.parametrize("inside", [".", "stage1", "fold01/stage1", "seeds/seed0/stage1"])
def test_a_checkpoint_of_any_part_is_one_of_the_run(tmp_path, inside):
    (tmp_path / inside / "report").mkdir(parents=True)
    assert not workdir.has_checkpoints(tmp_path)
    (tmp_path / inside / "steps" / "7").mkdir(parents=True)
    assert workdir.has_checkpoints(tmp_path)


def test_a_run_without_a_checkpoint_has_nothing_to_lose(tmp_path):
    workdir.write_config(tmp_path, CONFIG)
    other = dataclasses.replace(CONFIG, seed=4)
    workdir.check_available(tmp_path, other)
    workdir.write_config(tmp_path, other)
    assert json.loads((tmp_path / "config.json").read_text())["seed"] == 4


def test_a_run_of_another_config_is_refused_with_what_differs(tmp_path):
    begun(tmp_path)
    other = dataclasses.replace(
        CONFIG,
        seed=4,
        optimizer=OptimizerConfig(learning_rate=0.5),
        training=TrainingConfig(epochs=3),
    )
    line = refusal(tmp_path, other)
    assert "config.seed is 0 there, 4 here" in line
    assert "config.optimizer.learning_rate is 0.001 there, 0.5 here" in line
    assert "config.training.epochs is 10 there, 3 here" in line
    assert "batch_size" not in line


def test_a_run_of_another_kind_of_model_is_refused(tmp_path):
    begun(tmp_path)
    line = refusal(tmp_path, dataclasses.replace(CONFIG, model=MLPConfig()))
    assert "config.model.class is 'DeeperConfig' there, 'MLPConfig' here" in line
    assert "config.model.hidden is [] there, [512] here" in line


def test_a_folder_of_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    assert "found other files and no config.json" in refusal(tmp_path, CONFIG)


def test_a_file_is_no_folder(tmp_path):
    file = tmp_path / "file"
    file.write_text("x")
    refusal(file, CONFIG)
    assert file.read_text() == "x"


def test_a_damaged_config_is_not_overwritten(tmp_path):
    (tmp_path / "config.json").write_text('{"seed": ')
    with pytest.raises(UserError, match=r"config\.json: expected JSON"):
        workdir.check_available(tmp_path, CONFIG)
    assert (tmp_path / "config.json").read_text() == '{"seed": '


@pytest.mark.parametrize("content", ["[]", "null", "{}", '{"seed": 0, "model": 3}'])
def test_json_that_is_no_config_is_refused(tmp_path, content):
    (begun(tmp_path) / "config.json").write_text(content)
    refusal(tmp_path, CONFIG)


def test_a_result_is_there_once_it_is_written(tmp_path):
    assert workdir.result(tmp_path) is None
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "result.json").write_text('{"test_accuracy": 0.5}')
    assert workdir.result(tmp_path) == {"test_accuracy": 0.5}


def test_a_part_belongs_to_the_nearest_run_around_it(tmp_path):
    sweep, trial = tmp_path / "sweep", tmp_path / "sweep" / "trial"
    (trial / "folds" / "1").mkdir(parents=True)
    for run in (sweep, trial):
        (run / "config.json").touch()
    parts = sweep, sweep / "page", trial, trial / "folds" / "1"
    assert [workdir.enclosing_run(part) for part in parts] == [sweep, sweep, trial, trial]
    with pytest.raises(UserError, match=f"{tmp_path}: expected a run"):
        workdir.enclosing_run(tmp_path)


def test_readings_of_the_test_split_are_counted_across_processes(tmp_path):
    assert [workdir.count_test_read(tmp_path) for _ in range(3)] == [1, 2, 3]


def test_a_folder_that_checkpoints_cannot_be_written_to_is_refused(tmp_path):
    with pytest.raises(UserError, match="expected a folder whose path is UTF-8"):
        workdir.check_available(tmp_path / "caf\udce9", CONFIG)

"""Config files are Python as people write it."""

import pickle
import sys
import typing

import pytest

from jaxletters.config import configfile
from jaxletters.config.models import MLPConfig
from jaxletters.config.schema import Config, StageConfig
from jaxletters.core.errors import UserError

WITH_CLASSES = """
from __future__ import annotations

import dataclasses

from jaxletters.config.schema import Config

SEEDS = []

@dataclasses.dataclass(frozen=True)
class Choice:
    seed: int = {seed}
    others: tuple[int, ...] = ()

SEEDS.append(Choice())

def get_config() -> Config:
    return Config(seed=Choice().seed)
"""


@pytest.fixture
def modules():
    """The modules that are loaded within a test, as a function of none; they are gone after it."""
    before = set(sys.modules)
    yield lambda: [sys.modules[name] for name in sys.modules if name not in before]
    for name in set(sys.modules) - before:
        del sys.modules[name]


def written(file, text):
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    return file


def test_a_dataclass_of_the_file_s_own_is_whole(tmp_path, modules):
    file = written(tmp_path / "with.dots-and_more.py", WITH_CLASSES.format(seed=7))
    assert configfile.load(file) == Config(seed=7)
    (module,) = modules()
    assert typing.get_type_hints(module.Choice) == {"seed": int, "others": tuple[int, ...]}
    (choice,) = module.SEEDS
    assert pickle.loads(pickle.dumps(choice)) == choice


def test_files_of_one_name_are_apart_and_a_file_read_again_is_one_module(tmp_path, modules):
    one, two = (
        written(tmp_path / name / "same.py", WITH_CLASSES.format(seed=seed))
        for name, seed in (("one", 1), ("two", 2))
    )
    assert [configfile.load(file).seed for file in (one, two, one)] == [1, 2, 1]
    assert [[choice.seed for choice in module.SEEDS] for module in modules()] == [[1], [2]]


def test_a_file_that_fails_leaves_no_module(tmp_path, modules):
    file = written(tmp_path / "broken.py", "1 / 0")
    with pytest.raises(UserError, match="line 1: ZeroDivisionError"):
        configfile.load(file)
    assert modules() == []


def test_lists_are_tuples(tmp_path):
    text = """
from jaxletters import *

def get_config():
    stages = [StageConfig(optimizer=OptimizerConfig(schedule=ScheduleConfig(milestones=[0, 1])))]
    return Config(model=MLPConfig(hidden=[3, 4]), stages=stages)
"""
    config = configfile.load(written(tmp_path / "lists.py", text))
    assert config.model == MLPConfig(hidden=(3, 4))
    ((stage),) = config.stages
    assert isinstance(stage, StageConfig)
    assert stage.optimizer.schedule.milestones == (0.0, 1.0)
    hash(config)


@pytest.mark.parametrize(
    ("returned", "expected"),
    [
        ("Mine()", r"get_config\b.*Config.*found Mine"),
        ("Config", "found type"),
        ("Config(model=MLPConfig)", "config.model: expected "),
        ("Config(model={})", "config.model: expected "),
        ("Config(stages=[3])", "config.stages: expected "),
    ],
)
def test_what_nothing_can_run_is_one_line(tmp_path, returned, expected):
    text = f"""
from jaxletters import *

class Mine(Config):
    pass

def get_config():
    return {returned}
"""
    with pytest.raises(UserError, match=expected) as raised:
        configfile.load(written(tmp_path / "wrong.py", text))
    assert "\n" not in str(raised.value)

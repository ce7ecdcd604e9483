from pathlib import Path

import messages
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jaxletters.cli import command_line
from jaxletters.config.augmentation import AugmentConfig
from jaxletters.config.builtin_sources import Mnist
from jaxletters.config.schema import Config
from jaxletters.config.serialization import leaves
from jaxletters.config.training import OptimizerConfig, ScheduleConfig
from jaxletters.core.errors import UserError

# Whole numbers where floats are declared, as people write them.
CONFIG = """
from jaxletters import *
from jaxletters.config.builtin_sources import Mnist

def get_config():
    return Config(
        dataset=Mnist(),
        augment=AugmentConfig(shift=2),
        optimizer=OptimizerConfig(schedule=ScheduleConfig("step", milestones=(0, 1))),
    )
"""
LOADED = Config(
    dataset=Mnist(),
    augment=AugmentConfig(shift=2.0),
    optimizer=OptimizerConfig(schedule=ScheduleConfig("step", milestones=(0.0, 1.0))),
)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("configs") / "experiment.py"
    path.write_text(CONFIG)
    return path


def problems(*words):
    """The lines of the error that a command line gives."""
    with pytest.raises(UserError) as caught:
        command_line.parse(words)
    return str(caught.value).splitlines()


def parsed(file, *words):
    return command_line.parse(["--config", str(file), *words])[0]


def test_a_config_file_gives_its_config_with_the_declared_types(file):
    config = parsed(file)
    assert config == LOADED
    assert type(config.augment.shift) is float
    assert all(type(m) is float for m in config.optimizer.schedule.milestones)


def test_the_run_folder_is_named_after_the_config(file, tmp_path):
    assert command_line.parse(["--config", str(file)])[1] == Path("checkpoints/experiment")
    chosen = command_line.parse([f"--config={file}", "--workdir", str(tmp_path)])[1]
    assert chosen == tmp_path


@pytest.mark.parametrize(
    ("words", "key", "value"),
    [
        (["--config.seed=3"], "seed", 3),
        (["--config.seed", "3"], "seed", 3),
        (["-config.seed=3"], "seed", 3),
        (["--config.seed=3", "--config.seed=4"], "seed", 4),
        (["--config.training.min_delta", "-1"], "training.min_delta", -1.0),
        (["--config.optimizer.learning_rate=3e-4"], "optimizer.learning_rate", 3e-4),
        (["--config.optimizer.learning_rate=1"], "optimizer.learning_rate", 1.0),
        # The file has a whole number there, and a fraction must fit all the same.
        (["--config.augment.shift=1.5"], "augment.shift", 1.5),
        (["--config.model.batch_norm=false"], "model.batch_norm", False),
        (["--config.model.batch_norm=True"], "model.batch_norm", True),
        (["--config.model.batch_norm"], "model.batch_norm", True),
        (["--config.model.activation=gelu"], "model.activation", "gelu"),
        (["--config.dataset.archives=/a b/c=d,e"], "dataset.archives", "/a b/c=d,e"),
        (["--config.dataset.archives="], "dataset.archives", ""),
        (["--config.model.widths=(16, 32)"], "model.widths", (16, 32)),
        (["--config.model.widths=16,32"], "model.widths", (16, 32)),
        (["--config.model.widths=[16,32]"], "model.widths", (16, 32)),
        (["--config.model.widths=16"], "model.widths", (16,)),
        (["--config.model.hidden=()"], "model.hidden", ()),
        (
            ["--config.optimizer.schedule.milestones=(0, 0.5, 1)"],
            "optimizer.schedule.milestones",
            (0.0, 0.5, 1.0),
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_any_setting_can_be_overridden_and_nothing_else_changes(file, words, key, value):
    found = {leaf.key: leaf.value for leaf in leaves(parsed(file, *words))}
    before = {leaf.key: leaf.value for leaf in leaves(LOADED)}
    assert found == before | {key: value}
    assert type(found[key]) is type(value)


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        (
            ["--config.trainin.epochs=3"],
            [("config.trainin.epochs: ", "no such setting", "did you mean 'training.epochs'")],
        ),
        (["--config.zzz=3"], [("config.zzz: ", "no such setting")]),
        (["--config.zzz", "3"], [("config.zzz: ", "no such setting")]),
        (["--config.training.epochs=abc"], [("config.training.epochs: ", "expected int", "'abc'")]),
        (["--config.training.epochs=1.5"], [("config.training.epochs: ", "expected int", "'1.5'")]),
        (["--config.training.epochs="], [("config.training.epochs: ", "expected int", "''")]),
        (["--config.augment.shift=far"], [("config.augment.shift: ", "expected float", "'far'")]),
        (["--config.model.batch_norm=7"], [("config.model.batch_norm: ", "expected bool", "'7'")]),
        (
            ["--config.model.widths=(1, 'a')"],
            [("config.model.widths: ", "expected tuple[int, ...]", "(1, 'a')")],
        ),
        (
            ["--config.model.widths=[1,,"],
            [("config.model.widths: ", "expected tuple[int, ...]", "'[1,,'")],
        ),
        (["--config.seed"], [("config.seed: ", "a value", "--config.KEY=VALUE")]),
        (["--confg.seed=3"], [("--confg.seed=3: ", "unknown flag", "did you mean '--config'")]),
        (["--seed=3"], [("--seed=3: ", "unknown flag")]),
        (["junk"], [("junk: ", "--config FILE", "--workdir FOLDER", "--config.KEY=VALUE")]),
        (
            ["--config.model.batch_norm", "junk"],
            [("junk: ", "--config FILE", "--workdir FOLDER", "--config.KEY=VALUE")],
        ),
        (
            ["--config.seed=x", "more", "--config.zzz=3", "--config.augment.scale=y"],
            [
                ("more: ", "--config FILE", "--workdir FOLDER", "--config.KEY=VALUE"),
                ("config.zzz: ", "no such setting"),
                ("config.seed: ", "expected int", "'x'"),
                ("config.augment.scale: ", "expected float", "'y'"),
            ],
        ),
        (["--config.a\nb=3"], [(r"config.'a\nb': ", "no such setting")]),
    ],
    ids=lambda value: value[0] if str(value[0]).startswith("-") else "",
)
def test_each_thing_wrong_with_the_command_line_is_one_line(file, words, lines):
    for line, parts in zip(problems("--config", str(file), *words), lines, strict=True):
        messages.assert_names(line, *parts)
        assert ("did you mean" in line) == ("did you mean" in parts[-1])


def test_a_command_line_without_a_config_says_so():
    (line,) = problems()
    assert "--config" in line
    (line,) = problems("--config")
    assert "--config" in line


def test_a_missing_file_suggests_the_one_that_may_be_meant(tmp_path, monkeypatch):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "quickstart.py").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    (line,) = problems("--config", "configs/quikstart.py")
    messages.assert_names(line, "configs/quikstart.py: ", "did you mean 'configs/quickstart.py'")
    assert line.count("configs/quickstart.py") == 2, "in the list of all, too"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "x = 1\n",
            "found NoneType",
        ),
        ("def get_config():\n    return {'seed': 0}\n", "found dict"),
        ("def get_config(:\n", "line 1: SyntaxError: "),
        ("\nimport no_such_module\n", "line 2: ModuleNotFoundError: "),
        ("def get_config():\n\n    return 1 / 0\n", "line 3: ZeroDivisionError: division by zero"),
        ("get_config = 3\n", "broken.py: TypeError"),
        ("def get_config(size):\n    return size\n", "broken.py: TypeError: get_config() missing"),
        ("raise SystemExit('run me otherwise')\n", "line 1: SystemExit: run me otherwise"),
        ("raise ValueError('two\\nlines')", r"ValueError: 'two\nlines'"),
    ],
)
def test_a_file_that_is_no_config_is_one_line(tmp_path, text, words):
    path = tmp_path / "broken.py"
    path.write_text(text)
    (line,) = problems("--config", str(path))
    assert line.startswith(f"{path}: ")
    assert words in line


def test_a_mistyped_argument_in_a_file_is_told_once(tmp_path):
    path = tmp_path / "mistyped.py"
    path.write_text(
        "from jaxletters import *\n"
        "def get_config():\n    return Config(training=TrainingConfig(epohcs=3))\n"
    )
    (line,) = problems("--config", str(path))
    assert "line 3: TypeError: " in line
    assert "unexpected keyword argument 'epohcs'" in line
    assert line.lower().count("did you mean 'epochs'?") == 1


def test_a_file_of_another_kind_is_one_line(tmp_path):
    path = tmp_path / "config.json"
    path.write_text("{}")
    (line,) = problems("--config", str(path))
    assert "expected a Python file" in line
    (line,) = problems("--config", str(tmp_path))
    assert "no such config file" in line


def test_wrong_types_in_a_config_file_are_a_line_each(tmp_path):
    path = tmp_path / "typed.py"
    path.write_text(
        "from jaxletters import *\n"
        "def get_config():\n    return Config(seed='0', model=DeeperConfig(widths=[1, '2']))\n"
    )
    seed, widths = problems("--config", str(path))
    messages.assert_names(seed, "config.seed: ", "expected int", "'0'")
    messages.assert_names(widths, "config.model.widths: ", "expected tuple[int, ...]", "(1, '2')")


KEYS = [key for key, *_ in leaves(LOADED)]


@pytest.mark.slow
@pytest.mark.filterwarnings(
    # Python's own, of an odd literal such as "1if"; a user sees it on standard error.
    "ignore:invalid:DeprecationWarning",
    "ignore:invalid:SyntaxWarning",
)
@settings(max_examples=150)
@given(
    st.sampled_from(KEYS) | st.text(max_size=12).filter(lambda key: "=" not in key),
    st.text(max_size=20)
    | st.from_regex(r"[-+(\[{]*[0-9][0-9., _e\-')\]]*", fullmatch=True)
    | st.integers().map(str)
    | st.floats().map(str)
    | st.lists(st.integers() | st.floats() | st.text(max_size=3)).map(str)
    | st.lists(st.integers(0, 99)).map(lambda values: str(tuple(values))),
)
@example("model.widths", "-" * 5000 + "1")
@example("model.widths", "(" * 300)
@example("optimizer.schedule.milestones", "(" + "9" * 400 + ",)")
@example("training.epochs", "9" * 5000)
@example("dataset.data_dir", "--flagfile=/nowhere")
@example("seed", "\0")
def test_whatever_is_given_is_a_config_or_a_line_about_it(file, key, value):
    try:
        config = parsed(file, f"--config.{key}={value}")
    except UserError as error:
        lines = str(error).splitlines()
    else:
        lines = [""]
        found = {leaf.key: leaf.value for leaf in leaves(config)}
        before = {leaf.key: leaf.value for leaf in leaves(LOADED)}
        assert {k for k in KEYS if repr(found[k]) != repr(before[k])} <= {key}
    assert len(lines) == 1

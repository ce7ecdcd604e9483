"""Imports between folders go one way, and what is pure touches nothing outside."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from results import RUN

from jaxletters.config.schema import Config
from jaxletters.runs import workdir
from jaxletters.runtime.files import write_json

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "jaxletters"

# A folder imports itself and the folders before it.
FOLDERS = (
    *("core", "runtime", "config", "data", "ops", "models", "evaluation", "runs", "training"),
    *("report", "experiments", "reading", "export", "demo", "cli"),
)
# The methods of parts import what they describe when they are called.
PARTS = tuple(
    f"config.{name}"
    for name in ("augmentation", "builtin_sources", "hand", "models", "sources", "training")
)
# Folders and modules that are functions of their arguments: no I/O, no clock, no global state.
PURE = (
    *("core", "ops", "models", "evaluation.analysis", "evaluation.conformal"),
    *(
        "evaluation.history",
        "evaluation.label_errors",
        "evaluation.losses",
        "evaluation.metrics",
        "evaluation.shifts",
    ),
    *(
        "data.canvas",
        "data.checks",
        "data.digests",
        "data.formats.alphabets",
        "data.formats.contents",
        "data.formats.csv_table",
        "data.formats.emnist_mat",
        "data.formats.npz",
        "data.formats.idx",
    ),
    *("data.formats.labels", "data.formats.mat", "data.formats.pixels", "data.glyphs"),
    *("data.orientation", "data.resize", "data.sources.provenance", "data.stratified"),
    *(
        "data.synthetic",
        "reading.context",
        "reading.letter_image",
        "reading.letter_sheet",
        "reading.letter_sheet_photo",
        *("reading.cuts", "reading.ink", "reading.lattice", "reading.lines"),
        *(
            "reading.orientation",
            "reading.page",
            "reading.paper",
            "reading.rules",
            "reading.sheet",
            "reading.strokes",
        ),
        "reading.words",
        "training.augment",
        "training.early_stopping",
    ),
    *("training.optimizers", "training.plan", "training.pretrained", "training.rollback"),
    "training.sampling",
)

# What reads or writes a file, a clock, the network, the terminal, the process or global state.
IMPURE_MODULES = {
    *("asyncio", "atexit", "datetime", "glob", "http", "io", "logging", "multiprocessing", "os"),
    *("pathlib", "random", "select", "shutil", "signal", "socket", "subprocess", "sys", "tempfile"),
    *("threading", "time", "urllib", "uuid", "warnings"),
    *("absl", "matplotlib", "orbax", "rich", "tensorboardX", "tensorflow_datasets", "wandb"),
}
IMPURE_NAMES = {"open", "print", "input", "exec", "eval"}


def modules():
    """Every module's dotted name, without the package's, and its syntax tree."""
    # A template is a user's file.
    for file in (file for file in PACKAGE.rglob("*.py") if "templates" not in file.parts):
        parts = file.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        yield name, ast.parse(file.read_text(), str(file))


def without_methods(tree):
    body = [node for node in tree.body if not isinstance(node, ast.ClassDef)]
    return ast.Module(body, [])


MODULES = dict(modules())


def is_pure(name):
    return any(name == pure or name.startswith(f"{pure}.") for pure in PURE)


def imports(tree):
    """The dotted names of all that a module imports, wherever in it the import stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where a module belongs"
            for alias in node.names:
                yield f"{node.module}.{alias.name}"


def without_annotations(tree):
    """The tree without what is imported for annotations only."""
    body = [n for n in tree.body if not (isinstance(n, ast.If) and "TYPE_CHECKING" in ast.dump(n))]
    return ast.Module(body, [])


def imported_modules(tree):
    """The modules of this package among them."""
    for name in imports(tree):
        inner = name.removeprefix("jaxletters.")
        if inner == name:
            continue
        yield inner if inner in MODULES else inner.rpartition(".")[0]


def test_nothing_but_the_front_is_outside_a_folder():
    assert {name for name in MODULES if "." not in name} == {"", "__main__", "api", *FOLDERS}


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in MODULES if "." in name])
def test_folders_import_only_those_before_them(name):
    tree = without_methods(MODULES[name]) if name in PARTS else MODULES[name]
    used = {module.split(".")[0] for module in imported_modules(tree)}
    allowed = FOLDERS[: FOLDERS.index(name.split(".")[0]) + 1]
    assert used <= set(allowed)


@pytest.mark.slow
def test_no_two_modules_import_each_other():
    needs = {
        name: set(imported_modules(without_methods(tree) if name in PARTS else tree)) - {name}
        for name, tree in MODULES.items()
    }
    while free := [name for name, others in needs.items() if not others]:
        for name in free:
            del needs[name]
        needs = {name: others.difference(free) for name, others in needs.items()}
    assert needs == {}


@pytest.mark.parametrize("name", list(filter(is_pure, MODULES)))
def test_what_is_pure_touches_nothing_outside(name):
    tree = MODULES[name]
    outside = {
        full for full in imports(without_annotations(tree)) if full.split(".")[0] in IMPURE_MODULES
    }
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert outside == set()
    assert names & IMPURE_NAMES == set()
    assert not any(isinstance(node, ast.Global | ast.Nonlocal) for node in ast.walk(tree))


@pytest.mark.slow
def test_only_the_networks_know_about_flax():
    users = {
        name
        for name, tree in MODULES.items()
        if any("flax" in full for full in imports(without_annotations(tree)))
    }
    assert {name.split(".")[0] for name in users} == {"models"}


def test_nothing_imports_tensorflow():
    for name, tree in MODULES.items():
        assert not any(full.split(".")[0] == "tensorflow" for full in imports(tree)), name


def test_launch_stays_short():
    lines = (ROOT / "launch.py").read_text().splitlines()
    assert len(lines) <= 60
    assert not any(
        isinstance(node, ast.For | ast.While) for node in ast.walk(ast.parse("\n".join(lines)))
    )


QUICK = """
import sys
sys.argv[:1] = []
code = 0
try:
    {program}
except SystemExit as end:  # of --help
    code = end.code
slow = {{"flax", "jax", "jaxlib", "matplotlib", "optax", "orbax", "PIL", "scipy", "tensorflow"}}
print(code, *sorted((slow | {{"tensorflow_datasets"}}) & set(sys.modules)))
"""
LAUNCH = "import launch; code = launch.main()"
COMMAND = "from jaxletters.cli import main; code = main.main()"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "arguments", "code"),
    [
        ("import jaxletters", "", 0),
        ("from jaxletters.config import schema, validation", "", 0),
        (
            "import jaxletters; jaxletters.load_config('configs/alphadigits_scratch_crossval.py')",
            "",
            0,
        ),
        (LAUNCH, "launch.py --help", 0),
        (LAUNCH, "launch.py --config configs/quickstart.py --config.trainin.epochs=3", 2),
        (COMMAND, "jaxletters --help", 0),
        (COMMAND, "jaxletters predict --help", 0),
        (COMMAND, "jaxletters inspekt", 2),
        (COMMAND, "jaxletters predict run --showw", 2),
        (COMMAND, "jaxletters predict run a.png --showw", 2),
        (COMMAND, "jaxletters inspect mnist --config.dataset.sise=3", 2),
        (COMMAND, "jaxletters runs {folder}", 0),
    ],
)
def test_what_needs_no_network_imports_none_of_the_slow_libraries(
    program, arguments, code, tmp_path
):
    workdir.write_config(tmp_path / "begun", Config())
    workdir.write_config(tmp_path / "finished", Config())
    write_json(tmp_path / "finished" / workdir.RESULT, RUN)
    words = arguments.format(folder=tmp_path).split()
    done = subprocess.run(
        [sys.executable, "-c", QUICK.format(program=program), *words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == str(code), done.stdout

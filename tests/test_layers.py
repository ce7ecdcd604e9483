"""The order of the house: imports go downward only, and what is pure touches nothing outside."""

import ast
import itertools
import subprocess
import sys
from pathlib import Path

import pytest
from results import RUN

from jaxletters import workdir
from jaxletters.config import Config
from jaxletters.files import write_json

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "jaxletters"

# From the ground up. A folder stands for all that is in it and is not named itself.
LAYERS = [
    [
        *(
            "errors",
            "config",
            "identity",
            "parts",
            "settings",
            "sources",
            "types",
            "rng",
            "validation",
            "plan",
        ),
        "",
    ],
    [
        "augment",
        "losses",
        "metrics",
        "optim",
        "rollback",
        "stopping",
        "transfer",
        "models",
        "ops",
        "data.alphabets",
        "data.canvas",
        "data.checks",
        "data.digests",
        "data.glyphs",
        "data.idx",
        "data.labels",
        "data.mat",
        "data.orientation",
        "data.pixels",
        "data.provenance",
        "data.resize",
        "data.scan",
        "data.sampling",
        "data.sketch",
        "data.splits",
        "data.strokes",
    ],
    ["backend", "inference", "reading", "sharding", "steps"],
    [
        "bundle",
        "checkpoint",
        "comparison",
        "configfile",
        "console",
        "data",
        "disk",
        "environment",
        "exporting",
        "files",
        "forms",
        "images",
        "journal",
        "manifest",
        "mirror",
        "observing",
        "overrides",
        "overview",
        "pictures",
        "preempt",
        "quiet",
        "reader",
        "report",
        "saving",
        "sources",
        "trained",
        "usercode",
        "weights",
        "workdir",
    ],
    ["loop"],
    ["experiments"],
    ["__main__", "api", "app", "cli", "commandline", "commands", "launch"],
]
PURE = [name for layer in LAYERS[:2] for name in layer]

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
    files = [*PACKAGE.rglob("*.py"), ROOT / "launch.py"]
    # A template is a user's file.
    for file in (file for file in files if "templates" not in file.parts):
        path = file.relative_to(PACKAGE if file.is_relative_to(PACKAGE) else ROOT)
        parts = path.with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        yield name, ast.parse(file.read_text(), str(file))


def without_methods(tree):
    """The tree without methods: those of parts import what they describe when they are called."""
    body = [node for node in tree.body if not isinstance(node, ast.ClassDef)]
    return ast.Module(body, [])


MODULES = dict(modules())
for _name in ("config", "sources"):
    MODULES[_name] = without_methods(MODULES[_name])


def home(name):
    """The entry of LAYERS that a module belongs to: its own, or that of the folder it is in."""
    entries = set(itertools.chain(*LAYERS))
    parts = name.split(".")
    candidates = [".".join(parts[:i]) for i in range(len(parts), 0, -1)]
    return next((c for c in candidates if c in entries), None)


def level(name):
    return next(i for i, layer in enumerate(LAYERS) if home(name) in layer)


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


def test_every_module_has_its_place():
    assert [name for name in MODULES if name and home(name) is None] == []


@pytest.mark.parametrize("name", [name for name in MODULES if name])
def test_imports_go_downward(name):
    upward = [other for other in imported_modules(MODULES[name]) if level(other) > level(name)]
    assert upward == []


def test_no_two_modules_import_each_other():
    needs = {name: set(imported_modules(tree)) - {name} for name, tree in MODULES.items()}
    while free := [name for name, others in needs.items() if not others]:
        for name in free:
            del needs[name]
        needs = {name: others.difference(free) for name, others in needs.items()}
    assert needs == {}


@pytest.mark.parametrize("name", [name for name in MODULES if home(name) in PURE])
def test_what_is_pure_touches_nothing_outside(name):
    tree = MODULES[name]
    outside = {
        full for full in imports(without_annotations(tree)) if full.split(".")[0] in IMPURE_MODULES
    }
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert outside == set()
    assert names & IMPURE_NAMES == set()
    assert not any(isinstance(node, ast.Global | ast.Nonlocal) for node in ast.walk(tree))


def test_only_the_networks_know_about_flax():
    users = {
        name
        for name, tree in MODULES.items()
        if any("flax" in full for full in imports(without_annotations(tree)))
    }
    assert {home(name) for name in users} == {"models"}


def test_nothing_imports_tensorflow():
    for name, tree in MODULES.items():
        assert not any(full.split(".")[0] == "tensorflow" for full in imports(tree)), name


def test_launch_stays_short():
    lines = (ROOT / "launch.py").read_text().splitlines()
    assert len(lines) <= 60
    assert not any(isinstance(node, ast.For | ast.While) for node in ast.walk(MODULES["launch"]))


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
COMMAND = "from jaxletters import cli; code = cli.main()"


@pytest.mark.parametrize(
    ("program", "arguments", "code"),
    [
        ("import jaxletters", "", 0),
        ("from jaxletters import config, validation", "", 0),
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
    workdir.claim(tmp_path / "begun", Config())
    workdir.claim(tmp_path / "finished", Config())
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

"""Runs Python files of users: config files, the modules beside them and their copies in run folders.

Modules with the same name in two folders stay separate: a folder's modules are in `sys.modules` only while
its code is loaded, built or traced.
"""

import contextlib
import hashlib
import importlib
import importlib.util
import os
import re
import sys
import traceback
from collections.abc import Generator, Set
from contextlib import AbstractContextManager
from pathlib import Path
from types import ModuleType

from jaxletters.config.user_imports import needed_files
from jaxletters.core.errors import printable

# Files that were run, and the files beside them that they import.
_user_files: set[Path] = set()
# The modules that were imported from each folder, by name.
_modules: dict[Path, dict[str, ModuleType]] = {}
_PREFIX = "jaxletters_config_"


def execute(file: Path) -> ModuleType:
    """Runs a Python file as `python FILE` does, reading the modules beside it from disk again.

    Raises:
        Exception: an error that the file raises, or SystemExit.
    """
    file = file.resolve()
    _user_files.add(file)
    # A config file may have the name of a library, such as wandb.py, so its own name is not importable.
    names = needed_files(file, file.parent) - {file.name}
    loaded = _modules.setdefault(file.parent, {})
    for name in _modules_of(names, loaded):
        del loaded[name]
    with import_context(file.parent, names):
        return _execute(file)


def import_neighbours(file: Path) -> AbstractContextManager[None]:
    """Returns a context in which the modules beside an executed file can be imported."""
    file = file.resolve()
    return import_context(file.parent, needed_files(file, file.parent) - {file.name})


def import_fresh(module: str, root: Path, names: Set[str]) -> ModuleType:
    """Imports a module by its dotted name from the files `names` in `root`, reading them from disk again."""
    _modules.pop(root, None)
    with import_context(root, names):
        return importlib.import_module(module)


@contextlib.contextmanager
def import_context(root: Path, names: Set[str]) -> Generator[None]:
    """A context in which some files of a folder can be imported; `sys.modules` is restored at its end.

    Args:
        root: the folder.
        names: the files, as paths relative to `root`.
    """
    _user_files.update(root / name for name in names)
    loaded = _modules.setdefault(root, {})
    hidden = _remove_modules(names)
    sys.modules.update(loaded)
    sys.path.insert(0, str(root))
    importlib.invalidate_caches()
    # Python misses a second change within one second where there is bytecode; and a run's copy of the code
    # must stay as it is.
    bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = bytecode
        with contextlib.suppress(ValueError):
            sys.path.remove(str(root))
        loaded.update(_remove_modules(names))
        sys.modules.update(hidden)


def module_of(cls: type) -> ModuleType | None:
    """Returns the module that defines a class at its top level, or None if there is no such module."""
    for modules in (sys.modules, *_modules.values()):
        module = modules.get(cls.__module__)
        if module is not None and getattr(module, cls.__qualname__, None) is cls:
            return module
    return None


def is_executed(module: str) -> bool:
    """Returns whether a module of this name comes from `execute`, and so cannot be imported."""
    return module.startswith(_PREFIX)


def describe_error(error: BaseException) -> str:
    """Returns an error on one line, with the line of the user's file that it comes from."""
    frames = traceback.extract_tb(error.__traceback__)
    frame = next((f for f in reversed(frames) if Path(f.filename) in _user_files), None)
    where = f"{Path(frame.filename).name}, line {frame.lineno}: " if frame else ""
    first_line = next((line for line in str(error).splitlines() if line.strip()), "")
    return printable(f"{where}{type(error).__name__}: {first_line:.300}")


def _execute(file: Path) -> ModuleType:
    name = _module_name(file)
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None, "the name of a Python file ends with .py"
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses, type hints and pickle look up the module of a class by its name, now and later.
    before = sys.modules.get(name)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        if before is None:
            del sys.modules[name]
        else:
            sys.modules[name] = before
        raise
    return module


def _module_name(file: Path) -> str:
    """Returns a name that is unique for each path, so that files with the same name stay separate."""
    path_hash = hashlib.sha256(os.fsencode(file)).hexdigest()[:16]
    # Pickle reads a dot as the name of a package.
    stem = re.sub(r"\W", "_", file.stem)
    return f"{_PREFIX}{stem}_{path_hash}"


def _modules_of(names: Set[str], modules: dict[str, ModuleType]) -> list[str]:
    """Returns the modules that come from the files `names`, or from the packages that hold them."""
    tops = {name.split("/")[0].removesuffix(".py") for name in names}
    return [name for name in modules if name.split(".")[0] in tops]


def _remove_modules(names: Set[str]) -> dict[str, ModuleType]:
    return {name: sys.modules.pop(name) for name in _modules_of(names, sys.modules)}

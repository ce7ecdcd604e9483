"""Parts of users: what defines them, a copy of it with every run, and how they are loaded from there."""

import ast
import contextlib
import dataclasses
import functools
import hashlib
import importlib
import importlib.metadata
import importlib.util
import os
import re
import sys
import sysconfig
import traceback
from collections.abc import Iterator, Mapping, Set
from contextlib import AbstractContextManager
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, cast

from jaxletters.config import serialization
from jaxletters.config.parts import Code, Slot, is_ours, ours
from jaxletters.core.errors import UserError, printable

FOLDER = "code"
"""The folder in a run folder that holds the code of the parts that are not this package's."""
# Files that were run, or that one of these imports from beside it.
_known: set[Path] = set()
# What was imported from a folder, by name; no two folders share a module.
_modules: dict[Path, dict[str, ModuleType]] = {}

_INSTALLED = ("purelib", "platlib", "stdlib", "platstdlib")

S = TypeVar("S", bound=Slot)


def execute(file: Path) -> ModuleType:
    """Runs a Python file as `python FILE` would; what it imports from beside it is read again.

    Raises:
        Exception: whatever the file raises, or SystemExit.
    """
    file = file.resolve()
    _known.add(file)
    # None of them imports it by its own name, which may be that of a library: wandb.py.
    names = _needed(file, file.parent) - {file.name}
    own = _modules.setdefault(file.parent, {})
    for name in [name for name in own if name.split(".")[0] in _tops(names)]:
        del own[name]
    with _importing(file.parent, names):
        return _executed(file)


def beside(file: Path) -> AbstractContextManager[None]:
    """Returns a context in which what lies beside a file that was run can be imported."""
    file = file.resolve()
    return _importing(file.parent, _needed(file, file.parent) - {file.name})


def _executed(file: Path) -> ModuleType:
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


@contextlib.contextmanager
def _importing(root: Path, names: Set[str]) -> Iterator[None]:
    """Lets some files of a folder be imported within the block, and nothing of them stay in `sys.modules`.

    So files of one name in two folders are two modules, and a caller's own stays what it was.
    """
    _known.update(root / name for name in names)
    own, tops = _modules.setdefault(root, {}), _tops(names)

    def taken() -> dict[str, ModuleType]:
        found = [name for name in sys.modules if name.split(".")[0] in tops]
        return {name: sys.modules.pop(name) for name in found}

    hidden = taken()
    sys.modules.update(own)
    sys.path.insert(0, str(root))
    importlib.invalidate_caches()
    # A file that changes twice in a second would be taken from its bytecode; and a run's copy stays as it is.
    bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = bytecode
        with contextlib.suppress(ValueError):
            sys.path.remove(str(root))
        own.update(taken())
        sys.modules.update(hidden)


def _tops(names: Set[str]) -> set[str]:
    return {name.split("/")[0].removesuffix(".py") for name in names}


_PREFIX = "jaxletters_config_"


def _module_name(file: Path) -> str:
    """Returns a name that no other file has, so that files of one name do not replace each other."""
    where = hashlib.sha256(os.fsencode(file)).hexdigest()[:16]
    # Pickle takes a dot for a package.
    stem = re.sub(r"\W", "_", file.stem)
    return f"{_PREFIX}{stem}_{where}"


def identify(config: Any) -> None:
    """Notes, in the class of every part that is not this package's, what defines it.

    Raises:
        UserError: a class is defined in no file, or not at the top level of one.
    """
    for part in _parts(config):
        cls = type(part)
        if not is_ours(cls) and "defined_by" not in vars(cls):
            _identify(cls)


def _parts(config: Any) -> Iterator[Slot]:
    if isinstance(config, Slot):
        yield config
    if isinstance(config, tuple | list):
        for part in config:
            yield from _parts(part)
    elif dataclasses.is_dataclass(config) and not isinstance(config, type):
        for f in dataclasses.fields(config):
            yield from _parts(getattr(config, f.name))


def _identify(cls: type[Slot]) -> None:
    candidates = [sys.modules, *_modules.values()]
    found = [modules[cls.__module__] for modules in candidates if cls.__module__ in modules]
    module = next((m for m in found if getattr(m, cls.__qualname__, None) is cls), None)
    where = getattr(module, "__file__", None)
    # To open the run would be to run the whole script.
    if where is None or cls.__module__ == "__main__":
        raise UserError(
            f"{cls.__qualname__}: expected a class at the top level of a Python file, so that the run can be "
            f"opened later, found one of {cls.__module__}; move it to a file and import it from there"
        )
    file = Path(where).resolve()
    ours = cls.__module__.startswith(_PREFIX)
    root = file.parents[0 if ours else cls.__module__.count(".")]
    names = _needed(file, root)
    files = {name: (root / name).read_bytes() for name in sorted(names)}
    _check_imports(root, names)
    names -= {file.name} if ours else set()
    # A module that Python imported by itself, such as an installed one, can be imported at any time.
    alone = not ours and sys.modules.get(cls.__module__) is module
    importing = contextlib.nullcontext if alone else functools.partial(_importing, root, names)
    cls.defined_by = Code(file.relative_to(root).as_posix(), _digest(files), files, importing)
    with importing():
        # Now, because annotations that are strings are looked up in the class's module.
        serialization.declared(cls)


def _check_imports(root: Path, names: Set[str]) -> None:
    """Raises a UserError if files import what can neither be kept with a run nor be installed elsewhere."""
    installed = [Path(sysconfig.get_path(name)) for name in _INSTALLED]
    for name in sorted(names):
        for imported in _imported(root / name, root):
            top = imported.split(".")[0]
            beside = (root / f"{top}.py").exists() or (root / top).exists()
            if not top or beside or top in (__package__, *sys.stdlib_module_names):
                continue
            where = getattr(importlib.util.find_spec(top), "origin", None)
            if where is None or any(Path(where).is_relative_to(folder) for folder in installed):
                continue
            if top not in importlib.metadata.packages_distributions() and Path(where).is_file():
                raise UserError(
                    f"{root / name}: expected imports of installed packages, or of files in {root}, found "
                    f"{where}; install it, or move it there, so that the run can be opened later"
                )


def _digest(files: Mapping[str, bytes]) -> str:
    content = [(name, hashlib.sha256(data).hexdigest()) for name, data in sorted(files.items())]
    return hashlib.sha256(repr(content).encode()).hexdigest()


def _needed(file: Path, root: Path) -> set[str]:
    """Returns a file and all that it imports from the same folder, relative to `root`.

    Of a file of an installed package, only that package is looked at: the others beside it are its
    requirements.
    """
    installed = {sysconfig.get_path(name) for name in _INSTALLED}
    own = file.relative_to(root).parts[0].removesuffix(".py")
    names: set[str] = set()
    waiting = [file]
    while waiting:
        here = waiting.pop()
        name = here.relative_to(root).as_posix()
        if name in names:
            continue
        names.add(name)
        for imported in _imported(here, root):
            top = imported.split(".")[0]
            if top in (__package__, *sys.stdlib_module_names):
                continue
            if top == own or str(root) not in installed:
                waiting += _files(imported, root)
    return names


def _imported(file: Path, root: Path) -> Iterator[str]:
    """Yields the dotted names of what a file imports, wherever in it the import stands."""
    try:
        tree = ast.parse(file.read_bytes())
    except SyntaxError:  # Python itself says where, once the file is run
        return
    package = file.relative_to(root).parent.parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                yield f"{module}.{alias.name}" if module else alias.name


def _files(imported: str, root: Path) -> Iterator[Path]:
    parts = imported.split(".")
    for i in range(1, len(parts) + 1):
        stem = root.joinpath(*parts[:i])
        for file in (stem.with_name(f"{stem.name}.py"), stem / "__init__.py"):
            if file.is_file():
                yield file


def blame(error: BaseException) -> str:
    """Returns what an error says, on one line, and which line of a user's file it comes from."""
    frames = traceback.extract_tb(error.__traceback__)
    where = next((f for f in reversed(frames) if Path(f.filename) in _known), None)
    line = f"{Path(where.filename).name}, line {where.lineno}: " if where else ""
    first = next((text for text in str(error).splitlines() if text.strip()), "")
    return printable(f"{line}{type(error).__name__}: {first:.300}")


def files(config: Any) -> dict[str, bytes]:
    """Returns the files of all parts that are not this package's, by path relative to a run's `code`."""
    found = {}
    for part in _parts(config):
        if code := type(part).defined_by:
            for name, content in code.files.items():
                if found.setdefault(name, content) != content:
                    raise UserError(
                        f"{type(part).__name__}: expected all parts in one folder, found another {name} "
                        "in the folder of a second one; move them together, or rename it"
                    )
    return found


def part(values: Mapping[str, Any], slot: type[S], folder: Path | None) -> S:
    """Returns a part from its settings.

    Args:
        values: as `settings.to_dict` gives them.
        slot: the base class of its kind, such as `ModelConfig`.
        folder: the run folder whose copy of the code defines it, which is run; None to refuse all parts
            that are not this package's.

    Raises:
        UserError: its code is not there, was edited, or fails.
        KeyError, TypeError, AttributeError: there is no such class, or it has no such settings.
    """
    about = values["class"]
    if isinstance(about, str):
        return cast(S, serialization.from_class(values, ours(slot)[about]))
    name = str(about["name"])
    if folder is None:
        raise UserError(f"{name} is defined by {about['file']}, which is not part of jaxletters")
    return serialization.from_class(values, _class(name, about, folder / FOLDER))


def _class(name: str, about: Mapping[str, Any], root: Path) -> type[Any]:
    file = root / about["file"]
    if not file.is_file():
        raise UserError(
            f"{file}: expected the code of {name}, found no file; restore it from a backup"
        )
    found = {each: (root / each).read_bytes() for each in _needed(file.resolve(), root.resolve())}
    if _digest(found) != about["sha256"]:
        raise UserError(
            f"{file}: expected the code that this run began with, found an edited one; restore it from a "
            "backup"
        )
    file, root = file.resolve(), root.resolve()
    try:
        if file.parent == root:
            module = execute(file)
        else:
            _modules.pop(root, None)
            with _importing(root, found.keys()):
                module = importlib.import_module(
                    about["file"].removesuffix(".py").replace("/", ".")
                )
        cls = getattr(module, name)
        _identify(cls)
    except (Exception, SystemExit) as error:
        way = "; install what it imports" if isinstance(error, ImportError) else ""
        raise UserError(f"{file}: the code of {name} fails here: {blame(error)}{way}") from error
    return cls

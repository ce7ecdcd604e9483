"""The files that a user's Python file needs, determined from its import statements without running it."""

import ast
import hashlib
import importlib.metadata
import importlib.util
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Set
from pathlib import Path

from jaxletters.config.parts import PACKAGE
from jaxletters.core.errors import UserError

_INSTALLED = tuple(
    Path(sysconfig.get_path(name)) for name in ("purelib", "platlib", "stdlib", "platstdlib")
)
_ALWAYS_AVAILABLE = {PACKAGE, *sys.stdlib_module_names}


def needed_files(file: Path, root: Path) -> set[str]:
    """Returns a file and all files that it imports from the same folder, as paths relative to `root`.

    For a file of an installed package, only the files of that package count: its neighbours are its
    requirements.
    """
    package = file.relative_to(root).parts[0].removesuffix(".py")
    names: set[str] = set()
    waiting = [file]
    while waiting:
        current = waiting.pop()
        name = current.relative_to(root).as_posix()
        if name in names:
            continue
        names.add(name)
        for module in _imported_modules(current, root):
            top = module.split(".")[0]
            if top not in _ALWAYS_AVAILABLE and (top == package or root not in _INSTALLED):
                waiting += _module_files(module, root)
    return names


def check_imports(root: Path, names: Set[str]) -> None:
    """Raises a UserError if a file imports a module that is neither installed nor below `root`.

    Args:
        root: the folder of the files.
        names: the files, as paths relative to `root`.
    """
    for name in sorted(names):
        for module in _imported_modules(root / name, root):
            top = module.split(".")[0]
            in_root = (root / f"{top}.py").exists() or (root / top).exists()
            if not top or in_root or top in _ALWAYS_AVAILABLE:
                continue
            origin = getattr(importlib.util.find_spec(top), "origin", None)
            if origin is None or any(Path(origin).is_relative_to(path) for path in _INSTALLED):
                continue
            if top not in importlib.metadata.packages_distributions() and Path(origin).is_file():
                raise UserError(
                    f"{root / name}: expected imports of installed packages, or of files in {root}, found "
                    f"{origin}; install it, or move it there, so that the run can be opened later"
                )


def digest(files: Mapping[str, bytes]) -> str:
    """Returns the SHA-256 of files with their names, as 64 hexadecimal digits."""
    hashes = [
        (name, hashlib.sha256(content).hexdigest()) for name, content in sorted(files.items())
    ]
    return hashlib.sha256(repr(hashes).encode()).hexdigest()


def _imported_modules(file: Path, root: Path) -> Iterator[str]:
    """Yields the dotted names that a file imports, at any depth of its code."""
    try:
        tree = ast.parse(file.read_bytes())
    except SyntaxError:  # Python reports it when the file is run
        return
    package = file.relative_to(root).parent.parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package[: len(package) - node.level + 1] if node.level else ()
            prefix = [*parents, node.module] if node.module else [*parents]
            yield from (".".join([*prefix, alias.name]) for alias in node.names)


def _module_files(module: str, root: Path) -> Iterator[Path]:
    """Yields the files below `root` that an import of a dotted name runs."""
    parts = module.split(".")
    for length in range(1, len(parts) + 1):
        stem = root.joinpath(*parts[:length])
        for file in (stem.with_name(f"{stem.name}.py"), stem / "__init__.py"):
            if file.is_file():
                yield file

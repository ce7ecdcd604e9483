"""The code of users' parts: found in their files, copied with every run and loaded from that copy."""

import contextlib
import functools
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from jaxletters.config import serialization, user_modules
from jaxletters.config.parts import Code, Slot, builtin_parts, is_builtin
from jaxletters.config.user_imports import check_imports, digest, needed_files
from jaxletters.core.errors import UserError

FOLDER = "code"
"""The folder in a run folder that holds the code of users' parts."""

S = TypeVar("S", bound=Slot)


def attach_code(config: object) -> None:
    """Sets `defined_by` of the class of every user's part in a config.

    Raises:
        UserError: no file defines a class at its top level.
    """
    for part in _slots(config):
        cls = type(part)
        if not is_builtin(cls) and "defined_by" not in vars(cls):
            _attach_code(cls)


def source_files(config: object) -> dict[str, bytes]:
    """Returns the content of the files of all users' parts, by path relative to a run's `code` folder."""
    files: dict[str, bytes] = {}
    for part in _slots(config):
        code = type(part).defined_by
        for name, content in code.files.items() if code else ():
            if files.setdefault(name, content) != content:
                raise UserError(
                    f"{type(part).__name__}: expected all parts in one folder, found a different {name} in "
                    "the folder of another part; move them together, or rename the file"
                )
    return files


def load_part(values: Mapping[str, Any], slot: type[S], folder: Path | None) -> S:
    """Returns a part from its settings.

    Args:
        values: as `serialization.to_dict` returns them.
        slot: the base class of the part, such as `ModelConfig`.
        folder: the run folder with the copy of the code, which is executed; None to refuse users' parts.

    Raises:
        UserError: the code is missing, was edited or fails.
        KeyError, TypeError, AttributeError: there is no such class, or it has no such settings.
    """
    reference = values["class"]
    if isinstance(reference, str):
        return cast(S, serialization.instantiate(values, builtin_parts(slot)[reference]))
    if folder is None:
        raise UserError(
            f"{reference['name']} is defined by {reference['file']}, which is not part of jaxletters"
        )
    return serialization.instantiate(values, _load_class(reference, folder / FOLDER))


def _slots(config: object) -> Iterator[Slot]:
    """Yields the parts of a config that fill a slot, depth first."""
    parts = (config, *(part for _, part in serialization.parts_of(config)))
    yield from (part for part in parts if isinstance(part, Slot))


def _attach_code(cls: type[Slot]) -> None:
    module = user_modules.module_of(cls)
    path = getattr(module, "__file__", None)
    # The main module cannot be imported without running the whole script.
    if module is None or path is None or cls.__module__ == "__main__":
        raise UserError(
            f"{cls.__qualname__}: expected a class at the top level of a Python file, so that the run can be "
            f"opened later, found one of {cls.__module__}; move it to a file and import it from there"
        )
    file, executed = Path(path).resolve(), user_modules.is_executed(cls.__module__)
    root = file.parents[0 if executed else cls.__module__.count(".")]
    names = needed_files(file, root)
    files = {name: (root / name).read_bytes() for name in sorted(names)}
    check_imports(root, names)
    # An installed module, for example, can be imported at any time.
    if not executed and sys.modules.get(cls.__module__) is module:
        importing = contextlib.nullcontext
    else:
        importable = names - {file.name} if executed else names
        importing = functools.partial(user_modules.import_context, root, importable)
    cls.defined_by = Code(file.relative_to(root).as_posix(), digest(files), files, importing)
    with importing():
        # String annotations can be resolved only in this context; the result is cached.
        serialization.declared_types(cls)


def _load_class(reference: Mapping[str, str], root: Path) -> type[Any]:
    """Returns a user's class from the copy of its code in `root`."""
    name, file = reference["name"], root / reference["file"]
    if not file.is_file():
        raise UserError(
            f"{file}: expected the code of {name}, found no file; restore it from a backup"
        )
    names = needed_files(file.resolve(), root.resolve())
    if digest({name: (root / name).read_bytes() for name in names}) != reference["sha256"]:
        raise UserError(
            f"{file}: expected the code that this run began with, found an edited one; restore it from a "
            "backup"
        )
    file, root = file.resolve(), root.resolve()
    try:
        if file.parent == root:
            module = user_modules.execute(file)
        else:
            dotted_name = reference["file"].removesuffix(".py").replace("/", ".")
            module = user_modules.import_fresh(dotted_name, root, names)
        cls = getattr(module, name)
        _attach_code(cls)
    except (Exception, SystemExit) as error:
        hint = "; install what it imports" if isinstance(error, ImportError) else ""
        description = user_modules.describe_error(error)
        raise UserError(f"{file}: the code of {name} fails here: {description}{hint}") from error
    return cls

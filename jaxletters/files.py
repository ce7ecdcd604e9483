"""Files that are either whole or not there, and the JSON in them."""

import contextlib
import json
import math
import os
from pathlib import Path
from typing import Any

from jaxletters.errors import UserError


def write_bytes(path: Path, data: bytes) -> None:
    """Writes `data` to `path`, whose folder is made; readers find the old content or the new.

    Raises:
        UserError: the file cannot be written.
    """
    partial = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be written ({error.strerror}); mend that or choose another folder"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def to_json(value: Any, indent: int | None = None) -> str:
    """Returns `value` as strict JSON, in which NaN and infinities become null."""
    return json.dumps(_finite(value), indent=indent, ensure_ascii=False, allow_nan=False)


def write_json(path: Path, value: Any) -> None:
    """Writes `value` as indented JSON, keys in their order, as `write_bytes` does."""
    write_bytes(path, f"{to_json(value, indent=2)}\n".encode())


def read_json(path: Path) -> Any:
    """Returns the value in a JSON file.

    Raises:
        UserError: the file cannot be read or is not JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except ValueError as error:
        raise UserError(
            f"{path}: expected JSON, found something else ({error}); restore or delete the file"
        ) from error


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value

"""What a run's numbers depend on besides its config, and whether it has changed since the run began."""

import importlib.metadata
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax

from jaxletters import backend
from jaxletters.files import read_json, write_json

_PACKAGES = (
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "orbax-checkpoint",
    "numpy",
    "tensorflow-datasets",
    "jaxletters",
)
# Where one of these differs, so may the last bits of what is computed.
_EXACT = ("jax", "jaxlib", "flax", "optax", "numpy", "jaxletters")


def record(folder: Path, notice: Callable[[str], None]) -> None:
    """Writes `env.json`; an environment that the run began in and no longer has is kept in "earlier".

    Args:
        folder: the run folder.
        notice: called with one line about what has changed, and what that means.
    """
    file, now = folder / "env.json", describe()
    begun = next(folder.glob("**/steps/*"), None) is not None
    before = read_json(file) if begun and file.exists() else now
    earlier = before.get("earlier", [])
    if changes := _changes(before, now):
        earlier = [*earlier, {k: v for k, v in before.items() if k != "earlier"}]
        notice(
            f"Not as when this run began: {', '.join(changes)}. It goes on, but may no longer end as an "
            "uninterrupted one to the last bit"
        )
    write_json(file, {**now, "earlier": earlier} if earlier else now)


def _changes(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    def exact(found: dict[str, Any]) -> dict[str, Any]:
        versions = found.get("versions", {})
        devices = f"{found.get('devices')} {found.get('device_kind')}"
        return {**{name: versions.get(name) for name in _EXACT}, "devices": devices}

    old, new = exact(before), exact(now)
    return [f"{name} {old[name]} is now {new[name]}" for name in new if old[name] != new[name]]


def describe() -> dict[str, Any]:
    """Returns what a run's numbers depend on besides its config, and the command that began it."""
    device = jax.devices()[0]
    return {
        "versions": versions(_PACKAGES),
        "commit": _commit(Path(__file__).parents[1]),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "backend": jax.default_backend(),
        "device_kind": device.device_kind,
        "devices": jax.device_count(),
        "processes": jax.process_count(),
        "settings": backend.settings(),
        "command": _command(),
    }


def versions(packages: Sequence[str]) -> dict[str, str | None]:
    """Returns Python's version and those of packages, None for what is not installed."""
    return {"python": platform.python_version(), **{name: _version(name) for name in packages}}


def _command() -> str:
    """Returns what was typed; "" where the program is another, such as a notebook."""
    return shlex.join(("python", *sys.argv)) if Path(sys.argv[0]).name == "launch.py" else ""


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _commit(checkout: Path) -> str | None:
    """Returns the checkout's commit, followed by "-dirty" if files differ; None without one."""
    # An installed package may lie inside a repository that is not this project's.
    if not (checkout / ".git").exists():
        return None
    describe = ("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    try:
        answer = subprocess.run(
            ("git", "-C", checkout, "--no-optional-locks", *describe),
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()

"""What a run's numbers depend on besides its config and its data: code, machine, versions."""

import functools
import hashlib
import importlib.metadata
import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax

from jaxletters.runtime import xla

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
_EXACT = ("jax", "jaxlib", "flax", "optax", "numpy")
# Environment variables that change what XLA compiles, or how many threads it uses.
_FLAGS = (
    "XLA_FLAGS",
    "LIBTPU_INIT_ARGS",
    "JAX_DEFAULT_MATMUL_PRECISION",
    "JAX_ENABLE_X64",
    "JAX_THREEFRY_PARTITIONABLE",
    "NPROC",
    "NVIDIA_TF32_OVERRIDE",
    "PJRT_NPROC",
)
_VECTOR_EXTENSION = re.compile("(sse|avx|amx|fma|f16c|neon|asimd|sve)")


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Returns what may change the last bits of a run's numbers, "jaxlib 0.10.1 is now 0.10.2" or the like.

    Args:
        before: what `describe` gave at an earlier start.
        now: what it gives now.
    """
    old, new = _decisive(before), _decisive(now)
    found = [f"{name} {old[name]} is now {new[name]}" for name in new if old[name] != new[name]]
    extensions = [set(each.get("cpu", {}).get("vector_extensions", ())) for each in (before, now)]
    for what, names in (
        ("gone", extensions[0] - extensions[1]),
        ("new", extensions[1] - extensions[0]),
    ):
        if names:
            found.append(f"{what} vector extensions {' '.join(sorted(names))}")
    return found


def _decisive(found: Mapping[str, Any]) -> dict[str, Any]:
    versions, cpu = found.get("versions", {}), found.get("cpu", {})
    flags = found.get("flags", {})
    source = found.get("source")
    return {
        **{name: versions.get(name) for name in _EXACT},
        "code": source[:12] if source else None,
        "devices": f"{found.get('devices')} {found.get('device_kind')}",
        # Of accelerators: the versions of CUDA, cuDNN or libtpu, on one line.
        "runtime": " ".join(str(found.get("runtime")).split()),
        # The work of a CPU is divided over them, and sums are taken in another order.
        "usable cores": found.get("cpus"),
        "CPU": cpu.get("model"),
        **{name: flags.get(name) for name in _FLAGS},
    }


def describe() -> dict[str, Any]:
    """Returns what a run's numbers depend on besides its config, and the command that began it."""
    device = jax.devices()[0]
    return {
        "versions": versions(_PACKAGES),
        "commit": _commit(Path(__file__).parents[2]),
        "source": _source(Path(__file__).parents[1]),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpus": usable_cores(),
        "cpu_quota": _cpu_quota(),
        "cpu": _cpu(),
        "backend": jax.default_backend(),
        "device_kind": device.device_kind,
        "runtime": device.client.platform_version,
        "devices": jax.device_count(),
        "processes": jax.process_count(),
        "flags": {name: os.environ[name] for name in _FLAGS if name in os.environ},
        "settings": xla.settings(),
        "command": _command(),
    }


def versions(packages: Sequence[str]) -> dict[str, str | None]:
    """Returns Python's version and those of packages, None for what is not installed."""
    return {"python": platform.python_version(), **{name: _version(name) for name in packages}}


def usable_cores() -> int:
    """Returns how many CPU cores this process may run on; `taskset` and containers give it fewer."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cpu_quota() -> float | None:
    """Returns how many cores' time a container grants, None without a limit.

    It changes how long a run takes and not its bits, because XLA starts a thread for each usable core.
    """
    for quota, period in (
        ("/sys/fs/cgroup/cpu.max", ""),
        ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
    ):
        try:
            words = " ".join(Path(p).read_text() for p in (quota, period) if p).split()
            granted, of = int(words[0]), int(words[1])
        except (OSError, ValueError, IndexError):
            continue
        return granted / of if granted > 0 else None
    return None


@functools.cache
def _cpu() -> dict[str, Any]:
    """Returns the CPU's model and vector extensions, which XLA and Eigen choose their code by."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return {"model": platform.processor() or platform.machine(), "vector_extensions": []}
    facts = {}
    for line in lines:
        name, _, value = line.partition(":")
        facts.setdefault(name.strip(), value.strip())
    known = (facts[name] for name in ("model name", "CPU part", "cpu model") if name in facts)
    flags = (facts.get("flags") or facts.get("Features") or "").split()
    return {
        "model": next(known, platform.machine()),
        "vector_extensions": sorted(filter(_VECTOR_EXTENSION.match, flags)),
    }


@functools.cache
def _source(package: Path) -> str:
    """Returns the SHA-256 of the package's modules, in hex."""
    digest = hashlib.sha256()
    for file in sorted(package.rglob("*.py")):
        digest.update(f"{file.relative_to(package).as_posix()}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


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

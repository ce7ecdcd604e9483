"""The environment of a run: code, machine and versions, on which its numbers depend."""

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
from typing import Any, TypedDict, cast

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
# Other versions of these may change the last bits of a result.
_DECISIVE_PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy")
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


class Cpu(TypedDict):
    """The properties of a CPU by which XLA and Eigen choose their code."""

    model: str
    vector_extensions: list[str]


class Environment(TypedDict):
    """What the numbers of a run depend on besides its config and data, and the command that started it.

    Keys:
        versions: of Python and of packages; None for those that are not installed.
        commit: of the checkout, with "-dirty" if files differ; None without a checkout.
        source: SHA-256 of the package's modules, in hex.
        platform: the operating system and its version.
        machine: the architecture of the CPU.
        cpus: the number of usable cores.
        cpu_quota: the number of cores that a container grants; None without a limit.
        cpu: its model and vector extensions.
        backend: "cpu", "gpu" or "tpu".
        device_kind: the model of the devices.
        runtime: the version of PJRT, and of CUDA, cuDNN or libtpu.
        devices: the number of devices of all processes.
        processes: the number of processes.
        flags: the environment variables that XLA reads.
        settings: what jaxletters set.
        command: the command line, "" where the program is not launch.py.
    """

    versions: dict[str, str | None]
    commit: str | None
    source: str
    platform: str
    machine: str
    cpus: int
    cpu_quota: float | None
    cpu: Cpu
    backend: str
    device_kind: str
    runtime: str
    devices: int
    processes: int
    flags: dict[str, str]
    settings: xla.Settings
    command: str


def describe() -> Environment:
    """Returns the environment of this process."""
    device = cast(Any, jax.devices()[0])  # `Device` is unknown to type checkers
    return {
        "versions": versions(_PACKAGES),
        "commit": _commit(Path(__file__).parents[2]),
        "source": _source_digest(Path(__file__).parents[1]),
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


def differences(before: Environment, now: Environment) -> list[str]:
    """Returns the changes that may alter the last bits of a result: "jaxlib 0.10.1 is now 0.10.2" ..."""
    old, new = _decisive(before), _decisive(now)
    lines = [f"{name} {old[name]} is now {new[name]}" for name in new if old[name] != new[name]]
    old_extensions, new_extensions = (
        set(environment.get("cpu", {}).get("vector_extensions", ()))
        for environment in (before, now)
    )
    if gone := old_extensions - new_extensions:
        lines.append(f"gone vector extensions {' '.join(sorted(gone))}")
    if added := new_extensions - old_extensions:
        lines.append(f"new vector extensions {' '.join(sorted(added))}")
    return lines


def _decisive(environment: Environment) -> dict[str, object]:
    """Returns the values that may alter the last bits; records of older versions lack some."""
    values: Mapping[str, object] = environment
    source = environment.get("source")
    return {
        **{name: environment.get("versions", {}).get(name) for name in _DECISIVE_PACKAGES},
        "code": source[:12] if source else None,
        "devices": f"{values.get('devices')} {values.get('device_kind')}{_division(environment)}",
        # On one line, because accelerators report several versions.
        "runtime": " ".join(str(values.get("runtime")).split()),
        # XLA divides the work of a CPU over them, which changes the order of sums.
        "usable cores": values.get("cpus"),
        "CPU": environment.get("cpu", {}).get("model"),
        **{name: environment.get("flags", {}).get(name) for name in _FLAGS},
    }


def _division(environment: Environment) -> str:
    """Returns how devices are divided into processes, where that changes the order of sums."""
    processes = environment.get("processes", 1)
    # Two devices add two numbers, in one process or in two.
    matters = processes > 1 and environment.get("devices", 1) > 2
    return f" in {processes} processes" if matters else ""


def versions(packages: Sequence[str]) -> dict[str, str | None]:
    """Returns the versions of Python and of packages, None for those that are not installed."""
    return {"python": platform.python_version(), **{name: _version(name) for name in packages}}


def usable_cores() -> int:
    """Returns how many CPU cores this process may use; `taskset` and containers limit them."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cpu_quota() -> float | None:
    """Returns how many cores' time a container grants, None without a limit.

    It changes the duration of a run, not its bits, because XLA starts a thread for each usable core.
    """
    for quota_file, period_file in (
        ("/sys/fs/cgroup/cpu.max", ""),
        ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
    ):
        try:
            texts = [Path(file).read_text() for file in (quota_file, period_file) if file]
            quota, period = (int(word) for word in " ".join(texts).split()[:2])
        except (OSError, ValueError):
            continue
        return quota / period if quota > 0 else None
    return None


@functools.cache
def _cpu() -> Cpu:
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return {"model": platform.processor() or platform.machine(), "vector_extensions": []}
    fields: dict[str, str] = {}  # of the first core
    for line in lines:
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    models = (fields[name] for name in ("model name", "CPU part", "cpu model") if name in fields)
    flags = (fields.get("flags") or fields.get("Features") or "").split()
    return {
        "model": next(models, platform.machine()),
        "vector_extensions": sorted(filter(_VECTOR_EXTENSION.match, flags)),
    }


@functools.cache
def _source_digest(package: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(package.rglob("*.py")):
        digest.update(f"{file.relative_to(package).as_posix()}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _command() -> str:
    return shlex.join(("python", *sys.argv)) if Path(sys.argv[0]).name == "launch.py" else ""


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _commit(checkout: Path) -> str | None:
    # An installed package may lie inside the repository of another project.
    if not (checkout / ".git").exists():
        return None
    describe = ("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    try:
        process = subprocess.run(
            ("git", "-C", checkout, "--no-optional-locks", *describe),
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return process.stdout.strip()

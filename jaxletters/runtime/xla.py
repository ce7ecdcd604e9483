"""What depends on the backend, decided in one place: how programs are compiled, loop and get memory."""

import ctypes
import functools
import os
import platform
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax

Options = dict[str, str | int]
"""XLA's options for one program, as `jax.jit(compiler_options=...)` takes them."""

# XLA's fusion of convolutions with the YNN library, on by default since jaxlib 0.10, makes training
# steps on a CPU slower (benchmarks/startup.py prints the ratio), and the evaluation of all but the
# smallest networks too.
# On GPUs some operations add in an order that changes from call to call, and XLA chooses algorithms by
# timing them, so that two processes may choose differently; this option ends both.
_OPTIONS: dict[str, Options] = {
    "cpu": {"xla_cpu_experimental_ynn_fusion_type": ""},
    "gpu": {"xla_gpu_deterministic_ops": True},
}
# Initialisation runs once: compiling it without optimisation saves seconds and changes no decision.
_ONCE_OPTIONS: dict[str, Options] = {**_OPTIONS, "cpu": {"xla_backend_optimization_level": 0}}


def loops_on_device() -> bool:
    """Whether many steps may run in one call; on CPUs a convolution inside a loop is far slower."""
    return jax.default_backend() != "cpu"


@functools.cache
def _accepted(options: tuple[tuple[str, str | int], ...]) -> bool:
    """Whether this jaxlib knows the options; an unknown one raises, whatever is compiled."""
    try:
        jax.jit(lambda x: x, compiler_options=dict(options)).lower(0.0).compile()
    except Exception:  # its type differs between versions
        return False
    return True


def _options(wanted: Mapping[str, Options]) -> Options | None:
    found = wanted.get(jax.default_backend())
    return found if found and _accepted(tuple(found.items())) else None


def compiler_options() -> Options | None:
    """Returns the `compiler_options` of training and evaluation, or None for the backend's own."""
    return _options(_OPTIONS)


def one_time_options() -> Options | None:
    """Returns the `compiler_options` of a program that runs once, or None for the backend's own."""
    return _options(_ONCE_OPTIONS)


def use_cpu_only() -> None:
    """Keeps this process off accelerators, whose products are less precise unless told otherwise."""
    jax.config.update("jax_platforms", "cpu")


def configure() -> None:
    """Sets, once at the start of a command line's process, what is best left alone later.

    `settings` tells what. A process that is somebody else's, such as a notebook's, is left as it is.
    """
    # First of all, because threads that exist already keep heaps of their own.
    _settings["allocator"] = _keep_freed_memory()
    _use_compilation_cache()


_settings: dict[str, Any] = {}


def settings() -> dict[str, Any]:
    """Returns what this project set that the user did not: compiler options, cache, allocator."""
    cache = jax.config.values["jax_compilation_cache_dir"]
    return {
        "compiler_options": compiler_options(),
        "compilation_cache": cache,
        "allocator": None,
        **_settings,
    }


def _use_compilation_cache() -> None:
    """Keeps compiled programs in the user's cache folder, unless JAX was told where to keep them.

    XLA's key of a program includes the versions and the machine's features.
    """
    if jax.config.values["jax_compilation_cache_dir"] is None and (home := _cache_folder()):
        jax.config.update("jax_compilation_cache_dir", str(home / "jaxletters" / "xla"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    # JAX writes an entry in place, so another process may read part of it, and a killed one leaves part
    # of it. The program is compiled, as without the entry.
    warnings.filterwarnings(
        "ignore", "Error reading persistent compilation cache entry", UserWarning
    )


def _cache_folder() -> Path | None:
    """Returns the folder for what may be lost; None for a user without a home, as in a container."""
    if given := os.environ.get("XDG_CACHE_HOME"):
        return Path(given)
    try:
        return Path.home() / ".cache"
    except RuntimeError:
        return None


# <malloc.h>: no allocation is mapped on its own, however large; the heap keeps up to 2 GiB at its end; and
# all threads share it, because those of their own are unmapped as soon as they are empty.
_MALLOPT = {"M_MMAP_MAX": (-4, 0), "M_TRIM_THRESHOLD": (-1, 2**31 - 1), "M_ARENA_MAX": (-8, 1)}


def _keep_freed_memory() -> dict[str, int] | None:
    """Lets glibc keep what a step frees for the next one, instead of asking for fresh pages.

    Returns:
        what was set, or None where there is no glibc, or the user has settings of their own.
    """
    own = any(name.startswith("MALLOC_") for name in os.environ)
    own |= "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", "")
    if own or platform.libc_ver()[0] != "glibc":
        return None
    mallopt = ctypes.CDLL(None).mallopt
    return {name: value for name, (code, value) in _MALLOPT.items() if mallopt(code, value)}

"""Everything that depends on the backend: compiler options, the compilation cache, the loop over steps."""

import functools
import os
import warnings
from pathlib import Path
from typing import TypeAlias, TypedDict

import jax

from jaxletters.runtime import malloc

Options: TypeAlias = dict[str, str | int]
"""XLA's options for one program, as `jax.jit(compiler_options=...)` takes them."""

# XLA's fusion of convolutions with the YNN library, on by default since jaxlib 0.10, makes training
# steps on a CPU slower (benchmarks/startup.py prints the ratio), and the evaluation of all but the
# smallest networks too.
# On GPUs some operations add in an order that changes from call to call, and XLA chooses algorithms by
# timing them, so that two processes may choose differently; this option prevents both.
_OPTIONS: dict[str, Options] = {
    "cpu": {"xla_cpu_experimental_ynn_fusion_type": ""},
    "gpu": {"xla_gpu_deterministic_ops": True},
}
# Initialisation runs once: compiling it without optimisation saves seconds and changes no decision.
_ONE_TIME_OPTIONS: dict[str, Options] = {
    **_OPTIONS,
    "cpu": {"xla_backend_optimization_level": 0},
}


class Settings(TypedDict):
    """What `configure` and `compiler_options` changed, for the record of a run.

    Keys:
        compiler_options: of training and evaluation; None for the defaults of the backend.
        compilation_cache: the folder of compiled programs; None without one.
        allocator: the parameters of glibc's malloc; None where they are untouched.
    """

    compiler_options: Options | None
    compilation_cache: str | None
    allocator: dict[str, int] | None


_allocator: dict[str, int] | None = None


def configure() -> None:
    """Sets the allocator and the compilation cache at the start of a command line's process.

    Not for processes of others, such as a notebook's.
    """
    global _allocator
    # First, because threads that exist already keep separate heaps.
    _allocator = malloc.keep_freed_memory()
    _use_compilation_cache()


def settings() -> Settings:
    """Returns the settings of this project that the user did not choose."""
    return {
        "compiler_options": compiler_options(),
        "compilation_cache": jax.config.values["jax_compilation_cache_dir"],
        "allocator": _allocator,
    }


def use_cpu_only() -> None:
    """Keeps this process off accelerators, which by default compute less precise products."""
    jax.config.update("jax_platforms", "cpu")


def loops_on_device() -> bool:
    """Returns whether one call may run many steps; on CPUs a convolution inside a loop is far slower."""
    return jax.default_backend() != "cpu"


def compiler_options() -> Options | None:
    """Returns the `compiler_options` of training and evaluation, None for the backend's defaults."""
    return _supported(_OPTIONS)


def one_time_options() -> Options | None:
    """Returns the `compiler_options` of a program that runs once, None for the backend's defaults."""
    return _supported(_ONE_TIME_OPTIONS)


def _supported(options_by_backend: dict[str, Options]) -> Options | None:
    options = options_by_backend.get(jax.default_backend())
    return options if options and _compiles(tuple(options.items())) else None


@functools.cache
def _compiles(options: tuple[tuple[str, str | int], ...]) -> bool:
    """Returns whether this jaxlib knows the options; it raises for an unknown option in any program."""
    try:
        jax.jit(abs, compiler_options=dict(options)).lower(0.0).compile()
    except Exception:  # the type depends on the version
        return False
    return True


def _use_compilation_cache() -> None:
    """Keeps compiled programs in the user's cache folder, unless the user has set another in JAX.

    XLA's key of a program includes the versions and the machine's features.
    """
    if jax.config.values["jax_compilation_cache_dir"] is None and (home := _cache_folder()):
        jax.config.update("jax_compilation_cache_dir", str(home / "jaxletters" / "xla"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    # JAX writes an entry in place: another process may read a part of it, and a killed process leaves a
    # part. JAX then compiles the program as without the entry.
    warnings.filterwarnings(
        "ignore", "Error reading persistent compilation cache entry", UserWarning
    )


def _cache_folder() -> Path | None:
    """Returns the folder for caches; None for a user without a home folder, as in a container."""
    if cache := os.environ.get("XDG_CACHE_HOME"):
        return Path(cache)
    try:
        return Path.home() / ".cache"
    except RuntimeError:
        return None

"""What depends on the backend, decided in one place: how programs are compiled and how they loop."""

import functools
import os
from pathlib import Path

import jax

Options = dict[str, str | int]
"""XLA's options for one program, as `jax.jit(compiler_options=...)` takes them."""

# XLA's fusion of convolutions with the YNN library, on by default since jaxlib 0.10, makes training
# steps on a CPU 1.6 times slower (benchmarks/startup.py prints the ratio).
_TRAINING_OPTIONS: Options = {"xla_cpu_experimental_ynn_fusion_type": ""}
# Initialisation runs once: compiling it without optimisation saves seconds and changes no decision.
_ONCE_OPTIONS: Options = {"xla_backend_optimization_level": 0}


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


def _options(wanted: Options) -> Options | None:
    if jax.default_backend() != "cpu" or not _accepted(tuple(wanted.items())):
        return None
    return wanted


def training_options() -> Options | None:
    """Returns the `compiler_options` of the training program, or None for the backend's own."""
    return _options(_TRAINING_OPTIONS)


def once_options() -> Options | None:
    """Returns the `compiler_options` of a program that runs once, or None for the backend's own."""
    return _options(_ONCE_OPTIONS)


def use_compilation_cache() -> None:
    """Keeps compiled programs in the user's cache folder, unless JAX was told where to keep them.

    XLA's key of a program includes the versions and the machine's features.
    """
    if jax.config.values["jax_compilation_cache_dir"] is None:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        jax.config.update("jax_compilation_cache_dir", str(home / "jaxletters" / "xla"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)

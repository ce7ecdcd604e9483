"""What the project sets for a process, and what it leaves to the user."""

import ctypes
import os
import platform
import subprocess
import sys

import jax
import pytest

from jaxletters.runtime import xla

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")


@pytest.fixture
def mallopt(monkeypatch):
    """Records the calls of the C library's mallopt instead of making them."""
    calls = []

    class Library:
        def __init__(self, name):
            assert name is None

        def mallopt(self, parameter, value):
            calls.append((parameter, value))
            return 1

    monkeypatch.setattr(ctypes, "CDLL", Library)
    for name in [n for n in os.environ if n.startswith("MALLOC_") or n == "GLIBC_TUNABLES"]:
        monkeypatch.delenv(name)
    return calls


@pytest.fixture
def untouched():
    """Restores what `configure` changes."""
    names = (
        "jax_compilation_cache_dir",
        "jax_persistent_cache_min_compile_time_secs",
        "jax_persistent_cache_min_entry_size_bytes",
    )
    values = {name: jax.config.values[name] for name in names}
    yield
    for name, value in values.items():
        jax.config.update(name, value)
    xla._allocator = None


@glibc
@pytest.mark.usefixtures("untouched")
def test_freed_memory_is_kept_and_the_settings_say_so(mallopt):
    xla.configure()
    # M_MMAP_MAX, M_TRIM_THRESHOLD and M_ARENA_MAX in <malloc.h>.
    assert mallopt == [(-4, 0), (-1, 2**31 - 1), (-8, 1)]
    said = {"M_MMAP_MAX": 0, "M_TRIM_THRESHOLD": 2**31 - 1, "M_ARENA_MAX": 1}
    assert xla.settings()["allocator"] == said


@glibc
@pytest.mark.usefixtures("untouched")
def test_it_is_set_before_a_backend_starts_its_threads(mallopt, monkeypatch):
    def start():
        pytest.fail("a backend was started first")

    monkeypatch.setattr(jax, "default_backend", start)
    monkeypatch.setattr(jax, "devices", start)
    xla.configure()
    assert mallopt


@glibc
@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    ("name", "value"),
    [("MALLOC_TRIM_THRESHOLD_", "100000"), ("GLIBC_TUNABLES", "glibc.malloc.tcache_count=3")],
)
def test_the_user_s_own_allocator_settings_are_left_alone(mallopt, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    xla.configure()
    assert mallopt == []
    assert xla.settings()["allocator"] is None


@pytest.mark.usefixtures("untouched", "mallopt")
def test_the_user_s_own_compilation_cache_is_left_alone(tmp_path):
    jax.config.update("jax_compilation_cache_dir", str(tmp_path))
    xla.configure()
    assert xla.settings()["compilation_cache"] == str(tmp_path)


@pytest.mark.usefixtures("untouched", "mallopt")
def test_programs_are_kept_in_the_user_s_cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    jax.config.update("jax_compilation_cache_dir", None)
    xla.configure()
    assert xla.settings()["compilation_cache"] == str(tmp_path / "jaxletters" / "xla")


def test_settings_name_the_compiler_options():
    assert xla.settings()["compiler_options"] == xla.compiler_options()


@pytest.mark.usefixtures("untouched", "mallopt")
def test_a_user_without_a_home_has_no_cache_of_programs(monkeypatch):
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", _unknown)
    jax.config.update("jax_compilation_cache_dir", None)
    xla.configure()
    assert xla.settings()["compilation_cache"] is None


def _unknown(uid):
    raise KeyError(uid)


def test_programs_on_gpus_are_deterministic(monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    # Whether this jaxlib knows the option is found out by compiling with it, here for a CPU.
    expected = {"xla_gpu_deterministic_ops": True}
    assert xla.compiler_options() == xla.one_time_options() == expected
    assert xla.settings()["compiler_options"] == expected


@pytest.mark.slow
def test_a_damaged_entry_of_the_compilation_cache_is_compiled_again_without_a_warning(tmp_path):
    lines = (
        "import jax",
        "from jaxletters.runtime import xla",
        "xla.configure()",
        "print(jax.jit(abs)(-2))",
    )
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)

    def run():
        command = [sys.executable, "-c", "\n".join(lines)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True)

    run()
    entries = list((tmp_path / "jaxletters" / "xla").iterdir())
    assert entries
    for entry in entries:
        os.truncate(entry, entry.stat().st_size // 2)
    done = run()
    assert (done.stdout, done.stderr) == ("2\n", "")

"""What the whole suite shares: its backend, its cache of compiled programs, hypothesis' settings."""

import fcntl
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import jaxtyping
import pytest

CHECKED = ("evaluation",)
_HELPERS = Path(__file__).parent / "helpers"
# Some tests are short portions of benchmarks.
_BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
sys.path[:0] = [str(_HELPERS), str(_HELPERS / "hazards"), str(_BENCHMARKS)]

# Every call of these folders' functions is checked against their annotations, with the shapes of arrays.
# Installed before anything imports them; the processes that tests start run without it.
jaxtyping.install_import_hook([f"jaxletters.{name}" for name in CHECKED], "beartype.beartype")

# New examples on every run find what is wrong on somebody's own machine; where a change is judged,
# it is always on the same ones.
hypothesis.settings.register_profile(
    "suite", hypothesis.settings.default, deadline=None, derandomize="CI" in os.environ
)
hypothesis.settings.load_profile("suite")


def pytest_configure(config: pytest.Config) -> None:
    # Environment variables, so that the processes that tests start get them as well. JAX reads them
    # when it is imported, which no plugin does before this.
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    # Never the user's own cache: it would hide that a program no longer compiles, and be filled up.
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(config.cache.mkdir("xla"))
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small run that is finished; nothing in it may be changed."""
    import runs  # not above, because it needs the environment that pytest_configure sets

    shared = tmp_path_factory.getbasetemp()
    # The folders of pytest-xdist's workers are in one folder: the first that needs the run trains it.
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / "finished_run" / "small"
    with (shared / "finished_run.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "report" / "result.json").exists():
            runs.finish(folder, "--config.training.epochs=1")
    return folder


@pytest.fixture(scope="module")
def no_pictures() -> Iterator[None]:
    """Leaves the pictures of this process' reports empty: drawing takes longer than a small run."""
    from matplotlib.figure import Figure

    from jaxletters.report import charts, style

    blank = Figure()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(style, "png", lambda *_: b"")
        for name in ("class_accuracy", "confusion_matrix", "learning_curves", "reliability"):
            patch.setattr(charts, name, lambda *_: blank)
        yield


@pytest.fixture(scope="session")
def write_emnist():
    """Writes `n_train` + `n_test` random letters into a folder; returns what the files hold."""

    import gzip

    import numpy as np
    from inputs import idx  # not above, because it imports JAX

    def write(folder: Path, n_train=60, n_test=30, seed=0):
        rng = np.random.default_rng(seed)
        folder.mkdir(parents=True, exist_ok=True)
        written = {}
        for split, n in (("train", n_train), ("test", n_test)):
            images = rng.integers(0, 256, (n, 28, 28)).astype(np.uint8)
            labels = rng.integers(1, 27, n).astype(np.uint8)
            name = f"emnist-letters-{split}-"
            (folder / f"{name}images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images), 1))
            (folder / f"{name}labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels), 1))
            written[split] = (images, labels)
        return written

    return write

"""Batches gathered on the host: the same bits as on the device, in bounded memory."""

import dataclasses
import subprocess
import sys

import jax
import numpy as np
import pytest
import runs
import tiny
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxletters.config.augmentation import AugmentConfig
from jaxletters.evaluation import metrics
from jaxletters.runtime import sharding
from jaxletters.training import sampling, train_step
from jaxletters.training.host_examples import HostExamples

STEPS = 9
# The images of the large dataset take more than all that its run may allocate.
LARGE, SIDE, LIMIT = 280_000, 64, 2**30
LIMITED = f"""
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_DATA, ({LIMIT}, {LIMIT}))
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def trained(task, examples, *stops):
    state, counts = train_step.init_state(task), sharding.replicate(metrics.zero(), task.mesh)
    for stop in stops:
        state, counts = train_step.run_until(task, state, counts, examples, stop)
    return jax.tree.map(np.array, (state, counts))


def on_host(task):
    return HostExamples(*tiny.arrays(), task.seed, task.batch_size)


@settings(max_examples=40)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(2, 2**20),
    st.sampled_from([(1, 1), (2, 2), (7, 7), (8, 3), (300, 32), (1000, 128)]),
)
def test_numpy_chooses_the_examples_that_jax_chooses(seed, step, sizes):
    n, batch_size = sizes
    expected = sampling.batch_indices(seed, step, batch_size, n)
    found = sampling.batch_indices_on_host(seed, range(step - 2, step + 1), batch_size, n)
    np.testing.assert_array_equal(found[2], expected)
    assert found.dtype == np.int32


@pytest.mark.parametrize(
    "augment",
    [tiny.AUGMENT, AugmentConfig(), dataclasses.replace(tiny.AUGMENT, elastic=1.0)],
)
def test_training_ends_with_the_bits_of_examples_on_the_device(augment):
    task = tiny.task(augment=augment)
    expected = trained(task, tiny.examples(), STEPS)
    tiny.assert_same_bits(trained(task, on_host(task), STEPS), expected)
    tiny.assert_same_bits(trained(task, on_host(task), 2, 3, STEPS), expected)


# Many batches a block, two, and one that is larger than a block.
@pytest.mark.parametrize("side", [8, 256, 512])
def test_a_step_can_be_repeated_and_left_out(side):
    n, batch_size, seed = 40, 16, 3
    numbers = np.arange(n, dtype=np.int32)
    images = np.broadcast_to(np.uint8(numbers)[:, None, None], (n, side, side))
    examples = HostExamples(images, numbers, seed, batch_size)
    for first, stop in ((0, 12), (3, 4), (3, 12), (0, 2), (9, 12)):
        for step, (pictures, labels) in enumerate(examples.batches(first, stop), first):
            expected = sampling.batch_indices(seed, step, batch_size, n)
            np.testing.assert_array_equal(labels, expected)
            np.testing.assert_array_equal(pictures, images[expected])
            assert pictures.dtype == np.uint8


@pytest.mark.slow
def test_a_run_may_change_between_the_two(tmp_path):
    runs.finish(tmp_path / "device", "--config.training.epochs=2")
    process = runs.start(
        tmp_path / "run", "--config.training.epochs=2", "--config.training.residency=host"
    )
    runs.stop_at(process, tmp_path / "run", 20, runs.signal.SIGTERM)
    runs.finish(tmp_path / "run", "--config.training.epochs=2")
    assert runs.outcome(tmp_path / "run") == runs.outcome(tmp_path / "device")


CONFIG = """
import jaxletters as jl

FOLDER = {folder!r}


def get_config():
    return jl.Config(
        dataset=jl.Arrays(
            images=FOLDER + "/images.npy",
            labels=FOLDER + "/labels.npy",
            test_images=FOLDER + "/test.npy",
            test_labels=FOLDER + "/test_labels.npy",
        ),
        split=jl.Split(validation_per_class=4),
        model=jl.MLPConfig(hidden=(8,)),
        training=jl.TrainingConfig(epochs=1, batch_size=1024),
    )
"""


@pytest.mark.slow
def test_a_dataset_larger_than_the_memory_is_trained_on(tmp_path):
    labels = np.arange(LARGE) % 26
    images = np.lib.format.open_memmap(tmp_path / "images.npy", "w+", np.uint8, (LARGE, SIDE, SIDE))
    rng = np.random.default_rng(0)
    for start in range(0, LARGE, 2000):
        part = rng.integers(0, 50, (2000, SIDE, SIDE), np.uint8)
        part[np.arange(2000), 2 * labels[start : start + 2000]] = 255
        images[start : start + 2000] = part
    images.flush()
    assert images.nbytes > LIMIT
    np.save(tmp_path / "labels.npy", labels)
    np.save(tmp_path / "test.npy", images[:260])
    np.save(tmp_path / "test_labels.npy", labels[:260])
    (tmp_path / "large.py").write_text(CONFIG.format(folder=str(tmp_path)))

    def run(residency):
        return subprocess.run(
            [
                *(sys.executable, "-c", LIMITED, runs.LAUNCH, "--config", tmp_path / "large.py"),
                f"--config.training.residency={residency}",
                *("--workdir", tmp_path / residency),
            ],
            cwd=runs.ROOT,
            capture_output=True,
            text=True,
        )

    done = run("host")
    assert done.returncode == 0, done.stderr
    runs.assert_user_error(run("device"), "config.training.residency", "GiB", "host")

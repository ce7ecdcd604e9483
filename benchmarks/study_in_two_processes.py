"""The course's whole study, cut short, in two processes and in one with two devices: the same figures?

    python benchmarks/study_in_two_processes.py

runs configs/study.py with budget=quick twice on generated characters, in files like those of MNIST, EMNIST
and Binary AlphaDigits, and compares every array, record and result. Prints how it ended; the exit code is 1
if anything differs. Needs no data.
"""

import argparse
import gzip
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import scipy.io

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "helpers" / "hazards")]
import inputs  # noqa: E402
import outcomes  # noqa: E402

from jaxletters.data.synthetic import sketch  # noqa: E402

EMNIST, MNIST = (1_040, 260), (520, 260)
PER_CLASS = 39


def main() -> int:
    """Runs both; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--folder", type=Path, help="where the files and runs are kept")
    with tempfile.TemporaryDirectory() as temporary:
        folder = parser.parse_args().folder or Path(temporary)
        archives = folder / "archives"
        archives.mkdir(parents=True, exist_ok=True)
        write_emnist(archives)
        write_mnist(archives)
        write_alpha_digits(archives)
        with socket.create_server(("localhost", 0)) as free:
            address = f"localhost:{free.getsockname()[1]}"
        took = [
            run(folder, "one", 2, ("",)),
            run(folder, "two", 1, [f"--processes={i}/2@{address}" for i in (1, 2)]),
        ]
        one, two = (outcomes.outcome(folder / name) for name in ("one", "two"))
        differing = [key for key in one.keys() | two.keys() if one.get(key) != two.get(key)]
        print(
            f"{len(one)} runs and results, {took[0]:.0f} s in one process with two devices, {took[1]:.0f} s "
            f"in two; other than in one: {', '.join(sorted(differing)) or 'nothing'}"
        )
        return bool(differing)


def run(folder: Path, name: str, devices: int, of_processes: tuple[str, ...] | list[str]) -> float:
    """Runs the study in as many processes as there are words for them; returns the seconds."""
    began = time.perf_counter()
    environment = os.environ | {
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        "JAXLETTERS_ARCHIVES": str(folder / "archives"),
        "TFDS_DATA_DIR": str(folder / "tfds"),
    }
    command = [sys.executable, "launch.py", "--config=configs/study.py", "--config.budget=quick"]
    team = [
        subprocess.Popen(
            [*command, f"--workdir={folder / name / 'study'}", *filter(None, [word])],
            cwd=ROOT,
            env=environment,
        )
        for word in of_processes
    ]
    codes = [process.wait() for process in team]
    if any(codes):
        sys.exit(f"{name}: expected exit codes 0, found {codes}")
    return time.perf_counter() - began


def write_idx(file: Path, array: np.ndarray) -> None:
    """Writes uint8 numbers as a compressed idx file."""
    file.write_bytes(gzip.compress(inputs.idx(array.astype(np.uint8))))


def write_emnist(folder: Path) -> None:
    """Writes letters as EMNIST's files, column by column."""
    for split, count in zip(("train", "test"), EMNIST, strict=True):
        images, labels = sketch.draw(count, split, seed=1)
        start = f"emnist-letters-{split}"
        write_idx(folder / f"{start}-images-idx3-ubyte.gz", images.transpose(0, 2, 1))
        write_idx(folder / f"{start}-labels-idx1-ubyte.gz", labels)


def write_mnist(folder: Path) -> None:
    """Writes the first ten letters as MNIST's digits."""
    for split, start, count in zip(("train", "test"), ("train", "t10k"), MNIST, strict=True):
        images, labels = sketch.draw(count, split, seed=2)
        chosen = labels <= 10
        write_idx(folder / f"{start}-images-idx3-ubyte.gz", images[chosen])
        write_idx(folder / f"{start}-labels-idx1-ubyte.gz", labels[chosen] - 1)


def write_alpha_digits(folder: Path) -> None:
    """Writes letters of 20 x 16 bits as the file of Binary AlphaDigits, where digits are blank."""
    images, labels = sketch.draw(26 * PER_CLASS, "train", seed=3)
    cells = np.empty((36, PER_CLASS), object)
    for at in np.ndindex(*cells.shape):
        cells[at] = np.zeros((20, 16), np.uint8)
    for letter in range(26):
        for i, image in enumerate(images[labels == letter + 1]):
            cells[10 + letter, i] = (image[4:24, 6:22] > 127).astype(np.uint8)
    scipy.io.savemat(folder / "binaryalphadigs.mat", {"dat": cells})


if __name__ == "__main__":
    sys.exit(main())

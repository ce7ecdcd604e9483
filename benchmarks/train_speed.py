"""Training and evaluation on a CPU against PyTorch, Keras and plain Flax.

    pip install -e '.[bench]'
    python benchmarks/train_speed.py --raw checkpoints/train_speed.jsonl

Every measurement runs in a separate process (benchmarks/contenders/), one at a time, because the layout of
memory and threads affects speed for the lifetime of a process. The contenders alternate, because the speed
of a machine drifts, and ratios are taken within a round. Takes an hour and a half on two CPU cores. With
--raw the same command resumes after an interruption. Writes benchmarks/results/train_speed.md.
"""

import argparse
import importlib.util
import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "benchmarks" / "contenders"
RESULT = ROOT / "benchmarks" / "results" / "train_speed.md"
sys.path.insert(0, str(FOLDER))
import networks  # noqa: E402
import protocol  # noqa: E402
from speed_tables import BATCHES, Round, blocks, report  # noqa: E402

# Environment variables that configure only one of the libraries are removed.
_SETTINGS = (
    "JAX_",
    "XLA_",
    "TF_",
    "KERAS_",
    "OMP_",
    "KMP_",
    "MKL_",
    "OPENBLAS_",
    "MALLOC_",
    "GLIBC_",
)


class Output(NamedTuple):
    """The output of a contender, the seconds until its first line, and its peak memory in bytes."""

    values: dict[str, Any]
    first: float
    peak: int


class Contender(NamedTuple):
    """The command of a contender: a script in FOLDER, its flags, and its environment."""

    script: str
    flags: tuple[str, ...] = ()
    environment: Mapping[str, str] = {}


# Of several variants of a library, named after the slash, the fastest counts.
CONTENDERS = {
    "jaxletters": Contender("ours.py"),
    "Flax": Contender("plain_flax.py"),
    "PyTorch/NCHW": Contender("pytorch.py"),
    "PyTorch/NHWC": Contender("pytorch.py", ("--channels-last",)),
    "Keras/TensorFlow": Contender("keras_fit.py", (), {"KERAS_BACKEND": "tensorflow"}),
    "Keras/JAX": Contender("keras_fit.py", (), {"KERAS_BACKEND": "jax"}),
}


def command(name: str, network: str, batch: int) -> list[str]:
    """Returns the command line of a contender."""
    contender = CONTENDERS[name]
    script = str(FOLDER / contender.script)
    return [sys.executable, script, network, str(batch), *contender.flags]


def environment(name: str, cache: Path) -> dict[str, str]:
    """Returns the environment of a contender: CPU only, default settings, its own compilation cache."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(_SETTINGS)}
    cpu_only = {"JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": "-1"}
    return {**inherited, **cpu_only, "XDG_CACHE_HOME": str(cache), **CONTENDERS[name].environment}


def run(command: list[str], environment: Mapping[str, str]) -> Output:
    """Runs a contender to its end and returns its output, time to the first line and peak memory."""
    began = time.perf_counter()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
        )
        assert process.stdout is not None
        values, first = {}, 0.0
        for line in process.stdout:
            first = first or time.perf_counter() - began
            values |= json.loads(line)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            last = errors.read().decode().splitlines()[-1:]
            raise RuntimeError(f"ended early: {shlex.join(command)}: {' '.join(last)}")
    return Output(values, first, usage.ru_maxrss * 1024)


def one_round(network: str, batch: int, number: int, cache: Path) -> Round:
    """Measures every contender once, and the matrix products, each in a separate process."""
    matmul = [sys.executable, str(FOLDER / "matmul.py")]
    result: Round = {"network": network, "batch": batch, "round": number, "contenders": {}}
    result["products"] = run(matmul, environment("jaxletters", cache)).values["rates"]
    parameters = set()
    for name in _rotate(list(CONTENDERS), number):
        output = run(command(name, network, batch), environment(name, cache))
        rates = output.values["rates"]
        parameters.add(output.values["parameters"])
        result["contenders"][name] = {"first": output.first, "peak": output.peak, **rates}
        say(
            f"{network} {batch}, round {number + 1}, {name}: first step after {output.first:.1f} s, "
            f"training {rates['train']:,.0f}, evaluation {rates['evaluate']:,.0f} images/s"
        )
    assert len(parameters) == 1, parameters
    return result


def _rotate(names: list[str], by: int) -> list[str]:
    """Returns the names rotated, so that no contender always follows the same one."""
    by %= len(names)
    return names[by:] + names[:by]


def say(line: str) -> None:
    """Prints progress to stderr."""
    print(line, file=sys.stderr, flush=True)


def measure(options: argparse.Namespace, raw: Path) -> None:
    """Appends to `raw` every round that it lacks."""
    done = {(r["network"], r["batch"], r["round"]) for r in rounds(raw)}
    caches = raw.parent / f"{raw.stem}_cache"
    for batch in options.batches:
        # Rounds outermost, so that those of a network are far apart and an interruption leaves every network.
        for number in range(options.rounds):
            for network in options.networks:
                if (network, batch, number) in done:
                    continue
                # The first round fills the compilation cache for the others.
                result = one_round(network, batch, number, caches / f"{network}_{batch}")
                with raw.open("a") as file:
                    print(json.dumps(result), file=file)


def rounds(raw: Path) -> list[Round]:
    """Returns the rounds in a file of raw measurements."""
    if not raw.exists():
        return []
    return [json.loads(line) for line in raw.read_text().splitlines()]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    every = ",".join(networks.NETWORKS)
    parser.add_argument("--networks", type=lambda text: text.split(","), default=every)
    parser.add_argument(
        "--batches", type=lambda text: [int(n) for n in text.split(",")], default=list(BATCHES)
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--raw", type=Path, help="file of raw measurements, which are kept")
    options = parser.parse_args()
    if unknown := set(options.networks) - set(networks.NETWORKS):
        parser.error(f"--networks: expected some of {every}, found {', '.join(unknown)}")
    if options.rounds < 2:
        parser.error(
            f"--rounds: expected at least 2, found {options.rounds}; only the first fills caches"
        )
    return options


def _check_machine() -> None:
    missing = [p for p in ("torch", "keras", "tensorflow") if not importlib.util.find_spec(p)]
    if missing:
        sys.exit(f"error: {', '.join(missing)} not installed; pip install -e '.[bench]'")
    if not hasattr(os, "sched_setaffinity"):
        sys.exit(f"error: needs Linux, found {platform.system()}")
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < protocol.CORES:
        sys.exit(f"error: needs {protocol.CORES} CPU cores, found {len(cores)}")
    os.sched_setaffinity(0, cores[: protocol.CORES])  # handed down to the contenders


def main() -> None:
    """Measures, and writes and prints the result."""
    options = _options()
    _check_machine()
    raw = options.raw or Path(tempfile.mkstemp(suffix=".jsonl", prefix="train_speed_")[1])
    say(f"raw measurements: {raw}; `--raw {raw}` resumes from them")
    measure(options, raw)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(report(blocks(rounds(raw))))
    print(RESULT.read_text())


if __name__ == "__main__":
    main()

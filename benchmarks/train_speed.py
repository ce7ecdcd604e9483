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
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "benchmarks" / "contenders"
RESULT = ROOT / "benchmarks" / "results" / "train_speed.md"
sys.path.insert(0, str(FOLDER))
import networks  # noqa: E402
import protocol  # noqa: E402

BATCHES = (128, 512)
PACKAGES = ("jaxlib", "flax", "torch", "keras", "tensorflow", "numpy")
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

Round = dict[str, Any]
"""The measurements of one round, network and batch size: of every contender, and the peak of the machine."""


class Output(NamedTuple):
    """The output of a contender, the seconds until its first line, and its peak memory in bytes."""

    values: dict[str, Any]
    first: float
    peak: int


class Block(NamedTuple):
    """All rounds of one network at one batch size."""

    network: str
    batch: int
    rounds: list[Round]

    def of(self, figure: str) -> dict[str, list[float]]:
        """Returns a figure ("train", "evaluate", "first", "peak") of every contender in every round."""
        return {name: [r["contenders"][name][figure] for r in self.rounds] for name in CONTENDERS}

    def products(self) -> tuple[str, list[float]]:
        """Returns the library that multiplies matrices faster, and its FLOP/s in every round."""
        rates = {name: [r["products"][name] for r in self.rounds] for name in ("NumPy", "XLA")}
        library = max(rates, key=lambda name: statistics.median(rates[name]))
        return library, [2 * 2048**3 * rate for rate in rates[library]]


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
# (task, batch size) -> target ratio to the better of PyTorch and Keras; some networks have higher targets.
_TARGETS = {("train", 128): 1.3, ("evaluate", 128): 1.2, ("evaluate", 512): 1.2}
_HIGHER_TARGETS = {("train", 128, "notebook"): 1.8}
_TARGET_TO_FLAX = 1.0


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


def blocks(measured: list[Round]) -> list[Block]:
    """Returns the rounds of every network and batch size together, in the order of the networks."""
    order = list(networks.NETWORKS)
    keys = {(order.index(r["network"]), r["batch"]) for r in measured}
    return [
        Block(
            order[i],
            batch,
            [r for r in measured if (r["network"], r["batch"]) == (order[i], batch)],
        )
        for i, batch in sorted(keys)
    ]


def flops(network: str) -> int:
    """Returns the floating-point operations of one image's forward pass, two to a multiply-add."""
    from jaxletters.models import summary

    _, config = networks.NETWORKS[network]
    rows = summary.layers(config, networks.CLASSES, (networks.EDGE, networks.EDGE))
    return 2 * sum(row.macs for row in rows)


def best(rates: Mapping[str, list[float]], kind: str) -> str:
    """Returns the name of the fastest contender of a kind, by its median."""
    names = [name for name in rates if name.split("/")[0] == kind]
    return max(names, key=lambda name: statistics.median(rates[name]))


def ratio(ours: list[float], theirs: list[float]) -> float:
    """Returns the median over rounds of the ratio within a round."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def _against(value: float, target: float) -> str:
    return f"{value:.2f}" if value >= target else f"{value:.2f} **(missed {target})**"


def _rate(rates: Mapping[str, list[float]], name: str) -> str:
    return " ".join([f"{statistics.median(rates[name]):,.0f}", *name.split("/")[1:]])


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> list[str]:
    lines = [f"| {' | '.join(cells)} |" for cells in (head, *rows)]
    return [lines[0], "|---" * len(head) + "|", *lines[1:]]


def speed_rows(task: str, measured: list[Block]) -> Iterator[tuple[str, ...]]:
    """Yields the table rows of a task: rates, ratios, and the share of the matrix-product peak."""
    for block in measured:
        network, batch, rates = block.network, block.batch, block.of(task)
        pytorch, keras = best(rates, "PyTorch"), best(rates, "Keras")
        rival = max(pytorch, keras, key=lambda name: statistics.median(rates[name]))
        ours = rates["jaxletters"]
        target = _HIGHER_TARGETS.get((task, batch, network), _TARGETS.get((task, batch), 0))
        # A training step is three forward passes: one forward, two for the two gradients.
        work = flops(network) * (3 if task == "train" else 1)
        share = ratio([rate * work for rate in ours], block.products()[1])
        yield (
            networks.NETWORKS[network][0],
            str(batch),
            _rate(rates, "jaxletters"),
            _rate(rates, pytorch),
            _rate(rates, keras),
            _rate(rates, "Flax"),
            _against(ratio(ours, rates[rival]), target),
            _against(ratio(ours, rates["Flax"]), _TARGET_TO_FLAX),
            f"{share:.0%}",
        )


def cost_rows(measured: list[Block]) -> Iterator[tuple[str, ...]]:
    """Yields the table rows of start-up time and peak memory."""
    for block in measured:
        first, peaks = block.of("first"), block.of("peak")
        names = [best(block.of("train"), kind) for kind in ("jaxletters", "PyTorch", "Keras")]
        yield (
            networks.NETWORKS[block.network][0],
            f"{first['jaxletters'][0]:.1f} s",
            *(f"{statistics.median(first[name][1:]):.1f} s" for name in names),
            *(f"{statistics.median(peaks[name]) / 2**30:.2f} GiB" for name in names),
        )


def report(measured: list[Block]) -> str:
    """Returns the tables with a footer about the machine and versions."""
    head = ("network", "batch", "jaxletters", "PyTorch", "Keras", "plain Flax")
    head += ("to the better peer", "to plain Flax", "of peak")
    lines = ["Training, images per second:", "", *_table(head, speed_rows("train", measured)), ""]
    lines += ["Evaluation:", "", *_table(head, speed_rows("evaluate", measured)), ""]
    head = ("network", "jaxletters, first start", "later starts", "PyTorch", "Keras")
    head += ("jaxletters' peak memory", "PyTorch's", "Keras'")
    small = [block for block in measured if block.batch == BATCHES[0]]
    lines += [
        f"From the start of the process to the first finished step, and memory, batch {BATCHES[0]}:",
        "",
        *_table(head, cost_rows(small)),
        "",
    ]
    return "\n".join([*lines, *_footer(measured)]) + "\n"


def _footer(measured: list[Block]) -> list[str]:
    stack = ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES)
    counts = sorted({len(block.rounds) for block in measured})
    products = [
        (library, v) for library, values in (b.products() for b in measured) for v in values
    ]
    gflops = statistics.median(value for _, value in products) / 1e9
    libraries = " or ".join(sorted({library for library, _ in products}))
    return [
        f"Medians of {' to '.join(map(str, counts))} rounds in turns, every measurement in a process of its "
        "own; ratios are medians over rounds of the ratio within a round. PyTorch: the faster memory "
        "format; Keras: the faster backend. Peak: a float32 product of two 2048x2048 matrices "
        f"({libraries}), {gflops:.0f} GFLOP/s here.",
        f"{protocol.CORES} CPU cores, Python {platform.python_version()}, {stack}, {date.today()}; "
        "`python benchmarks/train_speed.py`.",
    ]


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

"""Training and evaluation on a CPU against PyTorch, Keras and plain Flax.

    pip install -e '.[bench]'
    python benchmarks/train_speed.py --raw checkpoints/train_speed.jsonl

Every contender is a process of its own (benchmarks/contenders/), and all but the one being measured are
stopped. They are measured in turns, because a machine's speed drifts; what counts is a ratio within a
round. About an hour on two CPU cores, and memory for all of them at once: plain Flax alone takes 6 GiB
for the notebook's net at batch 512. With --raw the same command goes on after an interruption. Writes
benchmarks/results/train_speed.md.
"""

import argparse
import contextlib
import importlib.util
import json
import os
import platform
import shlex
import signal
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
START_ROUNDS = 3
TASKS = ("train", "evaluate")
PACKAGES = ("jaxlib", "flax", "torch", "keras", "tensorflow", "numpy")
# Settings of the shell would reach one library and not the others.
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

Block = dict[str, Any]
"""What was measured together: figures of one network, of its starts or at one batch size."""


class Contender(NamedTuple):
    """How a contender is started: a script of FOLDER, its flags, and its environment."""

    script: str
    flags: tuple[str, ...] = ()
    environment: Mapping[str, str] = {}


# Where there are several of a kind, the fastest of them counts; the word after the slash names it.
CONTENDERS = {
    "jaxletters": Contender("ours.py"),
    "Flax": Contender("plain_flax.py"),
    "PyTorch/NCHW": Contender("pytorch.py"),
    "PyTorch/NHWC": Contender("pytorch.py", ("--channels-last",)),
    "Keras/TensorFlow": Contender("keras_fit.py", (), {"KERAS_BACKEND": "tensorflow"}),
    "Keras/JAX": Contender("keras_fit.py", (), {"KERAS_BACKEND": "jax"}),
}
_STARTS = {
    "jaxletters": "jaxletters",
    "PyTorch": "PyTorch/NCHW",
    "Keras": "Keras/TensorFlow",
}

# (task, batch size) -> the least ratio to the better of PyTorch and Keras; networks may ask for more.
_TARGETS = {("train", 128): 1.3, ("evaluate", 128): 1.2, ("evaluate", 512): 1.2}
_HIGHER_TARGETS = {("train", 128, "notebook"): 1.8}
_TARGET_TO_FLAX = 1.0


class Process:
    """A contender's process, stopped whenever it is not asked for something."""

    def __init__(self, command: list[str], environment: Mapping[str, str], log: Path) -> None:
        """Starts the command; `log` receives what it writes to stderr."""
        self._log = log
        with log.open("wb") as stderr:
            self._process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )

    def read(self) -> dict[str, Any]:
        """Waits for the next line and returns what it holds."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            last = self._log.read_text().splitlines()[-1:]
            command = shlex.join(map(str, self._process.args))
            raise RuntimeError(f"ended early: {command}: {' '.join(last)}")
        return json.loads(line)

    def stop(self) -> None:
        """Takes the process off the cores, its waiting threads included."""
        self._process.send_signal(signal.SIGSTOP)

    def rate(self, task: str) -> float:
        """Returns the units per second of a task."""
        assert self._process.stdin is not None
        self._process.send_signal(signal.SIGCONT)
        print(task, file=self._process.stdin, flush=True)
        rate = self.read()["rate"]
        self.stop()
        return rate

    def quit(self) -> int:
        """Ends the process; returns its largest resident memory, in bytes."""
        assert self._process.stdin is not None
        self._process.send_signal(signal.SIGCONT)
        self._process.stdin.close()
        _, status, usage = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        return usage.ru_maxrss * 1024

    def wait(self) -> None:
        """Waits until the process has ended by itself."""
        self._process.wait()

    def kill(self) -> None:
        """Ends the process if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def command(name: str, network: str, batch: int, *flags: str) -> list[str]:
    """Returns the command line of a contender."""
    contender = CONTENDERS[name]
    script = str(FOLDER / contender.script)
    return [sys.executable, script, network, str(batch), *contender.flags, *flags]


def environment(name: str, cache: Path) -> dict[str, str]:
    """Returns a contender's environment: CPU only, nobody's settings, a compilation cache of its own."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(_SETTINGS)}
    cpu_only = {"JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": "-1"}
    return {**inherited, **cpu_only, "XDG_CACHE_HOME": str(cache), **CONTENDERS[name].environment}


def first_step(name: str, network: str, cache: Path, log: Path) -> float:
    """Returns the seconds from the start of a process to its first finished training step."""
    began = time.perf_counter()
    process = Process(
        command(name, network, BATCHES[0], "--first-step-only"), environment(name, cache), log
    )
    try:
        process.read()
        seconds = time.perf_counter() - began
        process.wait()
    finally:
        process.kill()
    say(f"{network}: {name}: first step after {seconds:.1f} s")
    return seconds


def starts(network: str, cache: Path, log: Path) -> Block:
    """Measures starts, all but the first with the compilation cache that the first one left."""
    seconds: dict[str, list[float]] = {
        "first": [first_step(_STARTS["jaxletters"], network, cache, log)]
    }
    for _ in range(START_ROUNDS):
        for label, name in _STARTS.items():
            seconds.setdefault(label, []).append(first_step(name, network, cache, log))
    return {"seconds": seconds}


def speeds(network: str, batch: int, rounds: int, cache: Path, logs: Path) -> Block:
    """Measures rates (images or matrix products per second) and peak memory, in turns."""
    rates: dict[str, dict[str, list[float]]] = {task: {} for task in TASKS}
    products: dict[str, list[float]] = {"NumPy": [], "XLA": []}
    parameters = {}
    with contextlib.ExitStack() as stack:
        running = {}
        for name in CONTENDERS:
            log = logs / name.replace("/", "_")
            process = Process(command(name, network, batch), environment(name, cache), log)
            stack.callback(process.kill)
            parameters[name] = process.read()["parameters"]
            steps = process.read()["steps"]
            process.stop()
            say(f"{network} {batch}: {name} is ready, {steps} steps a measurement")
            running[name] = process
        assert len(set(parameters.values())) == 1, parameters
        matmul = Process(
            [sys.executable, str(FOLDER / "matmul.py")],
            environment("jaxletters", cache),
            logs / "matmul",
        )
        stack.callback(matmul.kill)
        matmul.read()
        matmul.stop()
        for i in range(rounds):
            for library, measured in products.items():
                measured.append(matmul.rate(library))
            for task in TASKS:
                for name in _turned(list(CONTENDERS), i):
                    rate = running[name].rate(task)
                    rates[task].setdefault(name, []).append(rate)
                    say(
                        f"{network} {batch}, round {i + 1} of {rounds}: "
                        f"{name}, {task}: {rate:,.0f} images/s"
                    )
        matmul.quit()
        peaks = {name: process.quit() for name, process in running.items()}
    return {"rates": rates, "products": products, "peaks": peaks}


def _turned(names: list[str], by: int) -> list[str]:
    """The names with another one first, so that nobody always follows the same one."""
    by %= len(names)
    return names[by:] + names[:by]


def say(line: str) -> None:
    """Shows progress."""
    print(line, file=sys.stderr, flush=True)


def measure(options: argparse.Namespace, raw: Path) -> None:
    """Appends to `raw` every block that it does not hold yet."""
    done = {(block["network"], block["of"]) for block in blocks(raw)}
    with tempfile.TemporaryDirectory() as scratch:
        for network in options.networks:
            folder = Path(scratch) / network
            folder.mkdir()
            for of in (*(() if options.no_start else ("start",)), *options.batches):
                if (network, of) in done:
                    continue
                if of == "start":
                    block = starts(network, folder / "cache", folder / "log")
                else:
                    block = speeds(network, of, options.rounds, folder / "cache", folder)
                with raw.open("a") as file:
                    print(json.dumps({"network": network, "of": of, **block}), file=file)


def blocks(raw: Path) -> list[Block]:
    """Returns what a file of raw measurements holds."""
    if not raw.exists():
        return []
    return [json.loads(line) for line in raw.read_text().splitlines()]


def flops(network: str) -> int:
    """Returns the floating-point operations of one image's forward pass, two to a multiply-add."""
    from jaxletters.models import summary

    _, config = networks.NETWORKS[network]
    rows = summary.layers(config, networks.CLASSES, (networks.EDGE, networks.EDGE))
    return 2 * sum(row.macs for row in rows)


def peak(block: Block) -> tuple[str, list[float]]:
    """Returns the faster library's name, and its FLOP/s in every round."""
    library = max(block["products"], key=lambda name: statistics.median(block["products"][name]))
    return library, [2 * 2048**3 * rate for rate in block["products"][library]]


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
        network, batch, rates = block["network"], block["of"], block["rates"][task]
        pytorch, keras = best(rates, "PyTorch"), best(rates, "Keras")
        rival = max(pytorch, keras, key=lambda name: statistics.median(rates[name]))
        ours = rates["jaxletters"]
        target = _HIGHER_TARGETS.get((task, batch, network), _TARGETS.get((task, batch), 0))
        # A training step is three forward passes: one forward, two for the two gradients.
        work = flops(network) * (3 if task == "train" else 1)
        share = ratio([rate * work for rate in ours], peak(block)[1])
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


def start_rows(measured: list[Block]) -> Iterator[tuple[str, ...]]:
    """Yields the table rows of what starts cost."""
    for block in measured:
        medians = {label: statistics.median(s) for label, s in block["seconds"].items()}
        yield (
            networks.NETWORKS[block["network"]][0],
            *(f"{medians[label]:.1f} s" for label in ("first", *_STARTS)),
        )


def memory_rows(measured: list[Block]) -> Iterator[tuple[str, ...]]:
    """Yields the table rows of peak memory, of the contenders whose training was the fastest."""
    for block in measured:
        rates = block["rates"]["train"]
        names = (best(rates, kind) for kind in ("jaxletters", "PyTorch", "Keras", "Flax"))
        peaks = (f"{block['peaks'][name] / 2**30:.2f} GiB" for name in names)
        yield (networks.NETWORKS[block["network"]][0], *peaks)


def report(measured: list[Block]) -> str:
    """Returns the tables, and what they were measured on."""
    order = list(networks.NETWORKS)
    measured = sorted(measured, key=lambda b: (order.index(b["network"]), str(b["of"])))
    started = [block for block in measured if block["of"] == "start"]
    timed = [block for block in measured if block["of"] != "start"]
    head = ("network", "batch", "jaxletters", "PyTorch", "Keras", "plain Flax")
    head += ("to the better peer", "to plain Flax", "of peak")
    lines = []
    if timed:
        lines += ["Training, images per second:", "", *_table(head, speed_rows("train", timed)), ""]
        lines += ["Evaluation:", "", *_table(head, speed_rows("evaluate", timed)), ""]
    if started:
        head = ("network", "jaxletters, first", "later", "PyTorch", "Keras (TensorFlow)")
        lines += ["From the start of the process to the first finished step, batch 128:", ""]
        lines += [*_table(head, start_rows(started)), ""]
    small = [block for block in timed if block["of"] == BATCHES[0]]
    if small:
        head = ("network", "jaxletters", "PyTorch", "Keras", "plain Flax")
        lines += ["Peak memory of a process that trains and evaluates, batch 128:", ""]
        lines += [*_table(head, memory_rows(small)), ""]
    return "\n".join([*lines, *_footer(timed)]) + "\n"


def _footer(timed: list[Block]) -> list[str]:
    stack = ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES)
    lines = []
    if timed:
        rounds = sorted({len(block["products"]["XLA"]) for block in timed})
        products = [(library, value) for library, values in map(peak, timed) for value in values]
        gflops = statistics.median(value for _, value in products) / 1e9
        libraries = " or ".join(sorted({library for library, _ in products}))
        lines += [
            f"Medians of {' to '.join(map(str, rounds))} rounds in turns; ratios are medians over "
            "rounds of the ratio within a round. PyTorch: the faster memory format; Keras: the faster "
            f"backend. Peak: a float32 product of two 2048x2048 matrices ({libraries}), "
            f"{gflops:.0f} GFLOP/s here."
        ]
    return [
        *lines,
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
    parser.add_argument("--no-start", action="store_true", help="leave out what starts cost")
    parser.add_argument("--raw", type=Path, help="file of raw measurements; what it holds is kept")
    options = parser.parse_args()
    if unknown := set(options.networks) - set(networks.NETWORKS):
        parser.error(f"--networks: expected some of {every}, found {', '.join(unknown)}")
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
    """Measures, writes the result, and prints it."""
    options = _options()
    _check_machine()
    # So that stopped processes end with this one.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    raw = options.raw or Path(tempfile.mkstemp(suffix=".jsonl", prefix="train_speed_")[1])
    say(f"raw measurements: {raw}; `--raw {raw}` goes on from them")
    measure(options, raw)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(report(blocks(raw)))
    print(RESULT.read_text())


if __name__ == "__main__":
    main()

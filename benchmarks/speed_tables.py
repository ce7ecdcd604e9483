"""The tables of benchmarks/train_speed.py: rates, ratios and costs, from the measurements of all rounds."""

import platform
import statistics
import sys
from collections.abc import Iterator, Mapping
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parent / "contenders"))
import networks
import protocol

BATCHES = (128, 512)
PACKAGES = ("jaxlib", "flax", "torch", "keras", "tensorflow", "numpy")
# (task, batch size) -> target ratio to the better of PyTorch and Keras; some networks have higher targets.
_TARGETS = {("train", 128): 1.3, ("evaluate", 128): 1.2, ("evaluate", 512): 1.2}
_HIGHER_TARGETS = {("train", 128, "notebook"): 1.8}
_TARGET_TO_FLAX = 1.0

Round = dict[str, Any]
"""The measurements of one round, network and batch size: of every contender, and the peak of the machine."""


class Block(NamedTuple):
    """All rounds of one network at one batch size."""

    network: str
    batch: int
    rounds: list[Round]

    def of(self, figure: str) -> dict[str, list[float]]:
        """Returns a figure ("train", "evaluate", "first", "peak") of every contender in every round."""
        return {
            name: [r["contenders"][name][figure] for r in self.rounds]
            for name in self.rounds[0]["contenders"]
        }

    def products(self) -> tuple[str, list[float]]:
        """Returns the library that multiplies matrices faster, and its FLOP/s in every round."""
        rates = {name: [r["products"][name] for r in self.rounds] for name in ("NumPy", "XLA")}
        library = max(rates, key=lambda name: statistics.median(rates[name]))
        return library, [2 * 2048**3 * rate for rate in rates[library]]


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

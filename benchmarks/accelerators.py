"""What XLA's compilers for TPU and CUDA make of the programs of training and prediction, without a device.

    pip install -e '.[aot]' jax-cuda12-plugin jax-cuda12-pjrt
    python benchmarks/accelerators.py

compiles the real programs ahead of time for several TPUs and a GPU, in one process each, and writes
benchmarks/results/accelerators.md. Takes about half an hour on two CPU cores. `--program NAME TOPOLOGY`
prints one row as JSON. Cycles are the compiler's estimates, which count no gather of rows, and which exist
for TPUs alone. Nothing is run, unless the machine has a GPU or a TPU: then training steps are timed there,
too. `--measure NAME` prints their microseconds.
"""

import argparse
import importlib.util
import json
import os
import re
import subprocess
import sys
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    import jax
    from jax.sharding import Mesh

    from jaxletters.core.types import Dataset
    from jaxletters.training.task import Task

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "accelerators.md"
NETWORKS = "deeper", "deeper_tpu", "letternet_s", "letternet_m", "vgg5"
CONFIGS = tuple(f"emnist_{network}" for network in NETWORKS)
H100, H100_PRODUCTS = "H100", "H100, resampling by products"
TRAINING = "v5e:1x1", "v5e:2x4", "v5e:4x4", "v6e:1x1", H100
PREDICTION = ("v5e:1x1",)
# EMNIST Letters: images of training, their edge, classes.
EXAMPLES, EDGE, CLASSES = 124_800, 28, 27
# Steps that are timed, after as many others.
STEPS = 1000
# Cycles per microsecond of a v5e.
V5E_MEGAHERTZ = 1500
# Microseconds of a training step on one v5e by the compiler's estimate, at most.
TARGETS = {"emnist_deeper": 350, "emnist_letternet_s": 450}


class Row(TypedDict):
    """What the compiler says about a program; bytes in all, cycles of one step or one batch.

    Attributes:
        cycles: estimated, of one step or one batch.
        network: the share of them that is the forward and backward pass, from 0 to 1.
        accessed, arguments, temporary: bytes.
        element_gathers, host_transfers, collectives, float64: how many operations are such.
        changed: how many results differ in shape, dtype or layout from the argument that they are in the next
            call, which would compile the program again.
    """

    cycles: int
    network: float
    accessed: int
    arguments: int
    temporary: int
    element_gathers: int
    host_transfers: int
    collectives: int
    float64: int
    changed: int


def use_libtpu() -> None:
    """Makes JAX find the compiler for TPUs, or exits; before JAX is imported."""
    spec = importlib.util.find_spec("libtpu")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("libtpu, the compiler for TPUs, is not installed; pip install -e '.[aot]'")
    os.environ |= {
        "JAX_PLATFORMS": "cpu",
        "TPU_SKIP_MDS_QUERY": "1",
        "TPU_ACCELERATOR_TYPE": "v5litepod-1",
        "TPU_WORKER_HOSTNAMES": "localhost",
        "TPU_LIBRARY_PATH": str(Path(spec.submodule_search_locations[0]) / "libtpu.so"),
    }


def task_and_data(name: str, mesh: "Mesh") -> "tuple[Task, Dataset]":
    """Returns the training of a config on the devices of a mesh, and data of EMNIST Letters' size."""
    import numpy as np

    from jaxletters.config import configfile
    from jaxletters.core.types import Dataset
    from jaxletters.experiments import fitting
    from jaxletters.training.plan import Plan

    config = configfile.load(ROOT / "configs" / f"{name}.py")
    labels = np.arange(EXAMPLES, dtype=np.int32) % (CLASSES - 1) + 1
    images = np.zeros((EXAMPLES, EDGE, EDGE), np.uint8)
    data = Dataset(images, labels, tuple(map(str, range(CLASSES))))
    plan, stage = Plan.of(config, EXAMPLES), fitting.stages_of(config)[0]
    return fitting.make_task(config, stage, 0, plan, mesh, data), data


def measured(name: str, steps: int = STEPS) -> tuple[str, float]:
    """Returns the model of this machine's devices, and the microseconds of a training step on them."""
    import jax

    from jaxletters.evaluation import metrics
    from jaxletters.runtime import sharding
    from jaxletters.training import train_step
    from jaxletters.training.device_examples import Examples

    task, data = task_and_data(name, sharding.data_mesh())
    examples = Examples.on_devices(data.images, data.labels, task.mesh)
    counts = sharding.replicate(metrics.zero(), task.mesh)
    # The first steps compile the program.
    state = train_step.run_until(task, train_step.init_state(task), counts, examples, steps)
    jax.block_until_ready(state)
    began = time.perf_counter()
    jax.block_until_ready(train_step.run_until(task, *state, examples, 2 * steps))
    return jax.devices()[0].device_kind, 1e6 * (time.perf_counter() - began) / steps


def compiled(name: str, topology: str, training: bool) -> "jax.stages.Compiled":
    """Compiles a program of a config for a TPU: the loop over training steps, or prediction."""
    import jax
    import numpy as np
    from jax.experimental import topologies
    from jax.sharding import Mesh, NamedSharding, PartitionSpec

    from jaxletters.evaluation import inference, metrics
    from jaxletters.training import augment, train_step
    from jaxletters.training.device_examples import Examples

    if topology == H100_PRODUCTS:
        augment._resample = augment.resample_by_products
    if topology.startswith(H100):
        target = (ROOT / "benchmarks" / "h100.txtpb").read_text()
        described = topologies.get_topology_desc(
            "", platform="cuda", topology="1x1x1", target_config=target
        )
    else:
        described = topologies.get_topology_desc(platform="tpu", topology_name=topology)
    devices = described.devices
    mesh = Mesh(np.array(devices), ("data",))
    everywhere = NamedSharding(mesh, PartitionSpec())

    def on_mesh(tree: Any) -> Any:
        return jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=everywhere), tree
        )

    task, data = task_and_data(name, mesh)
    state = on_mesh(jax.eval_shape(lambda: train_step.create_state(task)))
    if not training:
        images = jax.ShapeDtypeStruct(
            (inference.BATCH_SIZE, EDGE, EDGE),
            np.uint8,
            sharding=NamedSharding(mesh, PartitionSpec("data")),
        )
        program = jax.jit(inference.forward, static_argnums=0)
        return program.lower(task.model, state.variables, images).compile()
    examples = jax.eval_shape(lambda: Examples.on_devices(data.images, data.labels, mesh))
    program = jax.jit(train_step.loop, static_argnums=0, donate_argnums=(1, 2))
    counts, stop = jax.eval_shape(metrics.zero), jax.ShapeDtypeStruct((), np.int32)
    return program.lower(task, state, *map(on_mesh, (counts, examples, stop))).compile()


def row(program: "jax.stages.Compiled", training: bool) -> Row:
    """Returns what a compiled program says about itself."""
    text = program.as_text() or ""
    body = _body(text) if training else text
    cycles, network = 0, 0
    for line in body.splitlines():
        if found := re.search(r'"estimated_cycles":"(\d+)"', line):
            cycles += int(found[1])
            network += int(found[1]) * ("jvp(" in line)
    # An element gather loads single elements of an array with several axes. The labels of a batch are single
    # elements too, but of a vector and few.
    gathers = re.findall(r" gather\(.*?slice_sizes=\{([\d,]+)\}", text)
    memory, costs = program.memory_analysis(), program.cost_analysis() or {}
    assert memory is not None, "the compilers analyse memory"
    return Row(
        cycles=cycles,
        network=network / cycles if training and cycles else 1.0,
        accessed=int(costs.get("bytes accessed", 0)),
        arguments=memory.argument_size_in_bytes,
        temporary=memory.temp_size_in_bytes,
        element_gathers=sum(set(sizes.split(",")) == {"1"} and "," in sizes for sizes in gathers),
        host_transfers=len(
            re.findall(r" (?:infeed|outfeed|send|recv)\(|is_host_transfer=true", text)
        ),
        collectives=len(
            re.findall(r" (?:all-reduce|all-gather|reduce-scatter)(?:-start)?\(", body)
        ),
        float64=len(re.findall(r"\bf64\[", text)),
        changed=_changed(program) if training else 0,
    )


def _changed(program: "jax.stages.Compiled") -> int:
    """Returns how many results of the training program cannot be arguments of the next call as they are."""
    import jax

    # The state and the counts, before the examples and the last step.
    results, arguments = (jax.tree.leaves(x) for x in (program.out_info, program.args_info[0][:2]))
    shardings = (
        jax.tree.leaves(program.output_shardings),
        jax.tree.leaves(program.input_shardings[0][:2]),
    )
    assert len(results) == len(arguments) == len(shardings[0]) == len(shardings[1])
    same = (
        (r.shape, r.dtype) == (a.shape, a.dtype) and new.is_equivalent_to(old, len(r.shape))
        for r, a, new, old in zip(results, arguments, *shardings, strict=True)
    )
    return sum(not x for x in same)


def _body(text: str) -> str:
    """Returns the computation with the steps: the body of a while loop with the most lines."""
    parts = re.split(r"^(?=(?:ENTRY )?%?[\w.\-]+ \()", text, flags=re.MULTILINE)
    bodies = set(re.findall(r"body=%?([\w.\-]+)", text))
    named = [part for part in parts if part.split(" ")[0].lstrip("%") in bodies]
    return max(named, key=lambda part: part.count("\n"))


def line(name: str, topology: str, found: Row, training: bool) -> list[str]:
    """Returns the cells of a program in the table."""
    micros = found["cycles"] / V5E_MEGAHERTZ
    time = f"{micros:,.0f} us" if topology.startswith("v5e") else ""
    if training and topology == "v5e:1x1" and micros > TARGETS.get(name, micros):
        time += f" **(missed {TARGETS[name]} us)**"
    sizes = (f"{found[key] / 1e6:,.1f} MB" for key in ("accessed", "arguments", "temporary"))
    keys = ("element_gathers", "host_transfers", "collectives", "float64", "changed")
    counts = (found[key] for key in keys)
    kind = "a training step" if training else "prediction of 512"
    share = f"{found['network']:.0%}" if training and found["cycles"] else ""
    cycles = f"{found['cycles']:,}" if found["cycles"] else "no estimate"
    return [name, kind, topology, cycles, time, share, *sizes, *map(str, counts)]


def steps_timed() -> str:
    """Returns how long training steps take on this machine's GPU or TPU, or that there is none."""
    if _last_line("-c", "import jax; print(jax.default_backend())") == "cpu":
        return "Nothing was run on a TPU or a GPU."
    times = [(name, *json.loads(_last_line(__file__, "--measure", name))) for name in CONFIGS]
    text = (f"{name} {micros:,.0f} us on {kind}" for name, kind, micros in times)
    return f"Training steps, measured: {', '.join(text)}."


def _last_line(*arguments: str) -> str:
    """Returns the last line that a Python process prints."""
    command = [sys.executable, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


def main() -> None:
    """Compiles one program, or all of them in processes of their own, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--program", nargs=2, metavar=("NAME", "TOPOLOGY"))
    parser.add_argument("--prediction", action="store_true")
    parser.add_argument("--measure", metavar="NAME")
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measured(arguments.measure)))
        return
    timed = "" if arguments.program else steps_timed()
    use_libtpu()
    if arguments.program:
        name, topology = arguments.program
        training = not arguments.prediction
        print(json.dumps(row(compiled(name, topology, training), training)))
        return
    wanted = [(name, t, True) for name in CONFIGS for t in TRAINING]
    wanted.insert(len(TRAINING), (CONFIGS[0], H100_PRODUCTS, True))
    wanted += [(name, t, False) for name in CONFIGS for t in PREDICTION]
    rows: list[list[str]] = []
    for name, topology, training in wanted:
        kind = [] if training else ["--prediction"]
        found = json.loads(_last_line(__file__, "--program", name, topology, *kind))
        rows.append(line(name, topology, found, training))
        print(*rows[-1], sep=" | ", flush=True)
    text = [
        "| program | | for | compiler's estimate, cycles | at 1.5 GHz | forward and backward | accessed "
        "| arguments | temporary | element gathers | host transfers | collectives | float64 "
        "| results that compile it again |",
        f"|{'---|' * len(rows[0])}",
        *(f"| {' | '.join(cells)} |" for cells in rows),
        "",
        f"Compiler's estimates for one device. {timed} A gather of rows has no "
        "estimate and is not counted. GPUs resample images by a gather of pixels. "
        f"jax {version('jax')}, libtpu {version('libtpu')}, {date.today()}; "
        "`python benchmarks/accelerators.py`.",
    ]
    RESULT.write_text("\n".join(text) + "\n")


if __name__ == "__main__":
    main()

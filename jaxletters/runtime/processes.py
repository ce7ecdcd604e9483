"""The processes of one run, each with its own devices: how they come together, and which is the first.

The first process runs the experiment. The others execute the programs that it sends (`runtime.programs`) and
write nothing.
"""

import contextlib
import dataclasses
import importlib.metadata
import os
import re
import sys
from collections.abc import Generator, Mapping
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxletters.core.errors import UserError, printable
from jaxletters.runtime import coordination, preemption
from jaxletters.runtime.coordination import Store
from jaxletters.runtime.watch import Watch

AUTO = "auto"
_FORM = re.compile(r"(\d+)/(\d+)@(.+:\d+)")
# Seconds without a sign of life until JAX aborts the others; `Watch` ends them earlier, with a message.
_HEARTBEAT_TIMEOUT = 100
# Seconds that a process waits for the others: at the start, and at the first connection of their devices.
_START_TIMEOUT = 300
_PACKAGES = ("jax", "jaxlib", "jaxletters")


@dataclasses.dataclass(frozen=True)
class Team:
    """The processes of a run, seen from one of them.

    Attributes:
        index: of this process, from 0.
        count: of processes.
        store: what they share.
        watch: what ends them together.
    """

    index: int
    count: int
    store: Store
    watch: Watch


_team: Team | None = None


def team() -> Team | None:
    """Returns the processes that run one experiment together; None if this process runs it alone."""
    return _team


def is_first() -> bool:
    """Returns whether this process runs the experiment, rather than following another."""
    return _team is None or _team.index == 0


def join(spec: str) -> None:
    """Connects this process with the others of its run; call it before JAX's devices are used.

    Args:
        spec: "auto" where JAX detects the cluster, or "2/4@HOST:PORT" for the second of four processes,
            where the first listens at HOST:PORT.

    Raises:
        UserError: the text has another form, there is no cluster, or the processes do not come together.
    """
    global _team
    arguments = parse(spec)
    if _team is not None:
        return
    try:
        store = coordination.connect(
            **arguments,
            initialization_timeout=_START_TIMEOUT,
            heartbeat_timeout_seconds=_HEARTBEAT_TIMEOUT,
        )
    except (RuntimeError, ValueError) as error:
        reason = printable(str(error).splitlines()[0])
        if spec == AUTO and "should be defined" in reason:
            reason = "no cluster that JAX detects"
        raise UserError(
            f"--processes {spec}: expected the processes of one run, found: {reason:.200}; start the same "
            "command in every process, or name them: --processes 1/2@HOST:PORT and so on"
        ) from error
    if _is_alone_on_node(os.environ):
        # JAX gives a process of SLURM or Open MPI one GPU, even if it is the only process of its node.
        for name in ("jax_cuda_visible_devices", "jax_rocm_visible_devices"):
            jax.config.update(name, "all")
    index, count = jax.process_index(), jax.process_count()
    if count == 1:
        return
    watch = Watch(store, index, count)
    _team = Team(index, count, store, watch)
    if index:
        preemption.forward_to(watch.ask_to_stop)
    else:
        preemption.add_exit_hook(lambda: watch.end_all(preemption.EXIT_CODE))
    _check_versions(_team)
    store.barrier("start", _START_TIMEOUT)
    watch.start()
    _connect_devices()


def part() -> None:
    """Disconnects this process from the others, which do the same; nothing can be run together after it."""
    global _team
    if _team is not None:
        _team.watch.close()
        jax.distributed.shutdown()
        _team = None


def parse(spec: str) -> dict[str, Any]:
    """Returns arguments of `jax.distributed.initialize`; `spec` is as for `join`.

    Raises:
        UserError: the text has another form.
    """
    if spec == AUTO:
        return {}
    match = _FORM.fullmatch(spec)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise UserError(
            f"--processes: expected auto, or the number of this process, of all and the address of the "
            f"first, such as 1/4@10.0.0.1:1234 to 4/4@10.0.0.1:1234, found {printable(spec)!r}"
        )
    return {
        "process_id": int(match[1]) - 1,
        "num_processes": int(match[2]),
        "coordinator_address": match[3],
        "cluster_detection_method": "deactivate",
    }


def _is_alone_on_node(environment: Mapping[str, str]) -> bool:
    """Returns whether SLURM or Open MPI started one process on every node."""
    per_node = environment.get("SLURM_STEP_TASKS_PER_NODE", "")
    counts = re.findall(r"(\d+)(?:\(x\d+\))?", per_node)
    return environment.get("OMPI_COMM_WORLD_LOCAL_SIZE") == "1" or {*counts} == {"1"}


def _check_versions(team: Team) -> None:
    """Raises a UserError in the first process if another has other versions."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES)
    team.store.set(f"versions/{team.index}", versions.encode())
    if team.index:
        return
    for i in range(1, team.count):
        other = team.store.get(f"versions/{i}").decode()
        if other != versions:
            raise UserError(
                f"--processes: expected the same versions in all processes, found {versions} in the first "
                f"and {other} in process {i + 1}; install the same"
            )


def _connect_devices() -> None:
    """Makes the devices add a number together, because a later first connection may time out.

    The connection of CPUs prints to standard output.
    """
    mesh = Mesh(np.array(cast(list[object], jax.devices())), ("data",))
    spread = NamedSharding(mesh, PartitionSpec("data"))
    ones = jax.make_array_from_callback(
        (mesh.size,), spread, lambda index: np.ones(mesh.size, np.int32)[index]
    )
    with _without_output():
        add = cast(Any, jax.jit(jnp.sum, out_shardings=NamedSharding(mesh, PartitionSpec())))
        assert int(add(ones)) == mesh.size


@contextlib.contextmanager
def _without_output() -> Generator[None]:
    """Discards what is written to the file descriptor of standard output, by whatever language."""
    sys.stdout.flush()
    try:
        number = sys.stdout.fileno()
    except OSError:  # a notebook
        yield
        return
    saved = os.dup(number)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(saved, number)
        os.close(saved)

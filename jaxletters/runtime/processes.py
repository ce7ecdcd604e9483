"""The processes of one run, each with its own devices: how they come together, and which is the first.

The first process runs the experiment. The others execute the programs that it sends (`runtime.programs`) and
write nothing.
"""

import atexit
import contextlib
import dataclasses
import json
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
from jaxletters.runtime import console, coordination, environment, preemption, stderr_filter, watch
from jaxletters.runtime.coordination import Gone, Store
from jaxletters.runtime.watch import Watch

AUTO = "auto"
_FORM = re.compile(r"(\d+)/(\d+)@(.+:\d+)")
# Seconds without a sign of life until JAX aborts the others; `Watch` ends them earlier, with a message.
_HEARTBEAT_TIMEOUT = 100
# Seconds that a process waits for the others: at the start, and at the first connection of their devices.
_START_TIMEOUT = 300
# Seconds that a process waits for the others at the end, when all have nothing more to do.
_PARTING = 20
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
# How this process has joined, and whether it failed to: JAX connects once.
_spec: str | None = None
_failed = False


def team() -> Team | None:
    """Returns the processes that run one experiment together; None if this process runs it alone."""
    return _team


def is_first() -> bool:
    """Returns whether this process runs the experiment, rather than following another."""
    return _team is None or _team.index == 0


def join(spec: str, owns_process: bool = False) -> None:
    """Connects this process with the others of its run; call it before JAX's devices are used.

    Args:
        spec: "auto" where JAX detects the cluster, or "2/4@HOST:PORT" for the second of four processes,
            where the first listens at HOST:PORT.
        owns_process: whether the process has no other purpose. Then what C++ code prints in those that
            follow is hidden, and one that fails to join ends at its exit with code 2, without the others.

    Raises:
        UserError: the text has another form, there is no cluster, or the processes do not come together.
    """
    global _spec, _failed
    arguments = parse(spec)
    if _failed or _spec not in (None, spec):
        before = "failed to" if _failed else f"joined with {_spec}"
        raise UserError(
            f"--processes {spec}: expected a process that has not joined others before, found that it has "
            f"{before}; start another process"
        )
    if _spec is not None:
        return
    try:
        _join(arguments, owns_process)
    except (RuntimeError, ValueError, TimeoutError, Gone) as error:
        _failed = True
        if owns_process and jax.distributed.is_initialized():
            # JAX would wait at the exit for the others, one of which may be lost, and abort.
            atexit.register(preemption.exit_now, 2)
        reason = printable(next(iter(str(error).splitlines()), type(error).__name__))
        if spec == AUTO and "should be defined" in reason:
            reason = "no cluster that JAX detects"
        raise UserError(
            f"--processes {spec}: expected the processes of one run, found: {reason:.200}; start the same "
            "command in every process, or name them: --processes 1/2@HOST:PORT and so on"
        ) from error
    _spec = spec


def _join(arguments: dict[str, Any], owns_process: bool) -> None:
    global _team
    store = coordination.connect(
        **arguments,
        initialization_timeout=_START_TIMEOUT,
        heartbeat_timeout_seconds=_HEARTBEAT_TIMEOUT,
    )
    if _is_alone_on_node(os.environ):
        # JAX gives a process of SLURM or Open MPI one GPU, even if it is the only process of its node.
        for name in ("jax_cuda_visible_devices", "jax_rocm_visible_devices"):
            jax.config.update(name, "all")
    index, count = jax.process_index(), jax.process_count()
    if count == 1:
        if not arguments:
            console.notice("One process: JAX detects no other in this job")
        return
    if index and owns_process:
        stderr_filter.install(watch.loss(0, count))
    _check_versions(store, index)
    _connect_devices()
    team = Team(index, count, store, Watch(store, index, count))
    if index:
        preemption.forward_to(team.watch.ask_to_stop)
    else:
        preemption.add_exit_hook(lambda: team.watch.end_all(preemption.EXIT_CODE))
    store.barrier("start", _START_TIMEOUT)
    team.watch.start()
    _team = team
    # Before JAX's own function, which ends the store while it is read.
    atexit.register(_part_at_exit)


def part() -> None:
    """Disconnects this process from the others, which do the same; the process must end after it."""
    global _team
    if _team is None:
        return
    _team.watch.close()
    # JAX waits for minutes for a process that has died in the meantime.
    with contextlib.suppress(TimeoutError, Gone):
        if not _team.watch.has_ended():
            _team.store.barrier("part", _PARTING)
            jax.distributed.shutdown()
    _team = None


def _part_at_exit() -> None:
    if _team is not None and _team.watch.has_ended():
        # JAX would wait for the others, which have ended, and abort.
        preemption.exit_now(1)
    part()


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


def _check_versions(store: Store, index: int) -> None:
    """Raises a UserError in every process if one has other versions than the first."""
    versions = environment.versions(_PACKAGES)
    store.set(f"versions/{index}", json.dumps(versions).encode())
    store.barrier("versions", _START_TIMEOUT)
    found = {int(i): json.loads(value) for i, value in store.folder("versions").items()}
    for i, others in sorted(found.items()):
        for name, version in others.items():
            if version != found[0][name]:
                raise UserError(
                    f"--processes: expected {name} {found[0][name]} in all processes as in the first, found "
                    f"{version} in process {i + 1}; install the same"
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

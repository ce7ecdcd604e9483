"""Compiled programs on the devices of all processes of a run.

Only the first process runs the Python code of the experiment. It sends every program once, as StableHLO,
every array that the others lack, and every call. The others execute the calls in the same order, so all
devices take part, and nothing is decided twice; neither data nor the run folder are needed there.

The idea of one controlling process is that of Pathways (Barham et al., 2022).
"""

from collections.abc import Callable, Sequence
from typing import Any, Generic, ParamSpec, TypeVar, cast

import jax
from jax import export

from jaxletters.core.errors import UserError, printable
from jaxletters.runtime import files, preemption, processes, sharding, xla
from jaxletters.runtime.coordination import Gone, RuntimeFailure
from jaxletters.runtime.preemption import EXIT_CODE, Interrupted
from jaxletters.runtime.processes import Team
from jaxletters.runtime.transport import Follower, Sender, Shared

P = ParamSpec("P")
R = TypeVar("R")
# Beginnings of the errors of a collective operation in which another process does not take part any more.
_LOST = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "ABORTED")


class Lost(Interrupted):
    """A process of the run has ended unexpectedly, or cannot be reached."""


class Program(Generic[P, R]):
    """A function that is compiled for the devices of a mesh and called by the first process.

    In a run of several processes its arguments and results are replicated on all devices of the run; it may
    shard values inside.
    """

    def __init__(
        self,
        function: Callable[P, R],
        static_argnums: Sequence[int] = (),
        donate_argnums: Sequence[int] = (),
    ) -> None:
        """Compiles nothing yet.

        Args:
            function: of static arguments and trees of arrays, all of them positional.
            static_argnums: the static arguments, which are hashable.
            donate_argnums: the arguments whose memory the results may use.
        """
        self._function = function
        self._static = tuple(static_argnums)
        self._donated = tuple(donate_argnums)
        self._jit: Callable[P, R] | None = None
        self._shared: dict[Any, tuple[Shared, Any]] = {}

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Returns what the function does."""
        if processes.team() is not None:
            return self._call_in_all(*args)
        if self._jit is None:
            # Not earlier, because the options depend on the backend.
            self._jit = jax.jit(
                self._function,
                static_argnums=self._static,
                donate_argnums=self._donated,
                compiler_options=xla.compiler_options(),
            )
        return cast(Callable[P, R], self._jit)(*args, **kwargs)

    def _call_in_all(self, *args: Any) -> R:
        static = tuple(args[i] for i in self._static)
        trees = {i: arg for i, arg in enumerate(args) if i not in self._static}
        leaves, tree = cast(tuple[list[Any], Any], jax.tree.flatten(trees))
        arrays = sharding.replicate(leaves, sharding.data_mesh())
        key = static, tree, tuple((array.shape, array.dtype) for array in arrays)
        if key not in self._shared:
            self._shared[key] = self._share(args, trees, arrays)
        shared, result_tree = self._shared[key]
        return jax.tree.unflatten(result_tree, _sender().call(shared, arrays))

    def _share(
        self, args: Sequence[Any], trees: dict[int, Any], arrays: list[jax.Array]
    ) -> tuple[Shared, Any]:
        """Traces the function and compiles it in all processes; returns it and the structure of its result.

        Args:
            args: all arguments.
            trees: those that are not static, by position.
            arrays: their leaves.
        """
        structure = cast(Any, jax.tree.structure(trees))
        result_trees: list[Any] = []

        def flat(*leaves: jax.Array) -> list[jax.Array]:
            dynamic = jax.tree.unflatten(structure, leaves)
            function = cast(Callable[..., Any], self._function)
            result = function(*(dynamic.get(i, arg) for i, arg in enumerate(args)))
            result_leaves, tree = cast(tuple[list[Any], Any], jax.tree.flatten(result))
            result_trees.append(tree)
            return result_leaves

        owners = [i for i, tree in trees.items() for _ in jax.tree.leaves(tree)]
        donated = [k for k, i in enumerate(owners) if i in self._donated]
        specs = [jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=a.sharding) for a in arrays]
        exported = export.export(jax.jit(flat))(*specs)
        return _sender().compile(exported, donated), result_trees[0]


_the_sender: Sender | None = None
_the_follower: Follower | None = None


def run(experiment: Callable[[], R]) -> R:
    """Runs an experiment in the first process; the others follow it, and return or raise the same.

    Args:
        experiment: its result can be written as JSON.

    Raises:
        Interrupted: a process was asked to stop.
        Lost: a process ended.
    """
    team = processes.team()
    if team is None:
        return experiment()
    if team.watch.has_ended():
        raise UserError(
            "processes: expected all processes of the run, found that one has failed; restart all of them"
        )
    try:
        return _follow(team) if team.index else _lead(experiment)
    except (UserError, Interrupted):
        # All processes raise the same.
        raise
    except BaseException as error:
        reason = next(iter(str(error).splitlines()), "")
        lost = isinstance(error, Gone) or (
            isinstance(error, RuntimeFailure) and (reason.startswith(_LOST) or "Gloo" in reason)
        )
        if not lost:
            failure = f"Process {team.index + 1} of {team.count} failed: {type(error).__name__}"
            team.watch.end_all(1, f"error: {failure}: {printable(reason):.200}")
            raise
        others = f"A process of {team.count} ended or cannot be reached"
        loss = Lost("Process 1 ended or cannot be reached" if isinstance(error, Gone) else others)
        team.watch.end_all(EXIT_CODE, preemption.resume_message(str(loss)))
        raise loss from error


def _lead(experiment: Callable[[], R]) -> R:
    try:
        result = experiment()
    except UserError as error:
        _sender().end("error", str(error))
        raise
    except Interrupted as interruption:
        _sender().end("interrupted", str(interruption))
        raise
    except OSError as error:
        if (reason := files.disk_error(error)) is None:
            raise
        _sender().end("error", f"{error.filename or 'a file'}: {reason}")
        raise UserError(f"{error.filename or 'a file'}: {reason}; correct that") from error
    _sender().end("result", result)
    return result


def _follow(team: Team) -> Any:
    global _the_follower
    _the_follower = _the_follower or Follower(team.store)
    end = _the_follower.follow()
    if end.outcome == "error":
        raise UserError(end.value)
    if end.outcome == "interrupted":
        raise Interrupted(end.value)
    return end.value


def _sender() -> Sender:
    global _the_sender
    team = processes.team()
    assert team is not None, "only a run of several processes sends"
    _the_sender = _the_sender or Sender(team.store)
    return _the_sender

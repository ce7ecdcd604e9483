"""Programs, arrays and calls on their way from the first process of a run to the others."""

import collections
import itertools
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax import export

from jaxletters.runtime import messages, sharding, xla
from jaxletters.runtime.coordination import Store
from jaxletters.runtime.messages import Call, End, Message, NewArray, NewProgram, Sync

Executable = Callable[..., list[jax.Array]]

# The first process waits for the others after so many messages or bytes, then deletes them.
_MOST_MESSAGES, _MOST_BYTES = 256, 2**27
# Seconds for which processes wait for each other; `Watch` ends them earlier if one is lost.
_PATIENCE = 24 * 3600.0


class Shared(NamedTuple):
    """A program that all processes have compiled.

    Attributes:
        number: what the messages call it.
        execute: executes it on the devices of this process.
        results: the number of its results.
    """

    number: int
    execute: Executable
    results: int


class Sender:
    """Sends programs, arrays and calls from the first process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._numbers = itertools.count()
        self._messages = itertools.count()
        self._undeleted: list[int] = []
        self._bytes = 0
        # The numbers of the arrays that the others have, by `id`, with what notices the end of the array.
        self._known: dict[int, tuple[int, weakref.ref[jax.Array]]] = {}
        self._forgotten: collections.deque[int] = collections.deque()

    def compile(self, exported: export.Exported, donated: list[int]) -> Shared:
        """Compiles a program in all processes; returns it.

        Args:
            exported: a function of arrays that every device has whole.
            donated: the arguments whose memory the results may use.
        """
        number = next(self._numbers)
        self._send(NewProgram(number, donated), bytes(exported.serialize()))
        execute = _compile(exported, donated)
        # Otherwise the first collective operation might time out while others compile.
        self._store.barrier(f"compiled/{number}", _PATIENCE)
        return Shared(number, execute, len(exported.out_avals))

    def call(self, shared: Shared, arrays: list[jax.Array]) -> list[jax.Array]:
        """Calls a program in all processes; arrays that the others lack are sent."""
        # Not after the call was sent: the others execute it, and wait in it for this process.
        self._delete_old()
        arguments = [self._number_of(array) for array in arrays]
        # Results are numbered before they exist, so that the others can begin at once.
        results = [next(self._numbers) for _ in range(shared.results)]
        forget = [self._forgotten.popleft() for _ in range(len(self._forgotten))]
        self._send(Call(shared.number, arguments, results, forget))
        computed = shared.execute(*arrays)
        for number, array in zip(results, computed, strict=True):
            self._remember(number, array)
        return computed

    def end(self, outcome: str, value: Any) -> None:
        """Ends the experiment in the other processes; arguments as in `End`."""
        self._send(End(outcome, value))

    def _number_of(self, array: jax.Array) -> int:
        if (known := self._known.get(id(array))) is not None:
            return known[0]
        number, value = next(self._numbers), np.asarray(array)
        # Not `dtype.str`, which NumPy lacks for bfloat16 and others.
        self._send(NewArray(number, value.dtype.name, list(value.shape)), value.tobytes())
        self._remember(number, array)
        return number

    def _remember(self, number: int, array: jax.Array) -> None:
        key = id(array)

        def forget(_: object) -> None:
            del self._known[key]
            self._forgotten.append(number)

        self._known[key] = number, weakref.ref(array, forget)

    def _send(self, message: Message, data: bytes = b"") -> None:
        number = next(self._messages)
        content = messages.encode(message, data)
        self._store.set_large(_key(number), content)
        self._undeleted.append(number)
        self._bytes += len(content)

    def _delete_old(self) -> None:
        """Deletes the messages that all have read, if there are many."""
        if len(self._undeleted) < _MOST_MESSAGES and self._bytes < _MOST_BYTES:
            return
        number = self._undeleted[-1]
        self._send(Sync(number))
        self._store.barrier(f"sync/{number}", _PATIENCE)
        for i in self._undeleted:
            self._store.delete(_key(i))
        self._undeleted, self._bytes = [], 0


class Follower:
    """Executes what the first process sends."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._next = 0
        self._programs: dict[int, Executable] = {}
        self._arrays: dict[int, jax.Array] = {}

    def follow(self) -> End:
        """Returns the message that ends the experiment."""
        while True:
            message, data = messages.decode(self._store.get_large(_key(self._next)))
            self._next += 1
            if isinstance(message, End):
                return message
            self._execute(message, data)

    def _execute(self, message: NewProgram | NewArray | Call | Sync, data: bytes) -> None:
        match message:
            case NewProgram(number, donated):
                self._programs[number] = _compile(export.deserialize(bytearray(data)), donated)
                self._store.barrier(f"compiled/{number}", _PATIENCE)
            case NewArray(number, dtype, shape):
                array = np.frombuffer(data, cast(Any, jnp.dtype(dtype))).reshape(shape)
                value = cast(jax.Array, array)
                self._arrays[number] = sharding.replicate(value, sharding.data_mesh())
            case Call(program, arguments, results, forget):
                for i in forget:
                    del self._arrays[i]
                computed = self._programs[program](*(self._arrays[i] for i in arguments))
                # An error would otherwise stay in the results, and the first process wait for this one.
                jax.block_until_ready(computed)
                self._arrays.update(zip(results, computed, strict=True))
            case Sync(number):
                self._store.barrier(f"sync/{number}", _PATIENCE)


def _compile(exported: export.Exported, donated: list[int]) -> Executable:
    everywhere = sharding.replicated(sharding.data_mesh())
    jitted = jax.jit(
        exported.call,
        donate_argnums=donated,
        out_shardings=everywhere,
        compiler_options=xla.compiler_options(),
    )
    avals: list[Any] = list(exported.in_avals)
    specs = [jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=everywhere) for x in avals]
    return cast(Executable, jitted.lower(*specs).compile())


def _key(number: int) -> str:
    return f"message/{number}"

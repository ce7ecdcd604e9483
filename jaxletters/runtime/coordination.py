"""The key-value store that the processes of one run share, and that ends with the first of them.

It is JAX's coordination service. JAX gives no public access to it: this is the only module that uses the
private one, and a test compares what it needs with what JAX has.
"""

import signal
import threading
from typing import Any, cast

import jax

RuntimeFailure: type[RuntimeError] = cast(Any, jax.errors).JaxRuntimeError
"""What JAX raises if a compiled program or a call of the coordination service fails."""

_PREFIX = "jaxletters/"
# A waiting call returns to Python now and then, so that it can be interrupted.
_LONGEST_CALL = 10.0
# Bytes of one value; gRPC refuses messages above 2 GiB.
_PART_BYTES = 2**26


class Gone(Exception):  # noqa: N818, an event
    """The first process, and the store with it, has ended or cannot be reached."""


class Store:
    """Values by key, written once unless stated otherwise; every process sees the same."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def set(self, key: str, value: bytes, overwrite: bool = False) -> None:
        """Sets a value of at most 64 MiB.

        Raises:
            Gone: the first process has ended.
        """
        try:
            self._client.key_value_set_bytes(_PREFIX + key, value, allow_overwrite=overwrite)
        except RuntimeFailure as error:
            raise Gone(str(error)) from error

    def get(self, key: str) -> bytes:
        """Returns a value, once a process has set it.

        Raises:
            Gone: the first process has ended.
        """
        while True:
            try:
                return cast(
                    bytes,
                    self._client.blocking_key_value_get_bytes(
                        _PREFIX + key, int(1000 * _LONGEST_CALL)
                    ),
                )
            except RuntimeFailure as error:
                if not _is_timeout(error):
                    raise Gone(str(error)) from error

    def folder(self, name: str) -> dict[str, bytes]:
        """Returns the values of all keys that begin with `name` and a slash, by the rest of the key.

        Raises:
            Gone: the first process has ended.
        """
        prefix = f"{_PREFIX}{name}/"
        try:
            entries = cast(list[tuple[str, bytes]], self._client.key_value_dir_get_bytes(prefix))
        except RuntimeFailure as error:
            raise Gone(str(error)) from error
        return {key.removeprefix(prefix): value for key, value in entries}

    def delete(self, key: str) -> None:
        """Deletes a key and those that begin with it and a slash."""
        self._client.key_value_delete(_PREFIX + key)

    def set_large(self, key: str, value: bytes) -> None:
        """Sets a value of any size.

        Raises:
            Gone: the first process has ended.
        """
        starts = range(_PART_BYTES, len(value), _PART_BYTES)
        self.set(key, len(starts).to_bytes(4) + value[:_PART_BYTES])
        for i, start in enumerate(starts):
            self.set(f"{key}/{i}", value[start : start + _PART_BYTES])

    def get_large(self, key: str) -> bytes:
        """Returns a value that `set_large` sets.

        Raises:
            Gone: the first process has ended.
        """
        first = self.get(key)
        parts = (self.get(f"{key}/{i}") for i in range(int.from_bytes(first[:4])))
        return b"".join((first[4:], *parts))

    def barrier(self, name: str, seconds: float) -> None:
        """Returns once every process has called this with the same name, which serves once.

        Raises:
            TimeoutError: a process has not called it in time.
            Gone: the first process has ended.
        """
        try:
            self._client.wait_at_barrier(_PREFIX + name, int(1000 * seconds))
        except RuntimeFailure as error:
            if _is_timeout(error):
                raise TimeoutError(name) from error
            raise Gone(str(error)) from error


def connect(**arguments: Any) -> Store:
    """Connects this process with the others of its run and returns their store.

    Args:
        arguments: of `jax.distributed.initialize`.

    Raises:
        RuntimeError, ValueError: JAX finds no cluster, or the processes do not come together in time.
    """
    if not jax.distributed.is_initialized():
        # JAX's preemption service takes SIGTERM; versions before 0.9 cannot do without the service.
        if hasattr(jax.config, "jax_enable_preemption_service"):
            jax.config.update("jax_enable_preemption_service", False)
        former = signal.getsignal(signal.SIGTERM)
        jax.distributed.initialize(**arguments)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, former)
    return Store(_client())


def _client() -> Any:
    from jax._src import distributed

    return cast(Any, distributed.global_state).client


def _is_timeout(error: RuntimeError) -> bool:
    return "DEADLINE_EXCEEDED" in str(error)

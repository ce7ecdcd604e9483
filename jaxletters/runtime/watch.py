"""What the processes of a run tell each other at any time: that they live, and that all shall end.

Each process writes its status to the shared store and reads the others', in a thread of its own, because its
main thread may compile or wait for the others for minutes.
"""

import contextlib
import dataclasses
import json
import threading
import time
from typing import NoReturn

from jaxletters.runtime import preemption, stderr_filter
from jaxletters.runtime.coordination import Gone, Store
from jaxletters.runtime.preemption import EXIT_CODE

# Seconds between two updates, and without an update until a process counts as lost.
_PERIOD = 0.5
_PATIENCE = 30.0
# Seconds that the first process waits for the others to end, and then for the last of them.
_LEAVING, _LAST = 5.0, 0.2
_FOLDER = "status"


def loss(index: int, count: int) -> str:
    """Returns the line about the loss of a process, numbered from 0, of `count`."""
    lost = f"Process {index + 1} of {count} ended or cannot be reached"
    return preemption.resume_message(lost)


@dataclasses.dataclass
class _Status:
    """The status of a process.

    Attributes:
        beat: grows with every update.
        stop: why the process asks the first one to stop, such as "SIGTERM"; "" if it does not.
        exit_code: with which all shall end; None to continue.
        reason: what the others print when they end; "" for nothing.
        left: whether the process has ended, or is about to.
    """

    beat: int = 0
    stop: str = ""
    exit_code: int | None = None
    reason: str = ""
    left: bool = False


class Watch:
    """Watches the other processes of a run and ends this one when it must.

    Args:
        store: the shared store.
        index: of this process, from 0.
        count: of processes.
    """

    def __init__(self, store: Store, index: int, count: int) -> None:
        self._store = store
        self._index = index
        self._count = count
        self._status = _Status()
        self._lock = threading.Lock()
        # The newest beat of each other process, and when it was new.
        self._beats: dict[int, tuple[int, float]] = {}
        self._closed = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._work, daemon=True, name="watch")

    def start(self) -> None:
        """Begins to watch; the other processes must do so within half a minute."""
        now = time.monotonic()
        self._beats = {i: (0, now) for i in range(self._count) if i != self._index}
        self._thread.start()

    def close(self) -> None:
        """Ends watching, because the processes part."""
        self._closed.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def has_ended(self) -> bool:
        """Returns whether this process has ended the run of all."""
        return self._ended

    def ask_to_stop(self, reason: str) -> None:
        """Asks the first process to save and to end all, such as after a signal."""
        with contextlib.suppress(Gone):
            self._publish(stop=reason)

    def end_all(self, code: int, reason: str = "") -> None:
        """Ends the other processes with an exit code, before this one ends.

        Args:
            code: the exit code.
            reason: a line for them to print; "" for no line.
        """
        self._ended = True
        with contextlib.suppress(Gone):
            self._publish(exit_code=code, reason=reason)
            # The others learn from the first, and JAX aborts a process that still reads the store when the
            # first has ended.
            if not self._index:
                self._wait_for_others()
                time.sleep(_LAST)

    def _wait_for_others(self) -> None:
        deadline = time.monotonic() + _LEAVING
        while time.monotonic() < deadline:
            others = [status for i, status in self._statuses().items() if i != self._index]
            if len(others) == self._count - 1 and all(status.left for status in others):
                return
            time.sleep(_PERIOD / 10)

    def _work(self) -> None:
        while not self._closed.wait(_PERIOD):
            try:
                self._publish()
                self._act(self._statuses())
            except Gone:
                if not self._closed.is_set():
                    self._lost(0)

    def _act(self, statuses: dict[int, _Status]) -> None:
        for i, status in statuses.items():
            if i == self._index or (self._index and i):
                continue
            if status.exit_code is not None:
                self._end(status.exit_code, status.reason)
            if status.stop:
                preemption.request(f"{status.stop} to process {i + 1}")
        now = time.monotonic()
        for i, (beat, since) in self._beats.items():
            newest = statuses.get(i, _Status())
            if newest.beat > beat:
                self._beats[i] = newest.beat, now
            elif now - since > _PATIENCE and not newest.left and (i == 0 or self._index == 0):
                self._lost(i)

    def _lost(self, index: int) -> NoReturn:
        self._end(EXIT_CODE, loss(index, self._count))

    def _end(self, code: int, reason: str) -> NoReturn:
        """Ends this process, and if it is the first, the others."""
        if reason:
            stderr_filter.print_loss(reason)
        if self._index:
            with contextlib.suppress(Gone):
                self._publish(left=True)
        else:
            self.end_all(code, reason)
        preemption.exit_now(code)

    def _publish(self, **changes: object) -> None:
        with self._lock:
            self._status = dataclasses.replace(self._status, beat=self._status.beat + 1, **changes)
            value = json.dumps(dataclasses.asdict(self._status)).encode()
            self._store.set(f"{_FOLDER}/{self._index}", value, overwrite=True)

    def _statuses(self) -> dict[int, _Status]:
        values = self._store.folder(_FOLDER)
        return {int(key): _Status(**json.loads(value)) for key, value in values.items()}

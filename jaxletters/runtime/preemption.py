"""SIGTERM, Ctrl-C and a time limit as a request to save and leave, rather than an end.

A signal belongs to a process, so what is here does, too: `install` at its start, then any part of the
program says with `polling` and `saving_on_request` how it may be interrupted.
"""

import contextlib
import os
import select
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn

from jaxletters.core.errors import UserError

EXIT_CODE = 75
"""What the process exits with when it was interrupted and can go on: EX_TEMPFAIL of sysexits.h."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_SHOW_CURSOR = "\x1b[?25h"


class Interrupted(Exception):  # noqa: N818, an event, not an error
    """The run was asked to stop, saved what it had and can be started again."""


class _Guard:
    """Waits for signals in a thread of its own, because the main one may compile for seconds.

    Python runs signal handlers in the main thread, between two of its instructions; the number of the
    signal is written to a socket at once.
    """

    def __init__(self) -> None:
        self.requested = False
        # What is done before the process ends; None while the main thread looks at `requested` itself.
        self._leave_by: Callable[[], str] | None = _nothing_to_save
        self.afterwards: list[Callable[[], object]] = []
        self._lock = threading.Lock()
        self.deadline: float | None = None
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)

    def listen(self) -> None:
        for number in _SIGNALS:
            signal.signal(number, _ignore)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=self._wait, daemon=True, name="preempt").start()

    def wake(self) -> None:
        self._writer.send(b"\0")

    def exchange(self, leave: Callable[[], str] | None) -> Callable[[], str] | None:
        """Sets what is done before the process ends, and returns what was to be done so far."""
        with self._lock:
            before, self._leave_by = self._leave_by, leave
        return before

    def leave_if_late(self) -> None:
        """Raises Interrupted if the request came while the main thread looked for it itself."""
        with self._lock:
            if self.requested and self._leave_by is not None:
                raise Interrupted(self._leave_by())

    def _wait(self) -> None:
        while True:
            left = None if self.deadline is None else max(0.0, self.deadline - time.monotonic())
            ready, _, _ = select.select([self._reader], [], [], left)
            if not ready:
                self.deadline = None
                self._request("Time limit")
                continue
            for number in self._reader.recv(64):
                if number in _SIGNALS:
                    self._on_signal(signal.Signals(number))

    def _on_signal(self, number: signal.Signals) -> None:
        if self.requested and number == signal.SIGINT:
            _exit()
        self._request(number.name)

    def _request(self, why: str) -> None:
        if self.requested:
            return
        self._lock.acquire()
        self.requested = True
        print_stderr(f"\n{why}: saving, then leaving (Ctrl-C again: leave at once)")
        if self._leave_by is None:
            # The main thread will find out, and leave.
            self._lock.release()
            return
        # The lock is never given back, so the main thread stays as it is. In a thread of its own, so
        # that this one hears the second Ctrl-C.
        threading.Thread(target=self._leave, args=(self._leave_by,), daemon=True).start()

    def _leave(self, save: Callable[[], str]) -> None:
        code = EXIT_CODE
        try:
            print_stderr(resume_message(save()))
            for action in self.afterwards:
                action()
        except UserError as error:
            print_stderr(f"error: {error}")
            code = 2
        except Exception:
            print_stderr(traceback.format_exc())
            code = 1
        _exit(code)


def resume_message(interruption: str) -> str:
    """Returns what is said at the end of an interrupted run."""
    return f"{interruption}; the same command goes on from there."


def _nothing_to_save() -> str:
    return "Interrupted outside training"


def _ignore(number: int, frame: FrameType | None) -> None:
    """Stands in for Python's handlers, without which no number would be written to the socket."""


def print_stderr(text: str) -> None:
    """Writes a line to stderr, past Python's buffers, in which the main thread may be writing.

    The reader of a pipe, such as `tee`, may have left at the same Ctrl-C; what is saved must not depend
    on it.
    """
    with contextlib.suppress(OSError):
        os.write(sys.stderr.fileno(), f"{text}\n".encode(errors="backslashreplace"))


def _exit(code: int = EXIT_CODE) -> NoReturn:
    if sys.stdout.isatty():
        with contextlib.suppress(OSError):
            os.write(sys.stdout.fileno(), _SHOW_CURSOR.encode())
    os._exit(code)


def exit_process(code: int) -> NoReturn:
    """Ends the process, whatever its threads are doing.

    Orbax's wait up to ten minutes for each other where a save failed with its disk, and Python for them.
    """
    own = threading.current_thread()
    if any(thread is not own and not thread.daemon for thread in threading.enumerate()):
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):
                stream.flush()
        _exit(code)
    sys.exit(code)


_guard: _Guard | None = None


def install() -> None:
    """Listens from now on; to be called by the main thread, before anything slow is imported."""
    global _guard
    if _guard is None:
        _guard = _Guard()
        _guard.listen()


def set_time_limit(seconds: float) -> None:
    """Asks for the end as a signal would, so many seconds from now; without `install`, never."""
    if _guard is not None:
        _guard.deadline = time.monotonic() + seconds
        _guard.wake()


def requested() -> bool:
    """Whether the process was asked to stop."""
    return _guard is not None and _guard.requested


@contextlib.contextmanager
def polling() -> Iterator[None]:
    """While entered, a request only makes `requested` true; the caller saves and raises Interrupted."""
    with _leaving_by(None):
        yield


@contextlib.contextmanager
def saving_on_request(save: Callable[[], str]) -> Iterator[None]:
    """While entered, a request saves and ends the process at once, whatever the block is doing.

    Args:
        save: called from another thread; the block must leave alone what it reads. It returns what
            to say at the end, such as "Interrupted at step 3 of 9".
    """
    with _leaving_by(save):
        yield


@contextlib.contextmanager
def exit_hook(action: Callable[[], object]) -> Iterator[None]:
    """While entered, `action` is done when a request ends the process at once, after all is saved.

    It is called from another thread. Where the main thread leaves by itself, nothing is called.
    """
    if _guard is None:
        yield
        return
    _guard.afterwards.append(action)
    try:
        yield
    finally:
        _guard.afterwards.remove(action)


@contextlib.contextmanager
def _leaving_by(save: Callable[[], str] | None) -> Iterator[None]:
    if _guard is None:
        yield
        return
    before = _guard.exchange(save)
    try:
        _guard.leave_if_late()
        yield
    finally:
        # Waits here for good if the process is on its way out.
        _guard.exchange(before)
    _guard.leave_if_late()

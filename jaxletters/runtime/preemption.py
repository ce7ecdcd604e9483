"""Preemption: SIGTERM, Ctrl-C and a time limit as a request to save and exit.

Signals belong to the process. Call `install` at its start; code that runs later declares with `polling` or
`saving_on_request` how it may be interrupted.
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
from collections.abc import Callable, Generator
from types import FrameType
from typing import NoReturn, TypeAlias

from jaxletters.core.errors import UserError

EXIT_CODE = 75
"""The exit code of an interrupted process that can be continued: EX_TEMPFAIL of sysexits.h."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_SHOW_CURSOR = "\x1b[?25h"

Save: TypeAlias = Callable[[], str]
"""Saves the work; returns what to print, such as "Interrupted at step 3 of 9"."""


class Interrupted(Exception):  # noqa: N818, an event, not an error
    """The run was asked to stop and has saved its work; it can be started again."""


class _Listener:
    """Waits for signals in a separate thread, because the main thread may compile for seconds.

    Python runs signal handlers in the main thread, between two of its instructions. The number of the
    signal, however, is written to a socket at once.
    """

    def __init__(self) -> None:
        self.requested = False
        self.deadline: float | None = None
        self.exit_hooks: list[Callable[[], object]] = []
        # Called with the reason instead of acting on a request; None to act on it.
        self.forward: Callable[[str], object] | None = None
        # Called before the process exits; None while the main thread polls `requested`.
        self._save: Save | None = _nothing_to_save
        self._lock = threading.Lock()
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)

    def start(self) -> None:
        for number in _SIGNALS:
            signal.signal(number, _ignore)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=self._listen, daemon=True, name="preemption").start()

    def set_deadline(self, deadline: float) -> None:
        self.deadline = deadline
        self._writer.send(b"\0")  # wakes the thread

    def exchange_save(self, save: Save | None) -> Save | None:
        """Sets the function that saves before the process exits; returns the former one."""
        with self._lock:
            former, self._save = self._save, save
        return former

    def raise_if_requested(self) -> None:
        """Raises Interrupted if the request came while the main thread polled."""
        with self._lock:
            if self.requested and self._save is not None:
                raise Interrupted(self._save())

    def _listen(self) -> None:
        while True:
            wait = None if self.deadline is None else max(0.0, self.deadline - time.monotonic())
            ready, _, _ = select.select([self._reader], [], [], wait)
            if not ready:
                self.deadline = None
                self.request("Time limit")
                continue
            for number in self._reader.recv(64):
                if number in _SIGNALS:
                    self._on_signal(signal.Signals(number))

    def _on_signal(self, number: signal.Signals) -> None:
        if self.requested and number == signal.SIGINT:
            _exit_now()
        self.request(number.name)

    def request(self, reason: str) -> None:
        if self.requested:
            return
        if self.forward is not None:
            self.requested = True
            self.forward(reason)
            return
        self._lock.acquire()
        self.requested = True
        print_stderr(f"\n{reason}: saving, then leaving (Ctrl-C again: leave at once)")
        if self._save is None:
            # The main thread polls, saves and exits.
            self._lock.release()
            return
        # The lock stays taken, so that the main thread changes nothing. Saving has a separate thread, so
        # that this one receives a second Ctrl-C.
        threading.Thread(target=self._save_and_exit, args=(self._save,), daemon=True).start()

    def _save_and_exit(self, save: Save) -> None:
        code = EXIT_CODE
        try:
            print_stderr(resume_message(save()))
        except UserError as error:
            print_stderr(f"error: {error}")
            code = 2
        except Exception:
            print_stderr(traceback.format_exc())
            code = 1
        # The newest first: other processes end last.
        for hook in reversed(self.exit_hooks):
            try:
                hook()
            except Exception:
                print_stderr(traceback.format_exc())
                code = 1
        _exit_now(code)


def _nothing_to_save() -> str:
    return "Interrupted outside training"


def _ignore(number: int, frame: FrameType | None) -> None:
    """Replaces the default handler; without a handler Python writes no number to the socket."""


_listener: _Listener | None = None


def install() -> None:
    """Starts to listen for signals; call it in the main thread, before slow imports."""
    global _listener
    if _listener is None:
        _listener = _Listener()
        _listener.start()


def request(reason: str) -> None:
    """Requests the end as a signal would; `reason` is printed. Does nothing without `install`."""
    if _listener is not None:
        _listener.request(reason)


def forward_to(receiver: Callable[[str], object]) -> None:
    """Hands requests to a function instead of acting on them; does nothing without `install`.

    Args:
        receiver: called from another thread with the reason, such as "SIGTERM".
    """
    if _listener is not None:
        _listener.forward = receiver


def set_time_limit(seconds: float) -> None:
    """Requests the end after `seconds`, as a signal would; does nothing without `install`."""
    if _listener is not None:
        _listener.set_deadline(time.monotonic() + seconds)


def requested() -> bool:
    """Returns whether the process was asked to stop."""
    return _listener is not None and _listener.requested


@contextlib.contextmanager
def polling() -> Generator[None]:
    """Inside the block, a request only sets `requested`; the caller saves and raises Interrupted."""
    with _saving_with(None):
        yield


@contextlib.contextmanager
def saving_on_request(save: Save) -> Generator[None]:
    """Inside the block, a request saves and ends the process at once, even while XLA compiles.

    Args:
        save: called from another thread; the block must not change what it reads.
    """
    with _saving_with(save):
        yield


def add_exit_hook(hook: Callable[[], object]) -> None:
    """Adds a function as `exit_hook` does, for the life of the process."""
    if _listener is not None:
        _listener.exit_hooks.append(hook)


@contextlib.contextmanager
def exit_hook(hook: Callable[[], object]) -> Generator[None]:
    """Inside the block, a request that ends the process at once calls `hook` after saving.

    It is called from another thread; it is not called where the main thread polls and exits.
    """
    if _listener is None:
        yield
        return
    add_exit_hook(hook)
    try:
        yield
    finally:
        _listener.exit_hooks.remove(hook)


@contextlib.contextmanager
def _saving_with(save: Save | None) -> Generator[None]:
    if _listener is None:
        yield
        return
    former = _listener.exchange_save(save)
    try:
        _listener.raise_if_requested()
        yield
    finally:
        # Blocks for ever if the process is exiting.
        _listener.exchange_save(former)
    _listener.raise_if_requested()


def resume_message(interruption: str) -> str:
    """Returns the last line of an interrupted run."""
    return f"{interruption}; run the same command again to continue."


def print_stderr(text: str) -> None:
    """Writes a line to stderr without Python's buffers, in which the main thread may be writing.

    A closed pipe is ignored: Ctrl-C ends its reader, such as `tee`, too, and saving must not depend on it.
    """
    with contextlib.suppress(OSError):
        os.write(sys.stderr.fileno(), f"{text}\n".encode(errors="backslashreplace"))


def exit_process(code: int) -> NoReturn:
    """Ends the process without waiting for its threads.

    After a failed save, Orbax's threads wait for each other for up to ten minutes, and Python for them.
    """
    current = threading.current_thread()
    if any(thread is not current and not thread.daemon for thread in threading.enumerate()):
        exit_now(code)
    sys.exit(code)


def exit_now(code: int) -> NoReturn:
    """Ends the process at once, after it has written what it printed."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    _exit_now(code)


def _exit_now(code: int = EXIT_CODE) -> NoReturn:
    if sys.stdout.isatty():
        with contextlib.suppress(OSError):
            os.write(sys.stdout.fileno(), _SHOW_CURSOR.encode())
    os._exit(code)

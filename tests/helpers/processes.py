"""Processes that begin with the slow imports done, because most of a small run's time is imports.

A server, one per process of pytest, has imported what a run needs, but holds no JAX backend and no thread
of Python's. `Popen` is `subprocess.Popen`, except that the server forks the process. The process then
becomes a child of the caller, which waits for it and sends it signals as usual. From its first line of
code on, it is what a new interpreter would be, with two exceptions: `sys.modules` is full, and its hash
seed is the server's.

Where the start itself is tested, use `subprocess`.
"""

import atexit
import ctypes
import functools
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
# As they were before any test changed them.
_ENVIRONMENT = dict(os.environ)
# The beginnings of variables that the interpreter or an import reads. Where one of them differs, the
# process is a new interpreter.
_READ_EARLY = ("PYTHON", "JAX_", "TFDS_", "MPL", "MALLOC_", "GLIBC_", "LD_", "OMP_", "OPENBLAS_")
# None of them starts a thread or a JAX backend, on which a fork could not be built.
_MODULES = (
    "jax",  # first: it sets what jaxlib reads
    "jaxlib.mlir.dialects.mhlo",
    "matplotlib.figure",
    "tensorboardX",
    "jaxletters.data.builders.sketch_letters",
    "jaxletters.experiments.dispatch",
    "jaxletters.experiments.train",
    "jaxletters.models.convnets",
    "jaxletters.reading.loader",
    "jaxletters.report.charts",
    "jaxletters.report.comparison_chart",
    "jaxletters.report.image_grids",
    "jaxletters.cli.commands.export",
    "jaxletters.cli.commands.predict",
)
_LARGEST_REQUEST = 1 << 20
_PR_SET_CHILD_SUBREAPER = 36
_lock = threading.Lock()


class Popen(subprocess.Popen):
    """A process `[sys.executable, script or -m module or -c code, ...]` that the server forks.

    It is a real new process where the command is another one, or where a variable differs that only a
    new interpreter would read.
    """

    def _execute_child(
        self, args: Any, executable: Any, preexec_fn: Any, close_fds: Any, pass_fds: Any, cwd: Any,
        env: Any, startupinfo: Any, creationflags: Any, shell: Any, p2cread: int, p2cwrite: int,
        c2pread: int, c2pwrite: int, errread: int, errwrite: int, *others: Any,
    ) -> None:  # fmt: skip
        environment = dict(os.environ if env is None else env)
        command = [os.fspath(word) for word in args]
        special = bool(shell or pass_fds or preexec_fn or command[0] != sys.executable)
        if special or _early(environment) != _early(_ENVIRONMENT):
            super()._execute_child(
                args, executable, preexec_fn, close_fds, pass_fds, cwd, env, startupinfo,
                creationflags, shell, p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite, *others,
            )  # fmt: skip
            return
        request = {
            "command": command[1:],
            "cwd": os.fspath(cwd or os.getcwd()),
            "environment": environment,
        }
        files = [own if end == -1 else end for own, end in enumerate((p2cread, c2pwrite, errwrite))]
        with _lock:
            socket.send_fds(_server(), [json.dumps(request).encode()], files)
            self.pid = int(_server().recv(64))
        self._child_created = True
        # The ends of pipes that are the process' now; other files are their owner's.
        for end, other in ((p2cread, p2cwrite), (c2pwrite, c2pread), (errwrite, errread)):
            if other != -1:
                os.close(end)
        if (devnull := getattr(self, "_devnull", None)) is not None:
            os.close(devnull)


def run(command: list[Any], **options: Any) -> subprocess.CompletedProcess[str]:
    """Runs a command as `subprocess.run(command, capture_output=True, text=True)` does."""
    with Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    ) as process:
        output, errors = process.communicate()
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def _early(environment: dict[str, str]) -> dict[str, str]:
    return {name: text for name, text in environment.items() if name.startswith(_READ_EARLY)}


@functools.cache
def _server() -> socket.socket:
    """Starts the server; returns the connection to it, whose end is the server's end."""
    # A process whose parent has ended becomes a child of this one.
    assert ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen(
        [sys.executable, __file__, str(theirs.fileno())],
        cwd=ROOT,
        env=_ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=[theirs.fileno()],
    )
    theirs.close()

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def _serve(connection: socket.socket, variables: dict[str, str]) -> list[str]:
    """Forks until the connection ends; returns in each forked process, with its command."""
    while True:
        request, files, _, _ = socket.recv_fds(connection, _LARGEST_REQUEST, 3)
        if not request:
            sys.exit()
        reader, writer = os.pipe()
        # Forked twice, so that the caller inherits the process from one that ends at once.
        if not (between := os.fork()):
            if pid := os.fork():
                os.write(writer, str(pid).encode())
                os._exit(0)
            for end in (reader, writer):
                os.close(end)
            connection.close()
            return _become(json.loads(request), files, variables)
        os.waitpid(between, 0)
        connection.send(os.read(reader, 64))
        for end in (reader, writer, *files):
            os.close(end)


def _become(request: dict[str, Any], files: list[int], variables: dict[str, str]) -> list[str]:
    """Takes over the files, the folder and the environment of a request; returns its command."""
    for number, file in enumerate(files):
        os.dup2(file, number)
    for file in files:
        os.close(file)
    os.environ.clear()
    os.environ.update(variables | request["environment"])
    os.chdir(request["cwd"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return request["command"]


def _run(command: list[str]) -> None:
    """Runs a command as the interpreter does whose arguments it is."""
    option, *arguments = command
    if option == "-m":
        sys.path[0] = os.getcwd()
        sys.argv = arguments
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
    elif option == "-c":
        sys.path[0] = ""
        sys.argv = ["-c", *arguments[1:]]
        exec(arguments[0], {"__name__": "__main__"})
    else:
        sys.path[0] = str(Path(option).resolve().parent)
        sys.argv = command
        runpy.run_path(option, run_name="__main__")


def _import() -> dict[str, str]:
    """Imports what runs import sooner or later, and draws some letters as they do.

    Returns:
        The environment variables that the imports have set.
    """
    before = dict(os.environ)
    sys.path.insert(0, str(ROOT))
    for name in _MODULES:
        importlib.import_module(name)
    from jaxletters.data.builders import sketch_letters

    sketch_letters.size_config(1)  # traces and draws the letters
    del sys.path[0]
    return {name: text for name, text in os.environ.items() if before.get(name) != text}


if __name__ == "__main__":
    # Ctrl-C is for the processes, each of which undoes this.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    variables = _import()
    gc.freeze()
    _run(_serve(socket.socket(fileno=int(sys.argv[1])), variables))

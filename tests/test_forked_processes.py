"""A process that the tests' server forks is what a new interpreter would be."""

import json
import os
import signal
import subprocess
import sys

import processes
import pytest

pytestmark = pytest.mark.slow

DESCRIBE = """
import json, os, signal, sys, threading
from jax._src import xla_bridge
print(json.dumps({
    "argv": sys.argv,
    "path": sys.path[0],
    "folder": os.getcwd(),
    "variable": os.environ.get("OF_A_TEST"),
    "home": os.environ.get("HOME"),
    "threads": len(os.listdir("/proc/self/task")),
    "interrupts": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
    "terminates": signal.getsignal(signal.SIGTERM) is signal.SIG_DFL,
    "backend": xla_bridge.backends_are_initialized(),
    "files": sorted(map(int, os.listdir("/proc/self/fd")))[:3],
    "input": sys.stdin.read(),
}))
import jax
print(jax.device_count())
"""


@pytest.mark.parametrize("popen", [processes.Popen, subprocess.Popen])
def test_a_forked_process_is_as_a_new_one(tmp_path, popen):
    flags = "--xla_force_host_platform_device_count=3"
    environment = {**os.environ, "OF_A_TEST": "é", "XLA_FLAGS": flags}
    environment.pop("HOME", None)
    with popen(
        [sys.executable, "-c", DESCRIBE, "a", "b"],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        output, errors = process.communicate("given")
    assert (process.returncode, errors) == (0, "")
    description, devices = output.splitlines()
    found = json.loads(description)
    # NumPy and SciPy start threads when a new interpreter imports them, and after a fork when used.
    assert found.pop("threads") == 1 or popen is subprocess.Popen
    # A new interpreter inherits that Ctrl-C is ignored, where the tests run in the background.
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN and popen is subprocess.Popen
    assert found == {
        "argv": ["-c", "a", "b"],
        "path": "",
        "folder": str(tmp_path),
        "variable": "é",
        "home": None,
        "interrupts": not ignored,
        "terminates": True,
        "backend": False,
        "files": [0, 1, 2],
        "input": "given",
    }
    assert devices == "3"


@pytest.mark.parametrize(
    ("code", "expected", "said"),
    [
        ("import sys; print('out'); sys.exit(3)", 3, ("out\n", "")),
        ("import os; os._exit(75)", 75, ("", "")),
        ("import sys; sys.exit('why')", 1, ("", "why\n")),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL, ("", "")),
        ("import threading; threading.Timer(0.1, print, ['late']).start()", 0, ("late\n", "")),
    ],
)
def test_its_end_is_told_as_that_of_any_process(code, expected, said):
    done = processes.run([sys.executable, "-c", code])
    assert (done.returncode, (done.stdout, done.stderr)) == (expected, said)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_signal_ends_it(number):
    code = "import time; print('here', flush=True); time.sleep(60)"
    with processes.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "here\n"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)
        process.send_signal(number)
        process.communicate()
    assert process.returncode == -number


def test_what_only_a_new_interpreter_reads_starts_one(monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    code = "import sys; print(sys.stdout.encoding, 'jax' in sys.modules)"
    assert processes.run([sys.executable, "-c", code]).stdout.split() == ["ascii", "False"]

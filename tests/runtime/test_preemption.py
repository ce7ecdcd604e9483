"""How a process leaves when it is asked to: real processes and signals, whatever the main thread does."""

import signal
import subprocess
import sys

import pytest
import runs

from jaxletters.runtime.preemption import EXIT_CODE

HEAD = """if True:
    import hashlib, signal, sys, time
    from jaxletters.cli import command_line
    from jaxletters.runtime import preemption
    from jaxletters.core.errors import UserError
    from jaxletters.runtime.preemption import Interrupted

    def save():
        print("saved", flush=True)
        return "Interrupted at step 3 of 9"

    def busy():
        # Outside Python's interpreter, where its own signal handlers do not run; like a compiler.
        print("ready", flush=True)
        hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)

    preemption.install()
"""


def start(program):
    process = subprocess.Popen(
        [sys.executable, "-c", HEAD + program],
        cwd=runs.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    return process


def left(process, *numbers):
    for number in numbers:
        process.send_signal(number)
    output, errors = process.communicate(timeout=20)
    return process.returncode, output.split(), errors


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_at_rest_it_saves_and_leaves_whatever_the_main_thread_does(number):
    process = start("    with preemption.saving_on_request(save):\n        busy()\n")
    code, output, errors = left(process, number)
    assert (code, output) == (EXIT_CODE, ["saved"])
    blank, request, interruption = errors.splitlines()
    assert not blank
    assert request.startswith(f"{number.name}: saving, ")
    assert "Ctrl-C again" in request
    assert interruption.startswith("Interrupted at step 3 of 9; run the same command")


def test_where_nothing_is_said_there_is_nothing_to_save():
    code, output, errors = left(start("    busy()\n"), signal.SIGTERM)
    assert (code, output) == (EXIT_CODE, [])
    assert errors.splitlines()[-1].startswith("Interrupted outside training; run the same command")


POLLED = """
    def work():
        with preemption.polling():
            print("ready", flush=True)
            while not preemption.requested():
                time.sleep(0.01)
            raise Interrupted(save())
    sys.exit(command_line.exit_code(work))
"""


@pytest.mark.slow
def test_polled_the_main_thread_saves_by_itself():
    code, output, errors = left(start(POLLED), signal.SIGTERM)
    assert (code, output) == (EXIT_CODE, ["saved"])
    assert errors.splitlines()[-1].startswith("Interrupted at step 3 of 9; run the same command")


@pytest.mark.slow
@pytest.mark.parametrize(
    "program",
    ["    with preemption.saving_on_request(save):\n        busy()\n", POLLED],
    ids=["at rest", "polled"],
)
def test_it_leaves_although_nobody_reads_what_it_says(program):
    """As in `launch.py ... | tee log`, where the same Ctrl-C ends tee."""
    process = start(program)
    process.stderr.close()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == EXIT_CODE
    with process.stdout:
        assert process.stdout.read().split() == ["saved"]


LATE = """
    def work():
        with preemption.polling():
            print("ready", flush=True)
            while not preemption.requested():
                time.sleep(0.01)
            time.sleep(0.1)
            with preemption.saving_on_request(save):
                print("went on")
    sys.exit(command_line.exit_code(work))
"""


@pytest.mark.slow
def test_a_request_that_came_before_is_heard_on_coming_to_rest():
    code, output, _ = left(start(LATE), signal.SIGTERM)
    assert (code, output) == (EXIT_CODE, ["saved"])


STUCK = """
    def stuck():
        print("saving", flush=True)
        time.sleep(60)
    with preemption.saving_on_request(stuck):
        busy()
"""


@pytest.mark.slow
def test_a_second_ctrl_c_leaves_at_once():
    process = start(STUCK)
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "saving\n"
    assert left(process, signal.SIGINT)[:2] == (EXIT_CODE, [])


@pytest.mark.slow
def test_a_time_limit_is_a_request():
    process = start(
        "    preemption.set_time_limit(0.2)\n    with preemption.saving_on_request(save):\n        busy()\n"
    )
    code, output, errors = left(process)
    assert (code, output) == (EXIT_CODE, ["saved"])
    assert errors.splitlines()[1].startswith("Time limit: saving")


FAILING = """
    def fail():
        raise UserError("the disk is full")
    with preemption.saving_on_request(fail):
        busy()
"""


@pytest.mark.slow
def test_what_cannot_be_saved_is_an_error_of_one_line():
    code, output, errors = left(start(FAILING), signal.SIGTERM)
    assert (code, output) == (2, [])
    assert errors.splitlines()[2:] == ["error: the disk is full"]


@pytest.mark.slow
@pytest.mark.parametrize("waiting", [True, False])
def test_the_end_waits_for_no_thread_and_loses_no_output(waiting):
    program = (
        "import threading, time\n"
        "from jaxletters.runtime import preemption\n"
        f"if {waiting}: threading.Thread(target=time.sleep, args=(10**6,)).start()\n"
        "print('the last line', end='')\n"
        "preemption.exit_process(75)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=100
    )
    assert (done.returncode, done.stdout, done.stderr) == (EXIT_CODE, "the last line", "")

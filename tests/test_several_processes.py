"""One run in several processes: the bits of one process with as many devices, and no process alone."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import messages
import pytest
import runs

pytestmark = pytest.mark.slow

EXIT_CODE = 75
# Beside what the small run has: early stopping, a roll-back's anchors, a test over shifts.
EVERYTHING = ("--config.training.patience=3", "--config.test_shift=1", "--config.training.epochs=3")
MARGIN = 12


def finish(workdir: Path, *overrides: str, **options: int) -> list[tuple[int, str, str]]:
    ends = runs.end_team(runs.start_team(workdir, *overrides, **options))
    assert [code for code, _, _ in ends] == [0] * len(ends), ends
    return ends


def start_scripts(text: str, count: int) -> list[subprocess.Popen[str]]:
    """Starts a Python program in several processes, each with its description as the argument."""
    with socket.create_server(("localhost", 0)) as free:
        address = f"localhost:{free.getsockname()[1]}"
    return [
        subprocess.Popen(
            [sys.executable, "-c", text, f"{i}/{count}@{address}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=runs.ROOT,
        )
        for i in range(1, count + 1)
    ]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The run folder of one process with two devices."""
    workdir = tmp_path_factory.mktemp("alone") / "run"
    runs.finish(workdir, *EVERYTHING, devices=2)
    return workdir


def test_two_processes_end_with_the_bits_of_two_devices(alone, tmp_path):
    (_, output, errors), (_, other_output, other_errors) = finish(tmp_path / "run", *EVERYTHING)
    assert "test accuracy" in output
    assert (errors, other_output, other_errors) == ("", "", "")
    assert runs.outcome(tmp_path / "run") == runs.outcome(alone)
    # A second writer would leave events of its own.
    events = [list((workdir / "tensorboard").iterdir()) for workdir in (tmp_path / "run", alone)]
    assert len(events[0]) == len(events[1])


@pytest.mark.parametrize("victim", [0, 1])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_all_end_when_one_is_told_to_or_lost_and_continue(alone, tmp_path, victim, number):
    team = runs.start_team(tmp_path / "run", *EVERYTHING)
    while runs.records(tmp_path / "run") < MARGIN and team[0].poll() is None:
        try:
            team[0].wait(0.01)
        except subprocess.TimeoutExpired:
            continue
    team[victim].send_signal(number)
    ends = runs.end_team(team)
    if number == signal.SIGTERM:
        assert [code for code, _, _ in ends] == [EXIT_CODE] * 2
        assert "SIGTERM" in ends[0][2]
        assert ends[1][1:] == ("", "")
    else:
        code, _, errors = ends[1 - victim]
        assert code != 0
        assert len(errors.splitlines()) == 1, errors
    finish(tmp_path / "run", *EVERYTHING)
    assert runs.outcome(tmp_path / "run") == runs.outcome(alone)


def test_four_processes_train_and_continue(tmp_path):
    team = runs.start_team(tmp_path / "run", "--config.training.epochs=1", count=4)
    runs.stop_at(team[0], tmp_path / "run", MARGIN, signal.SIGTERM)
    assert [code for code, _, _ in runs.end_team(team[1:])] == [EXIT_CODE] * 3
    finish(tmp_path / "run", "--config.training.epochs=1", count=4)
    finish(tmp_path / "other", "--config.training.epochs=1", count=4)
    assert runs.outcome(tmp_path / "run") == runs.outcome(tmp_path / "other")


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("--config.training.batch_size=31", "batch_size"),
        ("--config.base.config=configs/mnist_mlp.py", "config.base"),
    ],
)
def test_an_error_is_printed_once_and_ends_all(tmp_path, override, expected):
    ends = runs.end_team(runs.start_team(tmp_path / "run", override))
    assert [code for code, _, _ in ends] == [2, 2]
    assert expected in ends[0][2]
    assert ends[1][1:] == ("", "")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "spec", ["0/2@localhost:1", "3/2@localhost:1", "1/2", "two", "1/2@localhost"]
)
def test_a_wrong_description_is_an_error(tmp_path, spec):
    done = runs.start(tmp_path / "run", f"--processes={spec}")
    _, errors = done.communicate()
    assert done.returncode == 2
    assert "--processes" in errors
    assert spec in errors


FIT = """
import sys
from pathlib import Path
import jaxletters as jl
config = jl.Config(
    dataset=jl.SketchLetters(size=780),
    split=jl.Split(validation_per_class=5),
    model=jl.MLPConfig(),
    training=jl.TrainingConfig(epochs=1, batch_size=64),
)
done = jl.fit(config, sys.argv[1], processes=sys.argv[2])
print(done.result["test_accuracy"], done.folder)
try:
    jl.fit(config, Path(__file__).parent)
except jl.UserError as error:
    print("refused")
"""


def test_fit_returns_the_same_in_all(tmp_path):
    with socket.create_server(("localhost", 0)) as free:
        address = f"localhost:{free.getsockname()[1]}"
    script = tmp_path / "script.py"
    script.write_text(FIT)
    team = [
        subprocess.Popen(
            [sys.executable, script, tmp_path / "run", f"{i}/2@{address}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=runs.ROOT,
        )
        for i in (1, 2)
    ]
    ends = runs.end_team(team)
    assert [code for code, _, _ in ends] == [0, 0], ends
    lines = [output.splitlines()[-2:] for _, output, _ in ends]
    assert lines[0] == lines[1]
    assert lines[0][1] == "refused"
    accuracy = float(lines[0][0].split()[0])
    result = json.loads((tmp_path / "run" / "report" / "result.json").read_text())
    assert accuracy == result["test_accuracy"]


ALONE = """
import sys
import jaxletters as jl
from jaxletters.runtime import processes
processes.join(sys.argv[1])
processes.join(sys.argv[1])
assert processes.team() is None
try:
    processes.join("auto")
except jl.UserError as error:
    print(error)
"""


def test_a_process_joins_once_and_may_be_alone():
    with socket.create_server(("localhost", 0)) as free:
        spec = f"1/1@localhost:{free.getsockname()[1]}"
    command = [sys.executable, "-c", ALONE, spec]
    done = subprocess.run(command, cwd=runs.ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--processes auto" in done.stdout
    assert spec in done.stdout


# The second is lost after the first contact; the connection of the devices then fails in the first.
LOST_WHILE_JOINING = """
import os, sys
from jaxletters.cli import command_line
from jaxletters.runtime import processes
def connect():
    if sys.argv[1].startswith("2"):
        os.kill(os.getpid(), 9)
    sys.stdin.read()
    raise RuntimeError("timed out")
processes._connect_devices = connect
sys.exit(command_line.exit_code(lambda: processes.join(sys.argv[1], owns_process=True)))
"""


def test_a_process_lost_while_joining_is_one_line_for_the_others():
    first, second = start_scripts(LOST_WHILE_JOINING, 2)
    second.communicate()
    # Ends its standard input, for which it waits.
    output, errors = first.communicate()
    ends = first.returncode, output, second.returncode
    assert ends == (2, "", -signal.SIGKILL), errors
    (line,) = errors.splitlines()
    messages.assert_names(line, "error: ", "--processes", "timed out")


# As SLURM sets them for a job of two nodes that has started one task.
SLURM_TASK = {
    "SLURM_JOB_ID": "7",
    "SLURM_STEP_NODELIST": "localhost",
    "SLURM_STEP_NUM_NODES": "1",
    "SLURM_NTASKS": "1",
    "SLURM_PROCID": "0",
    "SLURM_LOCALID": "0",
}


def test_a_cluster_with_one_process_is_not_used_silently():
    command = [
        sys.executable,
        "-c",
        "from jaxletters.runtime import processes as p; p.join('auto')",
    ]
    done = subprocess.run(
        command, cwd=runs.ROOT, env=os.environ | SLURM_TASK, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    messages.assert_names(line, "One process")


FAILING = """
import sys
from jaxletters.runtime import processes, programs
processes.join(sys.argv[1])
first = processes.is_first()
def experiment():
    raise ZeroDivisionError("by nothing")
try:
    programs.run(experiment)
except ZeroDivisionError:
    print("raised")
"""


def test_an_error_of_the_program_ends_all_with_a_line():
    ends = runs.end_team(start_scripts(FAILING, 3))
    assert ends[0][:2] == (1, "raised\n"), ends
    for code, output, errors in ends[1:]:
        assert (code, output) == (1, "")
        assert "Process 1 of 3 failed: ZeroDivisionError: by nothing" in errors

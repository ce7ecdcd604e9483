"""Runs of the real program in processes of their own, for tests that stop, damage and repeat them."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import messages
import processes
from outcomes import outcome as outcome

ROOT = Path(__file__).parents[2]
# What users start; the other draws no pictures.
PROGRAM = "launch.py"
LAUNCH = str(Path(__file__).with_name("launch_without_pictures.py"))

# Small, but with everything on that keeps state or draws at random.
SMALL = (
    "--config=configs/quickstart.py",
    "--config.dataset.size=780",
    "--config.split.validation_per_class=5",
    "--config.model.widths=(4,8,8)",
    "--config.model.dropout=0.25",
    "--config.training.batch_size=32",
    "--config.training.epochs=4",
    "--config.training.ema_decay=0.9",
    "--config.checkpoint.every_steps=7",
    "--config.log_every_steps=1",
)


def start(
    workdir: Path,
    *overrides: str,
    devices: int = 1,
    program: str = LAUNCH,
    popen: type[subprocess.Popen[str]] = processes.Popen,
) -> subprocess.Popen[str]:
    """Starts a program, `launch.py` without pictures, on the small config; its output is read through pipes.

    `popen=subprocess.Popen` starts it in a new interpreter.
    """
    flags = f"--xla_force_host_platform_device_count={devices}"
    return popen(
        [sys.executable, program, *SMALL, *overrides, "--workdir", str(workdir)],
        cwd=ROOT,
        env={**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def start_team(
    workdir: Path, *overrides: str, count: int = 2, **options: Any
) -> list[subprocess.Popen[str]]:
    """Starts one run in several processes with a device each, the first one first; as `start` otherwise."""
    with socket.create_server(("localhost", 0)) as free:
        address = f"localhost:{free.getsockname()[1]}"
    return [
        start(workdir, *overrides, f"--processes={i}/{count}@{address}", **options)
        for i in range(1, count + 1)
    ]


def end_team(team: list[subprocess.Popen[str]]) -> list[tuple[int, str, str]]:
    """Waits for the processes of a run; returns the exit code, standard output and errors of each."""
    return [(process.returncode, *texts) for process in team if (texts := process.communicate())]


def finish(workdir: Path, *overrides: str, **options: Any) -> str:
    """Runs to the end, which must be a success, with the options of `start`; returns standard output."""
    process = start(workdir, *overrides, **options)
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    return output


def stop_at(
    process: subprocess.Popen[str], workdir: Path, step: int, number: signal.Signals
) -> str:
    """Sends a signal once the run's records reach a step; returns standard error."""
    while records(workdir) < step and process.poll() is None:
        try:
            process.wait(0.005)
        except subprocess.TimeoutExpired:
            continue
    process.send_signal(number)
    return process.communicate()[1]


def records(workdir: Path) -> int:
    """Returns how many steps the run has written down, those ahead of its checkpoint included."""
    file = workdir / "metrics.jsonl"
    return file.read_bytes().count(b'"train"') if file.exists() else 0


def newest_step(workdir: Path) -> Path:
    """Returns the folder of the newest checkpoint."""
    steps = [p for p in (workdir / "steps").iterdir() if p.name.isdigit()]
    return max(steps, key=lambda p: int(p.name))


def jaxletters(*arguments: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Runs the command `jaxletters` to its end."""
    command = [sys.executable, "-m", "jaxletters.cli.main", *map(str, arguments)]
    return processes.run(command, cwd=cwd)


def assert_user_error(done: subprocess.CompletedProcess[str], *expected: str) -> None:
    """Asserts that a command ended with exit code 2 and one error line that contains all of `expected`."""
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    messages.assert_names(line, "error: ", *expected)

"""Signals to one of two processes of a run, against two processes that nothing happened to."""

import random
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import interruptions
import subjects
from interruptions import Reader, Trial
from subjects import Place, Subject

_LEFT = 75
# Runs of several processes on one machine are slow, so these are shorter.
_SHORTER = {
    "plain": ("--config.training.epochs=3",),
    "full": ("--config.training.epochs=3",),
    "patience": ("--config.training.epochs=6",),
    "transfer": ("--config.stages.0.epochs=2", "--config.stages.1.epochs=2"),
    "crossval": ("--config.training.epochs=2", "--config.folds=2"),
    "sweep": ("--config.training.epochs=1",),
}
# Seconds within which all must have ended: a process is missed after half a minute, before all have come
# together after five.
_BOUND = 330.0


def interrupted_teams(draw: random.Random, place: Place) -> Iterator[Trial]:
    """Yields one trial: a run of two processes, one of which is stopped or killed, continued to its end."""
    subject = Subject(draw.choice(tuple(_SHORTER)), 1)
    when, wait = interruptions.moment(draw, earliest=3.0)
    number, victim = draw.choice((signal.SIGTERM, signal.SIGKILL)), draw.randrange(2)
    scenario = f"two processes: {number.name} {when}"
    # Before the other, so that data are prepared already, which prints a line.
    reference = _reference(place, subject)
    workdir = place.folder / "victims" / uuid.uuid4().hex / "run"
    team = _start(place, subject, workdir)
    readers = [Reader(process) for process in team]
    wait(team[0], workdir)
    struck = all(process.poll() is None for process in team)
    if struck:
        team[victim].send_signal(number)
    seconds, why = _end(team)
    errors = [reader.text()[1] for reader in readers]
    if struck and not why:
        why = _why(team, errors, number, victim)
    for _ in range(2):
        again = _start(place, subject, workdir)
        errors = [process.communicate()[1] for process in again]
        if not any(process.returncode for process in again):
            break
    else:
        why = why or f"does not continue: {errors}"
    why = why or interruptions.difference_to(reference, workdir)
    yield Trial(scenario, why and f"{subject.name}, process {victim + 1}: {why}", seconds=seconds)
    if not why:
        shutil.rmtree(workdir.parent)


def _start(place: Place, subject: Subject, workdir: Path) -> list[subprocess.Popen[str]]:
    with socket.create_server(("localhost", 0)) as free:
        address = f"localhost:{free.getsockname()[1]}"
    words = _SHORTER[subject.kind]
    return [
        subjects.start(place, subject, workdir, words=(*words, f"--processes={i}/2@{address}"))
        for i in (1, 2)
    ]


def _end(team: list[subprocess.Popen[str]]) -> tuple[float, str]:
    """Waits for all; returns the seconds, and what is wrong if they do not end in time."""
    began = time.perf_counter()
    for process in team:
        try:
            process.wait(max(0.0, began + _BOUND - time.perf_counter()))
        except subprocess.TimeoutExpired:
            for other in team:
                other.kill()
            return time.perf_counter() - began, f"not gone after {_BOUND:.0f} s"
    return time.perf_counter() - began, ""


def _why(
    team: list[subprocess.Popen[str]], errors: list[str], number: signal.Signals, victim: int
) -> str:
    """Returns what is wrong with the end of a run that was struck; "" if nothing is."""
    codes = [process.returncode for process in team]
    if not any(codes):
        # The run was about to finish.
        return ""
    if number == signal.SIGTERM and set(codes) - {_LEFT, 0}:
        return f"exit codes {codes}: {errors}"
    other = 1 - victim
    if number == signal.SIGKILL and codes[other] and len(errors[other].splitlines()) != 1:
        return f"expected one line, found {errors[other]!r}"
    return ""


def _reference(place: Place, subject: Subject) -> Path:
    """Returns the folder of a run of two processes that nothing happened to."""
    reference = place.folder / "references" / f"two_{subject.name}" / "run"
    with place.lock(("two", subject)):
        if not (reference / "report" / "result.json").exists():
            for process in _start(place, subject, reference):
                process.communicate()
    return reference

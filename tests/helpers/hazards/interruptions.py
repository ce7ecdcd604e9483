"""Kills, signals, time limits and poison, in real processes, against runs that nothing happened to."""

import functools
import json
import os
import random
import re
import shutil
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import outcomes
import subjects
from subjects import Place, Subject

_DEVICES = (1, 1, 1, 8)
_LEFT = 75


class Trial(NamedTuple):
    """One thing tried.

    Attributes:
        scenario: a row of the table.
        why: what went wrong; empty if nothing did.
        seconds: how long what matters took, if it is about time.
        lost: steps that had to be taken again, if it is about that.
    """

    scenario: str
    why: str = ""
    seconds: float | None = None
    lost: int | None = None


class Blow(NamedTuple):
    """What is done to a process, and when: `wait` returns once the moment has come."""

    scenario: str
    number: signal.Signals
    wait: Callable[[subprocess.Popen[str], Path], None]


def kills(draw: random.Random, place: Place) -> Iterator[Trial]:
    """Yields the trials of one run that is killed again and again, and then left to finish."""
    yield from _victim(draw, place, [_kill(draw) for _ in range(draw.randint(2, 6))])


def signals(draw: random.Random, place: Place) -> Iterator[Trial]:
    """Yields the trials of one run that is asked to leave again and again, and then left to finish."""
    yield from _victim(draw, place, [_request(draw) for _ in range(draw.randint(2, 6))])


def poison(draw: random.Random, place: Place) -> Iterator[Trial]:
    """Yields one trial: batches that are not numbers, with an interruption or two on top."""
    subject = Subject(draw.choice(("plain", "full", "patience")), 1)
    count, halvings = draw.choice((1, 2, 3, 4, 9)), draw.randint(1, 3)
    first = draw.randint(1, 110)
    program = (*subjects.POISONED, str(first), str(count), str(halvings))
    blows = [draw.choice((_kill, _request))(draw) for _ in range(draw.randint(0, 2))]
    trials = list(_victim(draw, place, blows, subject, program))
    records = (place.reference(subject, program) / "metrics.jsonl").read_text().splitlines()
    last = [record for record in map(json.loads, records) if record["split"] == "train"][-1]
    why = "; ".join(trial.why for trial in trials if trial.why)
    # A run out of patience may have ended before.
    poisoned = last["step"] >= first + count
    if poisoned and (last["halvings"] > 0) != (count >= subjects.MAX_SKIPS):
        why = f"{count} steps that are not finite, {last['halvings']} halvings"
    yield Trial("NaN at random steps", why)


def preparation(draw: random.Random, place: Place) -> Iterator[Trial]:
    """Yields one trial: a process killed while it prepares the dataset; the next one must manage."""
    subject = Subject("plain", 1)
    workdir = place.folder / "victims" / uuid.uuid4().hex / "run"
    data = workdir.with_name("data")
    process = subjects.start(place, subject, workdir, data_dir=data)
    until(process, data.exists)
    time.sleep(draw.uniform(0, 1.0))
    process.kill()
    process.communicate()
    process = subjects.start(place, subject, workdir, data_dir=data)
    _, errors = process.communicate()
    yield Trial(
        "SIGKILL while data are prepared", difference(place, subject, workdir, errors, process)
    )
    shutil.rmtree(workdir.parent)


def time_limit(draw: random.Random, place: Place) -> Iterator[Trial]:
    """Yields the trials of one run with a time limit, started until it is done."""
    subject = _subject(draw)
    workdir = place.folder / "victims" / uuid.uuid4().hex / "run"
    for _ in range(3):
        process = subjects.start(place, subject, workdir, words=("--config.time_limit=3s",))
        _, errors = process.communicate()
        if process.returncode == 0:
            break
        yield Trial("time limit", "" if process.returncode == _LEFT else errors)
    _, errors = subjects.finish(place, subject, workdir)
    yield Trial("time limit", difference(place, subject, workdir, errors))
    shutil.rmtree(workdir.parent)


def _kill(draw: random.Random) -> Blow:
    when, wait = moment(draw)
    return Blow(f"SIGKILL {when}", signal.SIGKILL, wait)


def _request(draw: random.Random) -> Blow:
    when, wait = moment(draw)
    number = draw.choice((signal.SIGTERM, signal.SIGINT))
    return Blow(f"{number.name} {when}", number, wait)


def moment(
    draw: random.Random, earliest: float = 0.2
) -> tuple[str, Callable[[subprocess.Popen[str], Path], None]]:
    """Returns when to strike, in words and as what waits for it; `earliest` is in seconds."""
    delay = draw.random()
    more = draw.randint(1, 150)
    patience = draw.uniform(earliest, earliest + 7.8)

    def anywhere(process: subprocess.Popen[str], workdir: Path) -> None:  # noqa: ARG001
        _sleep(process, patience)

    def training(process: subprocess.Popen[str], workdir: Path) -> None:
        goal = _records(workdir) + more
        until(process, lambda: _records(workdir) >= goal)

    def saving(process: subprocess.Popen[str], workdir: Path) -> None:
        known: set[Path] = set()
        for _ in range(1 + more // 50):
            known |= _saves(workdir)
            until(process, functools.partial(_saves_another, workdir, known))
        _sleep(process, 0.06 * delay)

    def reporting(process: subprocess.Popen[str], workdir: Path) -> None:
        until(process, lambda: bool(_found(workdir, "test_reads.json")))
        _sleep(process, 1.5 * delay)

    return draw.choices(
        (
            ("at a random moment", anywhere),
            ("while training", training),
            ("during a save", saving),
            ("during test and report", reporting),
        ),
        weights=(3, 4, 4, 1),
    )[0]


def _subject(draw: random.Random) -> Subject:
    return Subject(draw.choice(tuple(subjects.KINDS)), draw.choice(_DEVICES))


def _victim(
    draw: random.Random,
    place: Place,
    blows: list[Blow],
    subject: Subject | None = None,
    program: tuple[str, ...] = subjects.LAUNCH,
) -> Iterator[Trial]:
    """Yields a trial for each blow that a run received before it could finish.

    What a run comes to in the end shows whether all of them were survived, so if it is not what it
    should be, none was.
    """
    subject = subject or _subject(draw)
    workdir = place.folder / "victims" / uuid.uuid4().hex / "run"
    trials: list[Trial] = []
    reached: int | None = None
    for blow in blows:
        process = subjects.start(place, subject, workdir, program)
        output = Reader(process)
        blow.wait(process, workdir)
        if process.poll() is not None:
            output.text()
            break
        newest = _newest_record(workdir)
        process.send_signal(blow.number)
        began = time.perf_counter()
        process.wait()
        seconds = time.perf_counter() - began
        printed, errors = output.text()
        if trials:
            trials[-1] = _judged(trials[-1], printed, reached)
        if process.returncode == 0:
            break
        trials.append(_trial(blow, process.returncode, seconds, errors))
        reached = newest if blow.number == signal.SIGKILL else _left_at(errors)
    process = subjects.start(place, subject, workdir, program)
    printed, errors = process.communicate()
    if trials:
        trials[-1] = _judged(trials[-1], printed, reached)
    why = difference(place, subject, workdir, errors, process, program)
    for trial in trials:
        yield trial._replace(why=trial.why or (why and f"{subject.name}: {why}"))
    if not trials and why:
        yield Trial("left alone", why)
    if not why:
        shutil.rmtree(workdir.parent)


class Reader:
    """Reads a process's output while something else waits for it, so that no pipe fills up."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._said = ("", "")
        self._thread = threading.Thread(target=self._read, args=(process,), daemon=True)
        self._thread.start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        self._said = process.communicate()

    def text(self) -> tuple[str, str]:
        """Returns standard output and error, once the process has ended."""
        self._thread.join()
        return self._said


def _trial(blow: Blow, code: int, seconds: float, errors: str) -> Trial:
    if blow.number == signal.SIGKILL:
        return Trial(blow.scenario)
    why = ""
    # Before Python listens at all, a signal has its default effect.
    if code not in (_LEFT, -blow.number):
        why = f"exit code {code}: {errors[-300:]}"
    elif "Traceback" in errors and "KeyboardInterrupt" not in errors:
        why = errors[-300:]
    return Trial(blow.scenario, why, seconds=seconds)


def _left_at(errors: str) -> int | None:
    found = re.search(r"Interrupted at step ([\d,]+) of", errors)
    return int(found[1].replace(",", "")) if found else None


def _judged(trial: Trial, printed: str, reached: int | None) -> Trial:
    """Adds how many steps had to be taken again to a trial, from what the next start printed."""
    found = re.search(r"Resumed from step ([\d,]+)", printed)
    if not found or reached is None:
        return trial
    lost = reached - int(found[1].replace(",", ""))
    if trial.scenario.startswith("SIGKILL"):
        # Folds, trials and stages that are finished are gone past, so that only a run's own counts.
        return trial._replace(lost=lost) if lost >= 0 else trial
    why = trial.why or (f"left at step {reached}, resumed {lost} before it" if lost > 0 else "")
    return trial._replace(why=why, lost=max(lost, 0))


def difference(
    place: Place,
    subject: Subject,
    workdir: Path,
    errors: str,
    process: subprocess.Popen[str] | None = None,
    program: tuple[str, ...] = subjects.LAUNCH,
) -> str:
    """Returns how a finished run differs from the uninterrupted one, "" if it does not."""
    if process is not None and process.returncode:
        return f"exit code {process.returncode}: {errors[-600:]}"
    return difference_to(place.reference(subject, program), workdir)


def difference_to(reference: Path, workdir: Path) -> str:
    """Returns how a finished run differs from another, "" if it does not."""
    expected, found = outcomes.outcome(reference), outcomes.outcome(workdir)
    if differing := [key for key in expected if found.get(key) != expected[key]]:
        return f"other than uninterrupted: {', '.join(differing)} in {workdir}"
    if litter := subjects.files(workdir) - subjects.files(reference):
        return f"left behind: {', '.join(sorted(litter)[:5])}"
    return ""


def until(process: subprocess.Popen[str], condition: Callable[[], bool]) -> None:
    """Waits until a condition holds or the process has ended."""
    while process.poll() is None and not condition():
        time.sleep(0.002)


def _sleep(process: subprocess.Popen[str], seconds: float) -> None:
    end = time.perf_counter() + seconds
    until(process, lambda: time.perf_counter() >= end)


def _found(workdir: Path, name: str) -> list[Path]:
    """Returns the files and folders of a name; unlike `glob`, while others come and go."""
    walk = os.walk(workdir)
    return [Path(path) / name for path, folders, files in walk if name in {*folders, *files}]


def _saves(workdir: Path) -> set[Path]:
    """Returns the checkpoints that are being saved."""
    names = ((steps, os.listdir(steps)) for steps in _found(workdir, "steps"))
    return {steps / name for steps, found in names for name in found if "tmp" in name}


def _saves_another(workdir: Path, known: set[Path]) -> bool:
    return bool(_saves(workdir) - known)


def _records(workdir: Path) -> int:
    return sum(f.read_bytes().count(b'"train"') for f in _found(workdir, "metrics.jsonl"))


def _newest_record(workdir: Path) -> int | None:
    """Returns the last step on record of the run that was written to last."""
    files = [f for f in _found(workdir, "metrics.jsonl") if f.stat().st_size]
    if not files:
        return None
    lines = max(files, key=lambda f: f.stat().st_mtime).read_text().splitlines()
    steps = [int(found[1]) for line in lines if (found := re.match(r'\{"step": (\d+),', line))]
    return steps[-1] if steps else None

"""Data, base and machine exchanged under a run that was interrupted: refused or told of, and no bit lost."""

import contextlib
import io
import itertools
import json
import os
import random
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import outcomes
import subjects
from interruptions import Trial
from subjects import Place, Subject

from jaxletters.cli import command_line
from jaxletters.config.schema import Experiment
from jaxletters.core.errors import UserError
from jaxletters.experiments import dispatch
from jaxletters.runtime import log_filter, preemption
from jaxletters.runtime.preemption import Interrupted


def data_replaced(draw: random.Random, place: Place) -> Iterator[Trial]:
    """Yields one trial: other data lie where a run's data lay; the run needs its own to continue."""
    with place.lock("exchanges"):
        folder = place.folder / "victims" / uuid.uuid4().hex
        folder.mkdir(parents=True)
        file = folder / "letters.npz"
        subject = Subject(draw.choice(("npz", "npz folds")), 1)
        name, exchange = draw.choice(tuple(_EXCHANGES.items()))

        def replace() -> None:
            with np.load(place.configs / "letters.npz") as found:
                arrays = exchange(draw, dict(found))
            np.savez(file, **arrays)

        def restore() -> None:
            shutil.copy(place.configs / "letters.npz", file)

        words = (f"--config.dataset.images={file}",)
        expected = ("expected the data that this run began with",)
        why = _tried(draw, place, subject, folder / "run", words, replace, restore, expected)
        yield Trial(f"data replaced: {name}", why)
        if not why:
            shutil.rmtree(folder)


def base_retrained(draw: random.Random, place: Place) -> Iterator[Trial]:
    """Yields one trial: a base is trained again, to other weights, under what begins with it."""
    with place.lock("exchanges"):
        folder = place.folder / "victims" / uuid.uuid4().hex
        folder.mkdir(parents=True)
        subject = Subject(draw.choice(("transfer", "transfer folds")), 1)
        place.prepare(subject)
        own, other = place.configs / "base", _other_base(place)
        base = folder / "base"

        def replace() -> None:
            shutil.rmtree(base, ignore_errors=True)
            shutil.copytree(other, base)

        def restore() -> None:
            shutil.rmtree(base, ignore_errors=True)
            shutil.copytree(own, base)

        words = (f"--config.base.workdir={base}",)
        expected = (
            "expected the run of config.base that it began with",
            *map(_fingerprint, (own, other)),
        )
        why = _tried(draw, place, subject, folder / "run", words, replace, restore, expected)
        yield Trial("base retrained", why)
        if not why:
            shutil.rmtree(folder)


def another_machine(draw: random.Random, place: Place) -> Iterator[Trial]:
    """Yields one trial: a run continues with other cores, devices or flags, and says so."""
    folder = place.folder / "victims" / uuid.uuid4().hex
    subject = Subject(draw.choice(("plain", "full", "patience")), 1)
    workdir = folder / "run"
    machine = draw.choice(_machines())
    with place.lock("exchanges"):
        _begin(draw, place, subject, workdir, ())
    process = machine.start(place, subject, workdir)
    printed, errors = process.communicate()
    notices = [line for line in printed.splitlines() if "Changed since the last start" in line]
    page = workdir / "report" / "index.html"
    why = ""
    if process.returncode:
        why = f"exit code {process.returncode}: {errors[-600:]}"
    elif len(notices) != 1 or machine.said not in notices[0]:
        why = f"expected one notice of {machine.said}, found {notices}"
    elif machine.said not in page.read_text():
        why = f"{page} says nothing of {machine.said}"
    yield Trial(f"another machine: {machine.name}", why)
    if not why:
        shutil.rmtree(folder)


def _tried(
    draw: random.Random,
    place: Place,
    subject: Subject,
    workdir: Path,
    words: tuple[str, ...],
    replace: Callable[[], None],
    restore: Callable[[], None],
    expected: tuple[str, ...],
) -> str:
    """Returns what went wrong, "" if the exchange was refused and the run ended as if without it.

    In this process, because what is tried is not how a run was interrupted.
    """
    restore()
    reference = _reference(place, subject)
    config = _begin(draw, place, subject, workdir, words)
    before = _content(workdir)
    replace()
    try:
        _run(config, workdir)
        return "not refused"
    except UserError as error:
        lines = str(error).splitlines()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if len(lines) != 1 or (missing := [text for text in expected if text not in lines[0]]):
        return f"expected one line with {expected}, found {lines}, missing {missing}"
    if _content(workdir) != before:
        return f"the refusal changed {workdir}"
    restore()
    _run(config, workdir)
    found, wanted = outcomes.outcome(workdir), outcomes.outcome(reference)
    differing = [key for key in wanted if found.get(key) != wanted[key]]
    return f"other than uninterrupted: {', '.join(differing)} in {workdir}" if differing else ""


def _begin(
    draw: random.Random, place: Place, subject: Subject, workdir: Path, words: tuple[str, ...]
) -> Experiment:
    """Begins a run in this process, interrupts it after its first checkpoint, and returns its config."""
    config = _config(place, subject, workdir, *words)
    looks = draw.randint(3, 60)
    while not _has_checkpoint(workdir):
        _interrupt(config, workdir, looks)
    return config


def _config(place: Place, subject: Subject, workdir: Path, *words: str) -> Experiment:
    data_dir = f"--config.dataset.data_dir={place.folder / 'data'}"
    return command_line.parse(place.command(subject, workdir, data_dir, *words))[0]


def _reference(place: Place, subject: Subject) -> Path:
    """Returns the folder of the run that nothing happened to, which is made in this process if need be."""
    folder = place.folder / "references" / f"{subject.name} here" / "run"
    if not folder.exists():
        _run(_config(place, subject, folder), folder)
    return folder


def _run(config: Experiment, workdir: Path) -> None:
    with log_filter.installed(), contextlib.redirect_stdout(io.StringIO()):
        dispatch.run(config, workdir)


def _interrupt(config: Experiment, workdir: Path, looks: int) -> None:
    """Interrupts a run in this process when it looks for that for the given time, or lets it finish."""
    requested, counter = preemption.requested, itertools.count(1)
    preemption.requested = lambda: next(counter) >= looks
    try:
        _run(config, workdir)
    except Interrupted:
        return
    finally:
        preemption.requested = requested


def _has_checkpoint(workdir: Path) -> bool:
    return any(path.name.isdigit() for path in workdir.glob("**/steps/*"))


def _content(workdir: Path) -> dict[Path, bytes]:
    return {p: p.read_bytes() for p in workdir.rglob("*") if p.is_file() and p.name != ".lock"}


Arrays = dict[str, np.ndarray]


def _one_pixel(draw: random.Random, arrays: Arrays) -> Arrays:
    images = arrays["train_images"].copy()
    images.reshape(-1)[draw.randrange(images.size)] ^= 1 << draw.randrange(8)
    return {**arrays, "train_images": images}


def _one_label(draw: random.Random, arrays: Arrays) -> Arrays:
    labels = arrays["train_labels"].copy()
    i = draw.randrange(len(labels))
    labels[i] = labels[i] % 26 + 1
    return {**arrays, "train_labels": labels}


def _fewer(draw: random.Random, arrays: Arrays) -> Arrays:
    kept = len(arrays["train_labels"]) - draw.randint(1, 200)
    return {
        name: array[:kept] if name.startswith("train") else array for name, array in arrays.items()
    }


def _order(draw: random.Random, arrays: Arrays) -> Arrays:
    i, j = draw.sample(range(len(arrays["train_labels"])), 2)
    changed = {name: array.copy() for name, array in arrays.items()}
    for name in ("train_images", "train_labels"):
        changed[name][[i, j]] = changed[name][[j, i]]
    return changed


def _others(draw: random.Random, arrays: Arrays) -> Arrays:
    return subjects.letters(len(arrays["train_labels"]), draw.randint(2, 1000))


# What takes the place of a run's data.
_EXCHANGES: dict[str, Callable[[random.Random, Arrays], Arrays]] = {
    "a pixel": _one_pixel,
    "a label": _one_label,
    "fewer examples": _fewer,
    "another order": _order,
    "other letters": _others,
}


def _other_base(place: Place) -> Path:
    """Returns a base that was trained with another learning rate, which is made if need be."""
    other = place.configs / "base_other"
    with place.lock("base_other"):
        if not other.exists():
            part = place.configs / "base_other.part"
            words = ("--config.optimizer.learning_rate=0.004",)
            subjects.finish(place, Subject("full", 1), part, words=words)
            part.rename(other)
    return other


def _fingerprint(base: Path) -> str:
    """Returns how a message names the config of a base."""
    result = json.loads((base / "report" / "result.json").read_text())
    return f"config {result['fingerprint'][:12]}"


class Machine(NamedTuple):
    """Another machine than the one that a run began on.

    Attributes:
        name: what differs.
        said: what the notice must say of it.
        devices: CPU devices.
        environment: variables.
        wrapper: a command in front.
    """

    name: str
    said: str
    devices: int = 1
    environment: tuple[tuple[str, str], ...] = ()
    wrapper: tuple[str, ...] = ()

    def start(self, place: Place, subject: Subject, workdir: Path):
        """Continues a run on this machine."""
        return subjects.start(
            place,
            subject._replace(devices=self.devices),
            workdir,
            environment=dict(self.environment),
            wrapper=self.wrapper,
        )


def _machines() -> list[Machine]:
    cores = sorted(os.sched_getaffinity(0))
    precision = ("JAX_DEFAULT_MATMUL_PRECISION", "highest")
    found = [
        Machine("devices", "devices 1 cpu is now 8 cpu", devices=8),
        Machine("flags", "JAX_DEFAULT_MATMUL_PRECISION None is now highest", 1, (precision,)),
    ]
    if len(cores) > 1 and shutil.which("taskset"):
        said = f"usable cores {len(cores)} is now 1"
        found.append(Machine("cores", said, wrapper=("taskset", "-c", str(cores[0]))))
    return found

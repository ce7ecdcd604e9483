"""Data, base and machine exchanged under a run that was interrupted: refused or told of, and no bit lost."""

import json
import os
import random
import shutil
import signal
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import interruptions
import numpy as np
import subjects
from interruptions import Trial
from subjects import Place, Subject

_LEFT, _TO_BE_CORRECTED = 75, 2


def data_replaced(draw: random.Random, place: Place) -> Iterator[Trial]:
    """Yields one trial: other data lie where a run's data lay; the run needs its own to continue."""
    folder = place.folder / "victims" / uuid.uuid4().hex
    folder.mkdir(parents=True)
    subject = Subject(draw.choice(("npz", "npz folds")), 1)
    file, workdir = folder / "letters.npz", folder / "run"
    shutil.copy(place.configs / "letters.npz", file)
    words = (f"--config.dataset.npz={file}",)
    name, exchange = draw.choice(tuple(_EXCHANGES.items()))

    def replace() -> None:
        with np.load(place.configs / "letters.npz") as found:
            arrays = exchange(draw, dict(found))
        np.savez(file, **arrays)

    def restore() -> None:
        shutil.copy(place.configs / "letters.npz", file)

    expected = ("expected the data that this run began with",)
    why = _tried(draw, place, subject, workdir, words, replace, restore, expected)
    yield Trial(f"data replaced: {name}", why)
    if not why:
        shutil.rmtree(folder)


def base_retrained(draw: random.Random, place: Place) -> Iterator[Trial]:
    """Yields one trial: a base is trained again, to other weights, under what begins with it."""
    folder = place.folder / "victims" / uuid.uuid4().hex
    folder.mkdir(parents=True)
    subject = Subject(draw.choice(("transfer", "transfer folds")), 1)
    place.prepare(subject)
    own, other = place.configs / "base", _other_base(place)
    base, workdir = folder / "base", folder / "run"
    shutil.copytree(own, base)
    words = (f"--config.base.workdir={base}",)

    def swap(by: Path) -> Callable[[], None]:
        def do() -> None:
            shutil.rmtree(base)
            shutil.copytree(by, base)

        return do

    expected = ("expected the base that this run began with", *map(_fingerprint, (own, other)))
    why = _tried(draw, place, subject, workdir, words, swap(other), swap(own), expected)
    yield Trial("base retrained", why)
    if not why:
        shutil.rmtree(folder)


def another_machine(draw: random.Random, place: Place) -> Iterator[Trial]:
    """Yields one trial: a run continues with other cores, devices or flags, and says so."""
    folder = place.folder / "victims" / uuid.uuid4().hex
    subject = Subject(draw.choice(("plain", "full", "patience")), 1)
    workdir = folder / "run"
    machine = draw.choice(_machines())
    if why := _interrupt(draw, place, subject, workdir, ()):
        yield Trial(f"another machine: {machine.name}", why)
        return
    process = machine.start(place, subject, workdir)
    printed, errors = process.communicate()
    notices = [line for line in printed.splitlines() if "Not as when this run began" in line]
    page = workdir / "report" / "index.html"
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
    """Returns what went wrong, "" if the exchange was refused and the run ended as if without it."""
    if why := _interrupt(draw, place, subject, workdir, words):
        return why
    before = _content(workdir)
    replace()
    process = subjects.start(place, subject, workdir, words=words)
    _, errors = process.communicate()
    lines = errors.splitlines()
    if process.returncode != _TO_BE_CORRECTED or len(lines) != 1:
        return (
            f"expected a refusal in one line, found exit code {process.returncode}: {errors[-600:]}"
        )
    if missing := [text for text in expected if text not in lines[0]]:
        return f"expected {missing} in: {lines[0]}"
    if _content(workdir) != before:
        return f"the refusal changed {workdir}"
    restore()
    process = subjects.start(place, subject, workdir, words=words)
    _, errors = process.communicate()
    return interruptions.difference(place, subject, workdir, errors, process)


def _interrupt(
    draw: random.Random, place: Place, subject: Subject, workdir: Path, words: tuple[str, ...]
) -> str:
    """Interrupts a run at a random moment after its first checkpoint, or lets it finish."""
    process = subjects.start(place, subject, workdir, words=words)
    output = interruptions.Reader(process)
    interruptions.until(process, lambda: _has_checkpoint(workdir))
    _, wait = interruptions.moment(draw)
    wait(process, workdir)
    number = draw.choice((signal.SIGKILL, signal.SIGTERM))
    process.send_signal(number)
    process.wait()
    _, errors = output.text()
    return "" if process.returncode in (0, _LEFT, -number) else errors[-600:]


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

    def start(self, place: Place, subject: Subject, workdir: Path):  # noqa: ANN201, as `subjects.start`
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

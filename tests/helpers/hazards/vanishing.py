"""A disk that goes away in the middle of a run: a FUSE mount whose daemon is killed."""

import contextlib
import os
import random
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import interruptions
import outcomes
import subjects
from interruptions import Trial
from subjects import Place, Subject

_LEFT = 75
# How long a run may wait where the disk stays away, and where it comes back.
_SHORT, _LONG = "1s", "10m"


def unavailable() -> str:
    """Returns why nothing can be mounted here, "" if it can."""
    if shutil.which("bindfs") is None:
        return "bindfs is not installed (apt-get install bindfs)"
    with tempfile.TemporaryDirectory() as folder:
        try:
            with mounted(Path(folder)):
                return ""
        except (OSError, RuntimeError) as error:
            return f"bindfs cannot mount ({error})"


class Mount:
    """A folder that is seen through a daemon.

    Attributes:
        real: the folder.
        path: where it is seen.
    """

    def __init__(self, folder: Path) -> None:
        self.real, self.path = folder / "disk", folder / "mount"
        for path in (self.real, self.path):
            path.mkdir(parents=True)
        self._daemon = self._start()

    def kill(self) -> None:
        """Kills the daemon: whatever is done there fails from now on."""
        self._daemon.kill()
        self._daemon.communicate()

    def unmount(self) -> None:
        """Takes the dead mount away; an empty folder is left."""
        subprocess.run(("umount", "-l", self.path), check=False, capture_output=True)

    def mount(self) -> None:
        """Mounts the folder again."""
        self._daemon = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        daemon = subprocess.Popen(("bindfs", "-f", self.real, self.path), stderr=subprocess.PIPE)
        while not os.path.ismount(self.path):
            if daemon.poll() is not None:
                raise RuntimeError(daemon.communicate()[1].decode().strip())
            time.sleep(0.01)
        return daemon


@contextlib.contextmanager
def mounted(folder: Path) -> Iterator[Mount]:
    """Yields a mount in a folder, which is gone afterwards."""
    mount = Mount(folder)
    try:
        yield mount
    finally:
        mount.kill()
        mount.unmount()


def disk_gone(draw: random.Random, place: Place) -> Iterator[Trial]:
    """Yields one trial: a disk goes away once or twice, and comes back in time or for the next start."""
    folder = place.folder / "victims" / uuid.uuid4().hex
    folder.mkdir(parents=True)
    role, trial = draw.choice((("run folder", _run_folder), ("mirror", _mirror)))
    with mounted(folder) as mount:
        when, why = trial(draw, place, folder, mount)
    yield Trial(f"disk of the {role} gone {when}", why)
    if not why:
        shutil.rmtree(folder)


def _run_folder(draw: random.Random, place: Place, _: Path, mount: Mount) -> tuple[str, str]:
    name = draw.choice((".", "run"))
    subject = _subject(draw)

    def judge(errors: str) -> str:
        return interruptions.difference(place, subject, mount.real / name, errors)

    begun = mount.real / name / ".lock"
    return _tried(
        draw, place, subject, mount, mount.path / name, mount.real / name, begun, (), judge
    )


def _mirror(draw: random.Random, place: Place, folder: Path, mount: Mount) -> tuple[str, str]:
    subject = _subject(draw)
    workdir, mirror = folder / "run", mount.real / "mirror"

    def judge(errors: str) -> str:
        if why := interruptions.difference(place, subject, workdir, errors):
            return why
        if outcomes.outcome(mirror) != outcomes.outcome(workdir):
            return f"the mirror is other than the run: {mirror}"
        if differing := subjects.files(mirror) ^ (subjects.files(workdir) - {".lock"}):
            return f"only in the mirror or the run: {', '.join(sorted(differing)[:5])}"
        return ""

    words = (f"--config.checkpoint.mirror={mount.path / 'mirror'}",)
    begun = mirror / "config.json"
    return _tried(draw, place, subject, mount, workdir, workdir, begun, words, judge)


def _subject(draw: random.Random) -> Subject:
    return Subject(draw.choice(tuple(subjects.KINDS)), 1)


def _tried(
    draw: random.Random,
    place: Place,
    subject: Subject,
    mount: Mount,
    workdir: Path,
    seen: Path,
    begun: Path,
    words: tuple[str, ...],
    judge: Callable[[str], str],
) -> tuple[str, str]:
    """Returns when the disk went away and what went wrong, "" if nothing did.

    Args:
        draw: where randomness comes from.
        place: where everything lies.
        subject: the kind of run.
        mount: the disk.
        workdir: the run folder.
        seen: the same folder, past the disk.
        begun: what is there once the run has seen the disk; before, it would take an empty folder for it.
        words: of the command line.
        judge: what is wrong with the finished run, given what it wrote to standard error.
    """
    in_time = draw.random() < 0.8
    words = (*words, f"--config.checkpoint.give_up_after={_LONG if in_time else _SHORT}")
    process = subjects.start(place, subject, workdir, words=words)
    output = interruptions.Reader(process)
    interruptions.until(process, lambda: begun.exists() and begun.stat().st_size > 0)
    moments = [interruptions.moment(draw) for _ in range(draw.choice((1, 1, 2)) if in_time else 1)]
    for _, wait in moments:
        wait(process, seen)
        mount.kill()
        time.sleep(draw.uniform(0.5, 2.5))
        if not in_time:
            process.wait()
        mount.unmount()
        time.sleep(draw.uniform(0.5, 2.5))
        mount.mount()
    process.wait()
    when = moments[0][0] if in_time else "for too long"
    _, errors = output.text()
    if not in_time and process.returncode == _LEFT:
        # A dataset may have been announced before, in a line of its own.
        said = [line for line in errors.splitlines() if not line.startswith("Preparing ")]
        if len(said) != 1:
            return when, f"expected one line, found: {errors[:600]} ... {errors[-200:]}"
        process = subjects.start(place, subject, workdir, words=words)
        _, errors = process.communicate()
    if process.returncode or "Traceback" in errors:
        return when, f"{subject.name}: exit code {process.returncode}: {errors[-600:]}"
    return when, judge(errors)

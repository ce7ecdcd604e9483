"""A mirror of a run folder: whole at any moment, and enough to begin from."""

import errno
import json
import os
import random
import time

import pytest

from jaxletters.cli import command_line
from jaxletters.config.schema import Config
from jaxletters.config.training import CheckpointConfig
from jaxletters.core.errors import UserError
from jaxletters.experiments import dispatch
from jaxletters.runs import disk, mirror, workdir
from jaxletters.runtime.files import write_bytes
from jaxletters.runtime.preemption import EXIT_CODE


class Killed(BaseException):
    """The end of a process, at once."""


def save(folder, step, content="", part=""):
    """Leaves a checkpoint, and the records up to it before."""
    here = folder / part
    records = "".join(f'{{"step": {s}}}\n' for s in range(1, step + 1))
    write_bytes(here / "metrics.jsonl", records.encode())
    where = here / "steps" / str(step)
    for name in ("state/d/array", "best/d/array", "commit_success.txt"):
        write_bytes(where / name, f"{content}{step}{name}".encode() * 50)
    write_bytes(where / "meta" / "metadata", f"digests {content}{step}".encode())


def remove(folder, step, part=""):
    for path in sorted((folder / part / "steps" / str(step)).rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (folder / part / "steps" / str(step)).rmdir()


def content(folder):
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file() and p.name != ".lock"
    }


def assert_could_be_begun_from(folder):
    """Every checkpoint is whole, and comes with the records up to it; no end without what led to it."""
    for metrics in folder.rglob("metrics.jsonl"):
        steps = [p for p in (metrics.parent / "steps").glob("*") if p.name.isdigit()]
        for step in steps:
            assert len(content(step)) == 4
            assert len(metrics.read_text().splitlines()) >= int(step.name)
    for record in folder.rglob("fold.json"):
        assert (record.parent / "logits.npy").exists()
    if (folder / "report" / "result.json").exists():
        assert (folder / "report" / "index.html").exists()
        assert (folder / "fold1" / "fold.json").exists()


def grow(folder):
    """Yields after each thing that a run of one fold leaves."""
    write_bytes(folder / "config.json", b"{}")
    yield
    for step in (10, 20, 30):
        save(folder, step, part="fold1")
        yield
        if step > 10:
            remove(folder, step - 10, part="fold1")
            yield
    save(folder, 40, "before going back", part="fold1")
    yield
    remove(folder, 40, part="fold1")
    save(folder, 40, "after going back", part="fold1")
    yield
    write_bytes(folder / "fold1" / "logits.npy", b"logits")
    write_bytes(folder / "fold1" / "fold.json", b"{}")
    yield
    write_bytes(folder / "report" / "index.html", b"<p>")
    write_bytes(folder / "report" / "result.json", b"{}")
    yield


def killed_at(monkeypatch, operation):
    """Lets the process be killed before the given change of a file or folder."""
    count = iter(range(10**9))

    def counted(function):
        def before(*args, **kwargs):
            if next(count) == operation:
                raise Killed
            return function(*args, **kwargs)

        return before

    for name in ("replace", "rename", "rmdir", "mkdir", "unlink", "fsync"):
        monkeypatch.setattr(os, name, counted(getattr(os, name)))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40))
def test_a_process_killed_while_it_copies_leaves_what_could_be_begun_from(
    tmp_path, monkeypatch, seed
):
    draw = random.Random(seed)
    source, target = tmp_path / "run", tmp_path / "mirror"
    copied = {}
    for _ in grow(source):
        if draw.random() < 0.5:
            continue
        with monkeypatch.context() as patched:
            killed_at(patched, draw.randint(0, 40))
            try:
                mirror.copy(source, target, copied)
            except Killed:
                copied = {}
        if target.exists():
            assert_could_be_begun_from(target)
    mirror.copy(source, target, copied)
    assert content(target) == content(source)
    back = tmp_path / "back"
    mirror.copy(target, back, {})
    assert content(back) == content(source)


def test_what_is_removed_from_the_run_is_removed_from_its_mirror_and_nothing_else(tmp_path):
    source, target = tmp_path / "run", tmp_path / "mirror"
    for step in (1, 2, 3):
        save(source, step)
    mirror.copy(source, target, {})
    write_bytes(target / "notes.txt", b"mine")
    remove(source, 1)
    mirror.copy(source, target, {})
    assert {p.name for p in (target / "steps").iterdir()} == {"2", "3"}
    assert (target / "notes.txt").exists()
    assert not list(target.glob(".part"))


def test_what_is_there_is_not_copied_again(tmp_path):
    source, target = tmp_path / "run", tmp_path / "mirror"
    save(source, 1)
    mirror.copy(source, target, {})
    before = {p: p.stat().st_ino for p in target.rglob("*") if p.is_file()}
    mirror.copy(source, target, {})
    assert {p: p.stat().st_ino for p in target.rglob("*") if p.is_file()} == before


def mirrored(place, **settings):
    return Config(checkpoint=CheckpointConfig(mirror=str(place), **settings))


@pytest.fixture
def trained(monkeypatch):
    """Stands in for training: ten steps further at each call, finished at 30."""

    def run(config, folder):
        workdir.write_config(folder, config)
        done = max((int(p.name) for p in folder.glob("steps/*")), default=0)
        begun.append(done)
        for step in range(done + 10, 40, 10):
            save(folder, step)
            if step in stops:
                raise UserError(f"stopped at {step}")
        write_bytes(folder / "report" / "result.json", b'{"test_accuracy": 0.5}')
        return workdir.result(folder)

    begun, stops = [], []
    monkeypatch.setitem(dispatch._RUN, Config, run)
    monkeypatch.setattr(mirror, "_PAUSE", 0.01)
    return begun, stops


@pytest.mark.slow
def test_a_new_machine_begins_from_the_mirror_and_one_that_is_behind_does_too(tmp_path, trained):
    begun, stops = trained
    config = mirrored(tmp_path / "mirror")
    stops.append(10)
    with pytest.raises(UserError, match="stopped at 10"):
        dispatch.run(config, tmp_path / "first")
    stops[:] = [20]
    with pytest.raises(UserError, match="stopped at 20"):
        dispatch.run(config, tmp_path / "second")
    stops.clear()
    dispatch.run(config, tmp_path / "first")
    assert begun == [0, 10, 20]
    assert content(tmp_path / "first") == content(tmp_path / "mirror")
    dispatch.run(config, tmp_path / "third")
    assert content(tmp_path / "third") == content(tmp_path / "mirror")


@pytest.mark.parametrize("where", [".", "inside", "..", "link"])
def test_a_mirror_in_the_run_folder_or_around_it_is_refused(tmp_path, trained, where):
    folder = tmp_path / "runs" / "run"
    folder.mkdir(parents=True)
    (folder.parent / "other").symlink_to(folder)
    place = folder.parent / "other" if where == "link" else folder / where
    with pytest.raises(UserError, match="expected a folder apart from the run folder") as caught:
        dispatch.run(mirrored(place), folder)
    assert len(str(caught.value).splitlines()) == 1
    assert trained[0] == []


def test_a_mirror_that_holds_another_run_or_other_files_is_refused_and_left_alone(
    tmp_path, trained
):
    other, files = tmp_path / "other", tmp_path / "files"
    dispatch.run(Config(seed=4), other)
    write_bytes(files / "thesis.txt", b"years of work")
    before = content(tmp_path)
    for place, what in ((other, "config.seed is 4 there, 0 here"), (files, "found other files")):
        with pytest.raises(UserError) as caught:
            dispatch.run(mirrored(place), tmp_path / "run")
        (line,) = str(caught.value).splitlines()
        assert what in line
        assert "--config.checkpoint.mirror" in line
    assert content(tmp_path) == before
    assert trained[0] == [0]


def test_a_mirror_whose_disk_is_not_mounted_is_refused(tmp_path, trained):
    with pytest.raises(UserError, match="drive to be there, found nothing; mount"):
        dispatch.run(mirrored(tmp_path / "drive" / "run"), tmp_path / "run")
    assert trained[0] == []


def away(monkeypatch, place, once=False):
    """Lets whatever is written to a mirror fail, as if its disk were away; `once` for a while only."""
    copy, tries = mirror.copy, []

    def fail(source, target, copied):
        tries.append(target)
        if target == place and (not once or len(tries) < 3):
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
        return copy(source, target, copied)

    monkeypatch.setattr(mirror, "copy", fail)


@pytest.mark.slow
def test_a_mirror_that_stays_away_costs_no_training_and_ends_with_75(
    tmp_path, monkeypatch, trained, capfd
):
    place, folder = tmp_path / "mirror", tmp_path / "run"
    config = mirrored(place, give_up_after="1s")
    with monkeypatch.context() as gone:
        away(gone, place)
        code = command_line.exit_code(lambda: dispatch.run(config, folder))
    assert code == EXIT_CODE
    assert json.loads((folder / "report" / "result.json").read_text())["test_accuracy"] == 0.5
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(f"{place}: away for 1s (")
    assert f"everything is in {folder}; run the same command" in line
    assert command_line.exit_code(lambda: dispatch.run(config, folder)) == 0
    assert content(place) == content(folder)
    assert trained[0][0] == 0


@pytest.mark.slow
@pytest.mark.usefixtures("trained")
def test_a_mirror_that_comes_back_is_complete_in_the_end(tmp_path, monkeypatch):
    place, folder = tmp_path / "mirror", tmp_path / "run"
    away(monkeypatch, place, once=True)
    dispatch.run(mirrored(place), folder)
    assert content(place) == content(folder)


def test_a_full_mirror_is_the_users_to_mend_once_the_run_is_finished(
    tmp_path, monkeypatch, trained, capfd
):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(mirror, "copy", full)
    place, folder = tmp_path / "mirror", tmp_path / "run"
    assert command_line.exit_code(lambda: dispatch.run(mirrored(place), folder)) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert f"{place}: cannot be written ({os.strerror(errno.ENOSPC)})" in line
    assert (folder / "report" / "result.json").exists()
    assert trained[0] == [0]


def test_an_empty_folder_where_the_mirror_was_mounted_is_not_written_to(tmp_path, monkeypatch):
    place, folder, elsewhere = (tmp_path / name for name in ("mirror", "run", "elsewhere"))
    for module in (mirror, disk):
        monkeypatch.setattr(module, "_PAUSE", 0.01)

    def run(config, folder):
        workdir.write_config(folder, config)
        until(lambda: (place / "config.json").exists())
        place.rename(elsewhere)
        place.mkdir()
        save(folder, 10)
        until(lambda: len(notices) > 2)
        assert not list(place.iterdir())
        place.rmdir()
        elsewhere.rename(place)
        write_bytes(folder / "report" / "result.json", b"{}")
        return {}

    notices = []
    went_away = disk.Disk._record_outage

    def noted(*args):
        went_away(*args)
        notices.append("away")

    monkeypatch.setattr(disk.Disk, "_record_outage", noted)
    monkeypatch.setitem(dispatch._RUN, Config, run)
    dispatch.run(mirrored(place), folder)
    assert content(place) == content(folder)


def until(condition):
    """Waits for what another thread does."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)

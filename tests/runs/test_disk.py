"""A disk that goes away while a run is at work: whatever was to be written is written when it is back."""

import contextlib
import dataclasses
import errno
import json
import os
import random
import shutil

import orbax.checkpoint as ocp
import pytest
import tiny

from jaxletters.cli import command_line
from jaxletters.config.schema import Config
from jaxletters.config.training import CheckpointConfig, LossConfig, OptimizerConfig, TrainingConfig
from jaxletters.core.errors import UserError
from jaxletters.core.types import Dataset
from jaxletters.experiments import dispatch
from jaxletters.runs import checkpoint, disk, journal, lock, tensorboard, workdir
from jaxletters.runs.disk import Disk
from jaxletters.runtime import files
from jaxletters.runtime.files import write_bytes
from jaxletters.runtime.preemption import EXIT_CODE, Interrupted
from jaxletters.training import loop
from jaxletters.training.plan import Plan

AWAY = [errno.ENOTCONN, errno.ETIMEDOUT, errno.EIO, errno.ESTALE, errno.ENODEV, errno.EHOSTDOWN]

# Diverges, so that it goes back twice.
CONFIG = Config(
    optimizer=OptimizerConfig(name="sgd", learning_rate=4.0),
    loss=LossConfig(l2=1.0),
    training=TrainingConfig(batch_size=8, epochs=8, max_skips=3, max_rollbacks=4),
    checkpoint=CheckpointConfig(every_steps=3, max_to_keep=2),
    log_every_steps=2,
)
PLAN = Plan.of(CONFIG, 37)


class Clock:
    """A clock that time passes on by being looked at, and by sleeping."""

    def __init__(self, step=0.02):
        self.now, self.step = 0.0, step

    def monotonic(self):
        self.now += self.step
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    found = Clock()
    monkeypatch.setattr(disk, "time", found)
    return found


def failure(number):
    return OSError(number, os.strerror(number))


def test_errors_of_a_disk_that_may_come_back_are_told_from_others(tmp_path):
    inside = str(tmp_path / "steps")
    for number in AWAY:
        assert files.disk_outage(failure(number), tmp_path) == os.strerror(number)
        wrapped = UserError("cannot be written")
        wrapped.__cause__ = ValueError(f"UNAVAILABLE: {inside} [os_error_code='{number}']")
        assert files.disk_outage(wrapped, tmp_path) == os.strerror(number)
    # As under an unmounted disk.
    gone = FileNotFoundError(errno.ENOENT, "No such file or directory", inside)
    assert files.disk_outage(gone, tmp_path)
    for said in (
        f"Directory does not exist: {inside}",
        f"Checkpoint path {inside} does not exist.",
    ):
        assert files.disk_outage(FileNotFoundError(said), tmp_path)
        assert files.disk_outage(ValueError(said), tmp_path)
    elsewhere = FileNotFoundError(errno.ENOENT, "No such file or directory", "/elsewhere")
    others = [failure(n) for n in (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT)]
    for error in (*others, elsewhere, ValueError("a bug")):
        assert files.disk_outage(error, tmp_path) is None


def test_what_will_not_pass_by_itself_is_raised_at_once(tmp_path, clock):
    there = Disk(tmp_path, "10m", pytest.fail)
    for number in (errno.ENOSPC, errno.EROFS, errno.EACCES):
        with pytest.raises(OSError, match=os.strerror(number)):
            there.retry(lambda number=number: throw(failure(number)), str)
    assert clock.now < 1


def throw(error):
    raise error


def test_it_is_tried_again_until_it_is_there_and_said_once(tmp_path, clock):
    notices = []
    there = Disk(tmp_path, "10m", notices.append)
    answers = iter([failure(errno.EIO), failure(errno.ENOTCONN), None])

    def action():
        if error := next(answers):
            raise error
        return "done"

    assert there.retry(action, str) == "done"
    assert clock.now < 5
    assert [notice.split(": ", 1)[0] for notice in notices] == [str(tmp_path)] * 2
    assert os.strerror(errno.EIO) in notices[0]
    assert "there again after 2s" in notices[1]


def test_after_its_time_it_is_given_up_with_what_is_kept(tmp_path, clock):
    there = Disk(tmp_path, "2m", [].append)
    with pytest.raises(Interrupted) as caught:
        there.retry(lambda: throw(failure(errno.EHOSTDOWN)), lambda: "step 3 is kept")
    assert str(caught.value) == f"{tmp_path}: away for 2m (Host is down); step 3 is kept"
    assert 120 <= clock.now < 125


def test_a_disk_that_is_slow_to_fail_is_tried_less_often(tmp_path, clock):
    there = Disk(tmp_path, "10m", [].append)
    tries = []

    def action():
        tries.append(clock.now)
        clock.now += 5
        raise failure(errno.ETIMEDOUT)

    while clock.now < 300:
        assert not there.attempt(action)
        clock.now += 0.25
    assert len(tries) < 12


def test_nothing_is_written_to_the_empty_folder_that_an_unmounted_disk_leaves(tmp_path, clock):
    folder, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    with lock.hold(folder):
        there = Disk(folder, "10m", [].append)
        write_bytes(folder / "config.json", b"{}")
        folder.rename(elsewhere)
        folder.mkdir()
        written = []
        for _ in range(9):
            assert not there.attempt(lambda: written.append(1))
            clock.now += 1
        assert written == []
        folder.rmdir()
        elsewhere.rename(folder)
        assert there.attempt(lambda: written.append(1))
        assert written == [1]
        # The lock that went with the disk is taken again.
        assert lock.is_held(folder)
    assert not lock.is_held(folder)


class Flaky:
    """A disk that is away now and then: everything that a run writes with fails, each in its way."""

    def __init__(self, monkeypatch, clock, away, draw):
        self.clock, self.away, self.draw = clock, away, draw
        self.outages = set()
        self.fail_before(monkeypatch, journal.os, "fsync")
        self.fail_before(monkeypatch, journal._RecordFile, "_open")
        self.fail_before(monkeypatch, tensorboard.EventFile, "_write")
        self.fail_before(monkeypatch, checkpoint.shutil, "disk_usage")
        self.fail_before(monkeypatch, checkpoint.Checkpoints, "__init__")
        self.fail_before(monkeypatch, checkpoint.Checkpoints, "restore")
        self.fail_before(monkeypatch, checkpoint.Checkpoints, "roll_back")
        wait = ocp.CheckpointManager.wait_until_finished
        flaky = self

        def lose(manager):
            """What a background save meets: it ends, but what it wrote is not there."""
            wait(manager)
            if number := flaky.number():
                shutil.rmtree(manager.directory / str(manager.latest_step()), ignore_errors=True)
                raise ValueError(f"UNAVAILABLE: {manager.directory} [os_error_code='{number}']")

        monkeypatch.setattr(ocp.CheckpointManager, "wait_until_finished", lose)

    def number(self):
        for outage in self.away:
            if outage[0] <= self.clock.now < outage[1]:
                self.outages.add(outage)
                return self.draw.choice(AWAY)
        return None

    def fail_before(self, monkeypatch, owner, name):
        function = getattr(owner, name)

        def fail(*args, **kwargs):
            if number := self.number():
                raise failure(number)
            return function(*args, **kwargs)

        monkeypatch.setattr(owner, name, fail)


@pytest.fixture(scope="module")
def task():
    return tiny.task(optimizer=CONFIG.optimizer, loss=CONFIG.loss)._replace(
        max_skips=CONFIG.training.max_skips
    )


def dataset(n, seed):
    return Dataset(*tiny.arrays(n, seed), tuple("ABCDE"))


def fit(task, folder, give_up_after="10m"):
    saving = dataclasses.replace(CONFIG.checkpoint, give_up_after=give_up_after)
    config = dataclasses.replace(CONFIG, checkpoint=saving)
    snapshot = loop.fit(config, task, PLAN, dataset(37, 0), dataset(11, 1), folder, brief=True)
    return tiny.on_host(snapshot[:3]), snapshot.progress


def left(folder):
    """All checkpoints of a run, with their digests, and its records."""
    metas = {p.parts[-3]: json.loads(p.read_text()) for p in folder.glob("steps/*/meta/metadata")}
    return metas, (folder / "metrics.jsonl").read_bytes()


@pytest.fixture(scope="module")
def undisturbed(task, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    found = fit(task, folder)
    (state, _, _), _ = found
    assert state.halvings > 0
    return found, left(folder)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_a_run_whose_disk_is_away_now_and_then_ends_as_one_whose_disk_was_there(
    task, tmp_path, monkeypatch, clock, undisturbed, seed
):
    draw = random.Random(seed)
    begins = [draw.uniform(0.2, 2) for _ in range(draw.randint(1, 4))]
    away = [(begin, begin + draw.uniform(0.1, 3)) for begin in begins]
    flaky = Flaky(monkeypatch, clock, away, draw)
    restart = Disk(tmp_path, "10m", [].append)
    found = restart.retry(lambda: fit(task, tmp_path), str)
    assert flaky.outages
    tiny.assert_same_bits(found[0], undisturbed[0][0])
    assert found[1] == undisturbed[0][1]
    assert left(tmp_path) == undisturbed[1]


@pytest.mark.slow
def test_a_disk_that_is_back_before_the_end_costs_no_step(
    task, tmp_path, monkeypatch, clock, undisturbed, capsys
):
    Flaky(monkeypatch, clock, [(1.0, 4.0)], random.Random(0))
    fit(task, tmp_path)
    output = capsys.readouterr().out
    assert "Resumed" not in output
    assert f"{tmp_path}: there again after" in output
    assert left(tmp_path) == undisturbed[1]


@pytest.mark.slow
def test_a_disk_that_stays_away_is_left_with_75_one_line_and_what_is_kept(
    task, tmp_path, monkeypatch, clock, undisturbed, capfd
):
    with monkeypatch.context() as away:
        Flaky(away, clock, [(2.0, float("inf"))], random.Random(0))
        code = command_line.exit_code(lambda: fit(task, tmp_path, "30s"))
    assert code == EXIT_CODE
    (line,) = capfd.readouterr().err.splitlines()
    kept = max(int(p.name) for p in (tmp_path / "steps").iterdir() if p.name.isdigit())
    assert line.startswith(f"{tmp_path}: away for 30s (")
    assert f"the checkpoint of step {kept} is kept; run the same command" in line
    found = fit(task, tmp_path)
    tiny.assert_same_bits(found[0], undisturbed[0][0])
    assert left(tmp_path) == undisturbed[1]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_records_are_written_once_and_in_order_whatever_fails_between(tmp_path, monkeypatch, seed):
    draw = random.Random(seed)
    opened = journal._RecordFile._open

    def fail(lines):
        file = opened(lines)
        if draw.random() < 0.3:
            # Half of a line may have been written.
            file.write(b'{"step": 9')
            raise failure(draw.choice(AWAY))
        return file

    monkeypatch.setattr(journal._RecordFile, "_open", fail)

    def attempt(action):
        with contextlib.suppress(UserError):
            action()

    log = journal.Journal(tmp_path, 0, 0, attempt)
    for step in range(1, 31):
        log.record(step, "train", loss=1 / step)
        log.timing(step, seconds=0.5)
        if draw.random() < 0.2:
            log.flush()
    monkeypatch.undo()
    log.close()
    lines = [f'{{"step": {s}, "split": "train", "loss": {1 / s}}}\n' for s in range(1, 31)]
    assert (tmp_path / "metrics.jsonl").read_text() == "".join(lines)
    assert [r["step"] for r in journal.load_timings(tmp_path)] == [*range(1, 31)]


def stand_in(monkeypatch, run):
    """Lets `run(folder)` stand in for an experiment, followed by its result."""

    def whole(_, folder):
        run(folder)
        write_bytes(folder / "report" / "result.json", b'{"test_accuracy": 0.5}')
        return workdir.result(folder)

    monkeypatch.setitem(dispatch._RUN, Config, whole)


@pytest.mark.parametrize("number", AWAY)
@pytest.mark.usefixtures("clock")
def test_what_fails_outside_training_is_done_again(tmp_path, monkeypatch, number):
    tries = []

    def run(folder):
        workdir.write_config(folder, Config())
        tries.append(workdir.count_test_read(folder))
        if len(tries) < 3:
            error = failure(number)
            raise files.write_error(folder / "report" / "index.html", error) from error

    stand_in(monkeypatch, run)
    assert dispatch.run(Config(), tmp_path / "run") == {"test_accuracy": 0.5}
    assert tries == [1, 2, 3]


@pytest.mark.usefixtures("clock")
def test_a_disk_that_is_away_for_good_outside_training_is_left_with_75(
    tmp_path, monkeypatch, capfd
):
    stand_in(monkeypatch, lambda _: throw(failure(errno.ENOTCONN)))
    config = Config(checkpoint=CheckpointConfig(give_up_after="1m"))
    assert command_line.exit_code(lambda: dispatch.run(config, tmp_path / "run")) == EXIT_CODE
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(f"{tmp_path / 'run'}: away for 1m (")
    assert "checkpoints there are kept" in line


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
@pytest.mark.usefixtures("clock")
def test_a_full_or_read_only_disk_is_still_the_users_to_mend(tmp_path, monkeypatch, capsys, number):
    stand_in(monkeypatch, lambda _: throw(failure(number)))
    assert command_line.exit_code(lambda: dispatch.run(Config(), tmp_path / "run")) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert os.strerror(number) in line


@pytest.mark.usefixtures("clock")
def test_a_result_that_is_not_there_in_the_end_is_made_again(tmp_path, monkeypatch):
    folder, tries = tmp_path / "run", []

    def whole(_, folder):
        tries.append(1)
        if len(tries) > 1:
            write_bytes(folder / "report" / "result.json", b"{}")
        return {}

    monkeypatch.setitem(dispatch._RUN, Config, whole)
    dispatch.run(Config(), folder)
    assert len(tries) == 2

"""An interrupted run ends where an uninterrupted one does, to the last bit: real processes, real signals."""

import random
import signal
import subprocess
import time

import processes
import pytest
import runs

from jaxletters.runtime.preemption import EXIT_CODE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("uninterrupted") / "run"
    runs.finish(workdir)
    _, arrays, *_ = runs.outcome(workdir)["steps"]
    assert len(arrays) > 40, "parameters, statistics, average and optimizer state are all there"
    return workdir


def test_three_kills_at_random_moments_leave_no_trace(uninterrupted, tmp_path):
    workdir = tmp_path / "run"
    total = runs.records(uninterrupted)
    draw = random.Random(2)
    # One in each third, because a save takes as long as many of these small steps.
    moments = [draw.randrange(1 + i * total // 3, (i + 1) * total // 3) for i in range(3)]
    for i, moment in enumerate(moments):
        popen = processes.Popen if i else subprocess.Popen
        process = runs.start(workdir, popen=popen)
        runs.stop_at(process, workdir, moment, signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
    # What a user runs next: an interpreter with other hash seeds, and pictures.
    output = runs.finish(workdir, program=runs.PROGRAM, popen=subprocess.Popen)
    assert "Resumed from step" in output
    assert runs.outcome(workdir) == runs.outcome(uninterrupted)


def test_a_signal_saves_at_once_and_the_run_goes_on_from_there(uninterrupted, tmp_path):
    workdir = tmp_path / "run"
    process = runs.start(workdir, program=runs.PROGRAM, popen=subprocess.Popen)
    errors = runs.stop_at(process, workdir, 10, signal.SIGTERM)
    assert process.returncode == EXIT_CODE, errors
    step = int(runs.newest_step(workdir).name)
    assert f"Interrupted at step {step} of" in errors
    assert "Traceback" not in errors
    assert f"Resumed from step {step}\n" in runs.finish(workdir)
    assert runs.outcome(workdir) == runs.outcome(uninterrupted)


def test_a_finished_run_says_so_and_changes_nothing(uninterrupted):
    before = {p: p.read_bytes() for p in uninterrupted.rglob("*") if p.is_file()}
    output = runs.finish(uninterrupted)
    assert "finished earlier; nothing was run" in output
    assert {p: p.read_bytes() for p in uninterrupted.rglob("*") if p.is_file()} == before


def test_a_run_of_another_config_is_refused_and_left_alone(uninterrupted):
    before = {p: p.read_bytes() for p in uninterrupted.rglob("*") if p.is_file()}
    process = runs.start(uninterrupted, "--config.optimizer.learning_rate=0.5")
    _, errors = process.communicate()
    assert process.returncode == 2
    (line,) = errors.splitlines()
    assert "config.optimizer.learning_rate is 0.004 there, 0.5 here" in line
    assert "--workdir" in line
    assert {p: p.read_bytes() for p in uninterrupted.rglob("*") if p.is_file()} == before


def test_eight_devices_resume_exactly_too(tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    short = ("--config.training.epochs=2",)
    runs.finish(whole, *short, devices=8)
    process = runs.start(parts, *short, devices=8)
    runs.stop_at(process, parts, 12, signal.SIGKILL)
    runs.finish(parts, *short, devices=8)
    assert runs.outcome(parts) == runs.outcome(whole)


def test_a_new_machine_goes_on_from_the_mirror_of_one_that_is_lost(uninterrupted, tmp_path):
    lost, new, mirror = (tmp_path / name for name in ("lost", "new", "mirror"))
    option = f"--config.checkpoint.mirror={mirror}"
    process = runs.start(lost, option)
    while not list(mirror.glob("steps/*")) and process.poll() is None:
        time.sleep(0.005)
    process.kill()
    process.communicate()
    output = runs.finish(new, option)
    assert f"Begins with what {mirror} holds" in output
    assert "Resumed from step" in output
    assert runs.outcome(new) == runs.outcome(uninterrupted)
    assert runs.outcome(mirror) == runs.outcome(uninterrupted)

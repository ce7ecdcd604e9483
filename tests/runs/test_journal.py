import io
import json
import math
import signal
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxletters.core.errors import UserError
from jaxletters.runs import journal, tensorboard
from jaxletters.runs.journal import Journal

LAST_STEP = 24
CHECKPOINT_EVERY = 6


def run(workdir, start, stop):
    """Runs steps start+1..stop; returns the newest checkpoint's step and the bytes durable then."""
    saved = start, (workdir / "metrics.jsonl").stat().st_size if start else 0
    with Journal(workdir, start, start) as book:
        for step in range(start + 1, stop + 1):
            if step % 2 == 0:
                book.record(step, "train", loss=1 / step, accuracy=1 - 1 / step)
            if step % 3 == 0:
                book.record(step, "validation", loss=2 / step, correct=step)
            book.timing(step, seconds=0.5)
            if step % CHECKPOINT_EVERY == 0:
                book.flush()
                saved = step, (workdir / "metrics.jsonl").stat().st_size
    return saved


def scalars(workdir, tag):
    """Returns [(step, value)] as TensorBoard shows them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(workdir / "tensorboard"), size_guidance={"scalars": 0}).Reload()
    return [(event.step, event.value) for event in events.Scalars(tag)]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("uninterrupted")
    run(workdir, 0, LAST_STEP)
    return (workdir / "metrics.jsonl").read_bytes()


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(cuts=st.lists(st.tuples(st.integers(0, LAST_STEP), st.floats(0, 1)), min_size=1, max_size=4))
def test_interrupted_run_ends_with_the_bytes_of_an_uninterrupted_one(
    tmp_path_factory, uninterrupted, cuts
):
    workdir = tmp_path_factory.mktemp("interrupted")
    start = 0
    for stop, torn_at in cuts:
        start, durable = run(workdir, start, max(start, stop))
        path = workdir / "metrics.jsonl"
        lost = torn_at * (path.stat().st_size - durable)
        with path.open("r+b") as file:
            file.truncate(durable + round(lost))
    run(workdir, start, LAST_STEP)
    assert (workdir / "metrics.jsonl").read_bytes() == uninterrupted
    assert [r["step"] for r in journal.load_timings(workdir)] == list(range(1, LAST_STEP + 1))


def test_records_come_back(tmp_path):
    with Journal(tmp_path, 0, 0) as book:
        book.record(1, "train", loss=0.1 + 0.2, correct=3)
        book.record(1, "validation", loss=math.nan)
    first, second = journal.load(tmp_path)
    assert first == {"step": 1, "split": "train", "loss": 0.1 + 0.2, "correct": 3}
    assert math.isnan(second["loss"])
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line, parse_constant=pytest.fail)["step"] for line in lines] == [1, 1]


def test_the_records_since_a_step_are_the_same_in_a_run_that_goes_on_and_in_a_resumed_one(tmp_path):
    with Journal(tmp_path, 0, 0) as book:
        for step in range(1, 9):
            book.record(step, "train", loss=math.inf if step == 6 else 0.1 * step, examples=step)
            book.timing(step, seconds=0.5)
        assert [r["step"] for r in book.since(2)[0]] == list(range(3, 9))
        going_on = book.since(5)
    with Journal(tmp_path, 8, 8) as book:
        resumed = book.since(5)
        book.rewind(7, 7)
        assert [r["step"] for r in book.since(5)[0]] == [6, 7]
    np.testing.assert_equal(resumed, going_on)
    assert [r["step"] for r in resumed[0]] == [r["step"] for r in resumed[1]] == [6, 7, 8]
    with Journal(tmp_path, 8, 8) as book:
        book.record(9, "train", loss=1.0, examples=9)
        np.testing.assert_equal(book.since(0)[0], journal.load(tmp_path))


def test_no_journal_is_no_records(tmp_path):
    assert journal.load(tmp_path) == []


def test_a_run_from_the_start_begins_with_empty_files(tmp_path):
    with Journal(tmp_path, 0, 0) as book:
        book.record(0, "validation", loss=1.0)
    with Journal(tmp_path, 0, 0):
        assert journal.load(tmp_path) == []


def test_records_can_be_read_while_the_run_goes_on(tmp_path):
    with Journal(tmp_path, 0, 0) as book:
        book.record(7, "train", loss=1.0)
        assert [r["step"] for r in journal.load(tmp_path)] == [7]


def test_a_damaged_record_before_the_checkpoint_is_refused_and_kept(tmp_path):
    content = b'{"step": 1}\n{"ste\x00\x00\n{"step": 3}\n'
    (tmp_path / "metrics.jsonl").write_bytes(content)
    with pytest.raises(UserError, match=r"metrics\.jsonl: line 2 is damaged"):
        Journal(tmp_path, 3, 3)
    assert (tmp_path / "metrics.jsonl").read_bytes() == content


@pytest.mark.parametrize(
    "tail", [b'{"step": 2, "sp', b"\x00\x00\x00", b"[]\n", b'{"step": null}\n']
)
def test_damage_after_the_checkpoint_is_dropped(tmp_path, tail):
    (tmp_path / "metrics.jsonl").write_bytes(b'{"step": 1, "split": "train"}\n' + tail)
    with Journal(tmp_path, 1, 1):
        pass
    assert (tmp_path / "metrics.jsonl").read_bytes() == b'{"step": 1, "split": "train"}\n'


def test_tensorboard_shows_each_step_once_after_a_resume(tmp_path):
    for start, stop, value in ((0, 5, 1.0), (3, 8, 2.0), (6, 7, 3.0)):
        with Journal(tmp_path, start, start) as book:
            for step in range(start + 1, stop + 1):
                book.record(step, "train", loss=value)
                book.timing(step, images_per_second=10 * value)
        newest = max((tmp_path / "tensorboard").iterdir())
        newest.write_bytes(newest.read_bytes() + b"\x18\x00\x00")  # the killed writer's torn record
    expected = [(1, 1.0), (2, 1.0), (3, 1.0), (4, 2.0), (5, 2.0), (6, 2.0), (7, 3.0)]
    assert scalars(tmp_path, "train/loss") == expected
    assert scalars(tmp_path, "timing/images_per_second") == [(s, 10 * v) for s, v in expected]


def test_tensorboard_shows_a_finished_runs_pictures_and_settings_beside_its_scalars(tmp_path):
    from PIL import Image
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with Journal(tmp_path, 0, 0) as book:
        book.record(1, "train", loss=1.0)
    file = io.BytesIO()
    Image.new("L", (40, 30)).save(file, "PNG")
    tensorboard.write_summary(
        tmp_path, 9, {"worst_mistakes": file.getvalue()}, {"model.name": "mlp"}
    )
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    (image,) = events.Images("worst_mistakes")
    assert (image.step, image.width, image.height) == (9, 40, 30)
    assert image.encoded_image_string == file.getvalue()
    (text,) = events.Tensors("config/text_summary")
    assert b"| model.name | `mlp` |" in text.tensor_proto.string_val[0]
    assert scalars(tmp_path, "train/loss") == [(1, 1.0)]


@pytest.mark.slow
def test_what_was_flushed_survives_a_kill(tmp_path):
    program = """if True:
        import os, pathlib, signal, sys
        from jaxletters.runs.journal import Journal
        book = Journal(pathlib.Path(sys.argv[1]), 0, 0)
        for step in range(1, 101):
            book.record(step, "train", loss=1.0)
        book.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    """
    killed = subprocess.run([sys.executable, "-c", program, tmp_path], check=False)
    assert killed.returncode == -signal.SIGKILL
    steps = list(range(1, 101))
    assert [r["step"] for r in journal.load(tmp_path)] == steps
    assert [step for step, _ in scalars(tmp_path, "train/loss")] == steps

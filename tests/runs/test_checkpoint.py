"""What was saved comes back bit for bit, or not at all."""

import random
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxletters.core.errors import UserError
from jaxletters.core.types import Counts, Progress, Rollback, TrainState, Variables
from jaxletters.runs import checkpoint
from jaxletters.runs.checkpoint import Checkpoints
from jaxletters.runs.snapshot import Snapshot, digests


def snapshot(step: int, seed: int = 0, ema: bool = True) -> Snapshot:
    keys = iter(jax.random.split(jax.random.key(1000 * seed + step), 9))
    params = {
        "conv": {"kernel": jax.random.normal(next(keys), (3, 3, 2, 4)), "bias": jnp.full(4, -0.0)},
        "logits": {"kernel": jax.random.normal(next(keys), (16, 5))},
    }
    stats = {"norm": {"mean": jax.random.normal(next(keys), (4,)), "var": jnp.ones(4)}}
    moved = jax.tree.map(lambda x: x * 1.5, params)
    return Snapshot(
        state=TrainState(
            step=jnp.int32(step),
            variables=Variables(params, stats),
            ema=Variables(moved, stats) if ema else None,
            opt_state=optax.chain(optax.clip(1.0), optax.adam(1e-3)).init(params),
            skipped=jnp.int32(3),
            in_a_row=jnp.int32(1),
            halvings=jnp.int32(2),
        ),
        counts=Counts(jnp.int32(640), jnp.int32(71), jnp.float32(1 / 3)),
        best=Variables(moved, stats),
        progress=Progress(0.1 + 0.2, step - 1, 0.2, evals_since_level=2, evaluated_step=step),
        rollback=Rollback(to=step - 3, diverged_at=step - 2),
    )


def assert_same(found: Snapshot | None, expected: Snapshot) -> None:
    assert found is not None
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())


def saved(folder: Path, *steps: int, max_to_keep: int = 5) -> None:
    with Checkpoints(folder, max_to_keep, notice=pytest.fail) as checkpoints:
        for step in steps:
            checkpoints.save(snapshot(step))


def restored(folder: Path) -> tuple[Snapshot | None, list[str]]:
    notices: list[str] = []
    with Checkpoints(folder, 5, notices.append) as checkpoints:
        return checkpoints.restore(snapshot(0, seed=7)), notices


@pytest.mark.slow
@pytest.mark.parametrize("ema", [True, False])
def test_a_snapshot_comes_back_bit_for_bit(tmp_path, ema):
    with Checkpoints(tmp_path, 3, notice=pytest.fail) as checkpoints:
        checkpoints.save(snapshot(12, ema=ema))
    with Checkpoints(tmp_path, 3, notice=pytest.fail) as checkpoints:
        assert_same(checkpoints.restore(snapshot(0, seed=7, ema=ema)), snapshot(12, ema=ema))


@pytest.mark.slow
def test_a_progress_without_a_best_comes_back(tmp_path):
    first = snapshot(1)._replace(progress=Progress())
    with Checkpoints(tmp_path, 3, notice=pytest.fail) as checkpoints:
        checkpoints.save(first)
    assert_same(restored(tmp_path)[0], first)


def test_nothing_saved_is_none(tmp_path):
    assert restored(tmp_path) == (None, [])


@pytest.mark.slow
def test_the_newest_are_kept(tmp_path):
    saved(tmp_path, 1, 2, 3, 4, max_to_keep=2)
    assert sorted(p.name for p in (tmp_path / "steps").iterdir()) == ["3", "4"]


@pytest.mark.slow
def test_saving_copies_what_the_next_step_overwrites(tmp_path):
    host = jax.tree.map(np.array, snapshot(5))
    host = host._replace(progress=Progress(0.5, 4, 0.5, 1), rollback=Rollback(1, 2))
    with Checkpoints(tmp_path, 3, notice=pytest.fail) as checkpoints:
        checkpoints.save(host)
        expected = jax.tree.map(np.array, host)
        host.state.variables.params["conv"]["kernel"][:] = np.nan
        host.best.params["conv"]["kernel"][:] = np.nan
    found = restored(tmp_path)[0]
    assert_same(
        found, expected._replace(progress=Progress(0.5, 4, 0.5, 1), rollback=Rollback(1, 2))
    )


def files_of(folder: Path, step: int) -> list[Path]:
    return sorted(p for p in (folder / "steps" / str(step)).rglob("*") if p.is_file())


@pytest.mark.slow
@pytest.mark.parametrize("round_", range(12))
def test_one_flipped_bit_is_never_restored(tmp_path, round_):
    """Anywhere in the newest step: either the step before is used, or the flip changed no value."""
    saved(tmp_path, 1, 2)
    draw = random.Random(round_)
    file = draw.choice([p for p in files_of(tmp_path, 2) if p.stat().st_size])
    data = bytearray(file.read_bytes())
    data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    file.write_bytes(data)
    found, notices = restored(tmp_path)
    assert_same(found, snapshot(1) if notices else snapshot(2))


@pytest.mark.slow
def test_a_flipped_bit_in_the_arrays_sets_the_step_aside(tmp_path):
    saved(tmp_path, 1, 2)
    file = max(files_of(tmp_path, 2), key=lambda p: p.stat().st_size)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    found, notices = restored(tmp_path)
    assert_same(found, snapshot(1))
    (notice,) = notices
    assert "step 2" in notice
    assert str(tmp_path / "damaged" / "2") in notice
    assert (tmp_path / "damaged" / "2").is_dir()
    # The step can be saved again, and damaged again, without losing what was set aside.
    saved(tmp_path, 2)
    max(files_of(tmp_path, 2), key=lambda p: p.stat().st_size).write_bytes(b"")
    assert_same(restored(tmp_path)[0], snapshot(1))
    assert len(list((tmp_path / "damaged").iterdir())) == 2


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["truncate", "delete"])
@pytest.mark.parametrize("item", ["state", "best", "meta"])
def test_a_truncated_or_missing_file_sets_the_step_aside(tmp_path, item, damage):
    saved(tmp_path, 1, 2)
    inside = [
        p for p in files_of(tmp_path, 2) if f"{p.relative_to(tmp_path)}".split("/")[2] == item
    ]
    file = max(inside, key=lambda p: p.stat().st_size)
    if damage == "delete":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    found, notices = restored(tmp_path)
    assert_same(found, snapshot(1))
    assert len(notices) == 1


@pytest.mark.slow
def test_no_sound_step_is_an_error_and_nothing_is_lost(tmp_path):
    saved(tmp_path, 1, 2)
    for step in (1, 2):
        max(files_of(tmp_path, step), key=lambda p: p.stat().st_size).write_bytes(b"gone")
    with pytest.raises(UserError, match="expected a sound checkpoint, found only damaged ones"):
        restored(tmp_path)
    assert {p.name for p in (tmp_path / "damaged").iterdir()} == {"1", "2"}
    # Nor does the next start train anew over it.
    with pytest.raises(UserError, match="damaged"):
        restored(tmp_path)


def test_digests_tell_dtype_shape_and_bits_apart():
    zeros = np.zeros(4, np.float32)
    variants = [zeros, -zeros, zeros.reshape(2, 2), zeros.astype(np.int32), np.zeros(5, np.float32)]
    seen = {digests({"x": v})["['x']"] for v in variants}
    assert len(seen) == len(variants)


def test_a_step_is_saved_once(tmp_path):
    """A signal may ask for a checkpoint of the very step that was just saved."""
    with Checkpoints(tmp_path, 3, notice=pytest.fail) as checkpoints:
        checkpoints.save(snapshot(4))
        checkpoints.save(snapshot(4))
    assert_same(restored(tmp_path)[0], snapshot(4))


@pytest.mark.slow
@pytest.mark.parametrize("step", [1, 2], ids=["the one it replaces", "an older one"])
def test_a_full_disk_is_the_user_s_to_mend_and_costs_no_checkpoint(tmp_path, monkeypatch, step):
    with Checkpoints(tmp_path, 3, pytest.fail) as checkpoints:
        checkpoints.save(before_its_evaluation(1))
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with (
        Checkpoints(tmp_path, 3, pytest.fail) as checkpoints,
        pytest.raises(
            UserError, match=r"steps: expected to save .*, found: No space left on device; "
        ),
    ):
        checkpoints.save(snapshot(step))
    monkeypatch.undo()
    assert_same(restored(tmp_path)[0], before_its_evaluation(1))


def before_its_evaluation(step):
    return snapshot(step)._replace(progress=Progress())


@pytest.mark.slow
def test_a_checkpoint_takes_the_place_of_one_from_before_the_evaluation_at_its_step(tmp_path):
    with Checkpoints(tmp_path, 3, pytest.fail) as checkpoints:
        checkpoints.save(before_its_evaluation(5))
        checkpoints.save(before_its_evaluation(5), anchor=True)
        assert checkpoints.anchors() == []
    for _ in range(2):
        with Checkpoints(tmp_path, 3, pytest.fail) as checkpoints:
            checkpoints.save(snapshot(5), anchor=True)
            checkpoints.save(snapshot(5))
        with Checkpoints(tmp_path, 3, pytest.fail) as checkpoints:
            assert checkpoints.anchors() == [5]
    assert_same(restored(tmp_path)[0], snapshot(5))


@pytest.mark.slow
def test_the_newest_and_the_newest_anchors_are_kept(tmp_path):
    for step in range(1, 12):
        with Checkpoints(tmp_path, 2, pytest.fail, anchors_to_keep=3) as checkpoints:
            checkpoints.save(snapshot(step), anchor=step in (2, 3, 4, 6))
    with Checkpoints(tmp_path, 2, pytest.fail, anchors_to_keep=3) as checkpoints:
        assert checkpoints.steps() == [3, 4, 6, 10, 11]
        assert checkpoints.anchors() == [3, 4, 6]
        assert_same(checkpoints.roll_back(snapshot(0), 4), snapshot(4))
        assert checkpoints.steps() == [3, 4]
        assert checkpoints.roll_back(snapshot(0), 0) is None
        assert checkpoints.steps() == []


@pytest.mark.slow
def test_a_step_saved_again_after_a_roll_back_is_what_it_is_then(tmp_path):
    with Checkpoints(tmp_path, 3, pytest.fail) as checkpoints:
        checkpoints.save(snapshot(4), anchor=True)
        checkpoints.save(snapshot(5), anchor=True)
        assert_same(checkpoints.roll_back(snapshot(0), 4), snapshot(4))
        checkpoints.save(snapshot(5))
        assert checkpoints.anchors() == [4]


@pytest.mark.slow
def test_an_earlier_one_stands_in_for_a_damaged_anchor(tmp_path):
    saved(tmp_path, 3)
    with Checkpoints(tmp_path, 3, pytest.fail) as checkpoints:
        checkpoints.save(snapshot(4), anchor=True)
        checkpoints.save(snapshot(5))
    max(files_of(tmp_path, 4), key=lambda p: p.stat().st_size).write_bytes(b"")
    notices = []
    with Checkpoints(tmp_path, 3, notices.append) as checkpoints:
        assert_same(checkpoints.roll_back(snapshot(0), 4), snapshot(3))
        assert checkpoints.steps() == [3]
    assert len(notices) == 1
    assert (tmp_path / "damaged" / "4").exists()


def test_a_checkpoint_of_another_format_is_not_taken_for_damaged(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "_FORMAT", 1)
    saved(tmp_path, 1)
    monkeypatch.undo()
    with pytest.raises(UserError, match=r"steps/1: expected .* format 4, found .* format 1; "):
        restored(tmp_path)
    assert (tmp_path / "steps" / "1").exists()

"""A student and its teachers: training, interruptions, exchanged teachers and leaks, in this process."""

import dataclasses
import itertools
import shutil

import numpy as np
import pytest

import jaxletters as jl
from jaxletters.config import validation
from jaxletters.data.synthetic import sketch
from jaxletters.experiments import dispatch
from jaxletters.runs import manifest, seen_images, workdir
from jaxletters.runtime import preemption
from jaxletters.runtime.preemption import Interrupted

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_pictures")]


@pytest.fixture(scope="module")
def letters(tmp_path_factory):
    """A file of 182 training and 52 test letters."""
    file = tmp_path_factory.mktemp("letters") / "letters.npz"
    images, labels = sketch.draw(182, "train", 1)
    tested, tested_labels = sketch.draw(52, "test", 1)
    np.savez(
        file,
        train_images=images,
        train_labels=labels,
        test_images=tested,
        test_labels=tested_labels,
    )
    return file


def plain(letters, **changes):
    config = jl.Config(
        dataset=jl.Arrays(str(letters)),
        split=jl.Split(validation_per_class=1),
        model=jl.MLPConfig(hidden=(8,)),
        augment=jl.AugmentConfig(shift=1),
        optimizer=jl.OptimizerConfig(learning_rate=1e-2),
        training=jl.TrainingConfig(batch_size=26, epochs=3),
        checkpoint=jl.CheckpointConfig(every_steps=4),
        log_every_steps=1,
    )
    return dataclasses.replace(config, **changes)


def taught(letters, folder, **changes):
    teacher = jl.FinishedRun(workdir=str(folder))
    loss = jl.Distillation(teacher=teacher, temperature=2.0, share=0.7)
    # Another seed, but the same validation examples.
    split = jl.Split(validation_per_class=1, seed=0)
    return plain(letters, **{"seed": 5, "split": split, "loss": loss} | changes)


def interrupt(asked, folder, looks):
    """Runs until the loop has looked so often for a request to leave."""
    with pytest.MonkeyPatch.context() as patch:
        counter = itertools.count(1)
        patch.setattr(preemption, "requested", lambda: next(counter) >= looks)
        with pytest.raises(Interrupted):
            dispatch.run(asked, folder)


@pytest.fixture(scope="module")
def teachers(letters, tmp_path_factory):
    """The run folder of an ensemble of two."""
    folder = tmp_path_factory.mktemp("teachers") / "run"
    dispatch.run(jl.over_seeds(plain(letters), 2), folder)
    return folder


def test_a_student_of_an_ensemble_continues_after_interruptions_with_the_same_bits(
    tmp_path, letters, teachers
):
    asked = taught(letters, teachers)
    result = dispatch.run(asked, tmp_path / "whole")
    interrupt(asked, tmp_path / "pieces", 3)
    interrupt(asked, tmp_path / "pieces", 6)
    assert dispatch.run(asked, tmp_path / "pieces")["weights"] == result["weights"]
    records = (tmp_path / "pieces" / "metrics.jsonl").read_bytes()
    assert records == (tmp_path / "whole" / "metrics.jsonl").read_bytes()
    ensemble = workdir.require_result(teachers)
    assert result["teacher"]["weights"] == ensemble["weights"]
    # The teachers matter.
    alone = dataclasses.replace(asked, loss=jl.LossConfig())
    assert dispatch.run(alone, tmp_path / "alone")["weights"] != result["weights"]
    from_host = dataclasses.replace(
        asked, training=dataclasses.replace(asked.training, residency="host")
    )
    assert dispatch.run(from_host, tmp_path / "host")["weights"] == result["weights"]


def test_what_the_teachers_saw_counts_as_seen_by_the_student(tmp_path, letters, teachers):
    split = jl.Split(limit=52, validation_per_class=0)
    dispatch.run(taught(letters, teachers, split=split), tmp_path / "student")
    stored = manifest.load(tmp_path / "student")
    seen = seen_images.load(tmp_path / "student", stored.examples)
    of_teachers = seen_images.load(teachers, manifest.load(teachers).examples)
    assert np.isin(of_teachers.trained, seen.trained).all()
    assert np.isin(of_teachers.validated, seen.validated).all()
    assert stored.origins["loss.teacher"]["folder"] == str(teachers)


def test_a_teacher_that_was_trained_on_what_the_student_is_tested_on_is_refused(
    tmp_path, letters, teachers
):
    with np.load(letters) as arrays:
        content = dict(arrays)
    content["test_images"] = np.concatenate([content["test_images"], content["train_images"][:20]])
    content["test_labels"] = np.concatenate([content["test_labels"], content["train_labels"][:20]])
    others = sketch.draw(182, "train", 2)
    content["train_images"], content["train_labels"] = others
    np.savez(tmp_path / "leaking.npz", **content)
    with pytest.raises(jl.UserError, match=r"config\.loss\.teacher: .* trained on by the teacher"):
        dispatch.run(taught(tmp_path / "leaking.npz", teachers), tmp_path / "student")
    other_split = jl.Split(validation_per_class=1, seed=3)
    with pytest.raises(jl.UserError, match=r"config\.loss\.teacher: .*validation examples were"):
        dispatch.run(taught(letters, teachers, split=other_split), tmp_path / "student")
    assert not (tmp_path / "student").exists() or not any((tmp_path / "student").glob("steps/*"))


def test_teachers_exchanged_under_an_interrupted_student_are_refused(tmp_path, letters, teachers):
    folder = tmp_path / "teachers"
    shutil.copytree(teachers, folder)
    asked = taught(letters, folder)
    interrupt(asked, tmp_path / "student", 5)
    shutil.rmtree(folder)
    with pytest.raises(jl.UserError, match=r"config\.loss\.teacher: expected a finished run in"):
        dispatch.run(asked, tmp_path / "student")
    faster = jl.OptimizerConfig(learning_rate=3e-2)
    dispatch.run(jl.over_seeds(plain(letters, optimizer=faster), 2), folder)
    with pytest.raises(jl.UserError, match=r"the run of config\.loss\.teacher .* found another"):
        dispatch.run(asked, tmp_path / "student")
    shutil.rmtree(folder)
    shutil.copytree(teachers, folder)
    dispatch.run(asked, tmp_path / "student")


def test_an_origin_that_is_not_named_any_more_is_noticed(tmp_path, letters, teachers):
    based = plain(letters, base=jl.BaseConfig(workdir=teachers / "seed0"))
    without = plain(letters)
    interrupt(based, tmp_path / "run", 5)
    with pytest.raises(jl.UserError, match=r"config\.base .* found no run"):
        dispatch.run(without, tmp_path / "run")
    dispatch.run(based, tmp_path / "run")
    for other in (without, plain(letters, base=jl.BaseConfig(workdir=teachers / "seed1"))):
        with pytest.raises(jl.UserError, match=r"config\.base"):
            dispatch.run(other, tmp_path / "run")


def test_a_teacher_that_does_not_fit_is_refused(tmp_path, letters, teachers):
    without = dataclasses.replace(plain(letters), loss=jl.Distillation())
    with pytest.raises(jl.UserError, match=r"config\.loss\.teacher: expected"):
        validation.check(without, 1)
    crossval = jl.cross_validated(plain(letters, split=jl.Split(validation_per_class=0)), 2)
    dispatch.run(crossval, tmp_path / "crossval")
    with pytest.raises(jl.UserError, match=r"^config\.loss\.teacher: .*'cross-validation'"):
        dispatch.run(taught(letters, tmp_path / "crossval"), tmp_path / "student")
    with np.load(letters) as arrays:
        cropped = {k: v[:, 2:26, 2:26] if v.ndim == 3 else v for k, v in arrays.items()}
    np.savez(tmp_path / "cropped.npz", **cropped)
    with pytest.raises(jl.UserError, match=r"images of 24x24.* found 28x28"):
        dispatch.run(taught(tmp_path / "cropped.npz", teachers), tmp_path / "student")
    strokes = jl.NonLetters()
    with pytest.raises(jl.UserError, match="label of non-letters 0"):
        dispatch.run(taught(letters, teachers, augment=(strokes,)), tmp_path / "student")


def test_a_study_trains_the_teachers_before_their_student(tmp_path):
    common = (
        "dataset=jl.SketchLetters(size=260), split=jl.Split(validation_per_class=1), "
        "model=jl.MLPConfig(hidden=(8,)), training=jl.TrainingConfig(batch_size=26, epochs=1)"
    )
    teachers, student = tmp_path / "teachers.py", tmp_path / "student.py"
    loss = f"jl.Distillation(teacher=jl.FinishedRun({str(teachers)!r}))"
    for file, config in (
        (teachers, f"jl.over_seeds(jl.Config({common}), 2)"),
        (student, f"jl.Config({common}, loss={loss})"),
    ):
        file.write_text(f"import jaxletters as jl\n\n\ndef get_config():\n    return {config}\n")
    study = jl.StudyConfig(budget="quick", experiments=(jl.EntryConfig(str(student)),))
    dispatch.run(study, tmp_path / "study")
    ensemble = workdir.require_result(tmp_path / "study" / "teachers")
    result = workdir.require_result(tmp_path / "study" / "student")
    assert result["teacher"]["weights"] == ensemble["weights"]

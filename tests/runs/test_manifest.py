"""What a run depends on besides its config: data, base and machine exchanged under it, in this process."""

import dataclasses
import functools
import itertools
import json
import shutil

import numpy as np
import pytest
import runs
import tiny

from jaxletters.config.builtin_sources import Emnist, SketchLetters
from jaxletters.config.models import MLPConfig
from jaxletters.config.schema import (
    BaseConfig,
    Config,
    CrossvalConfig,
    Split,
    StageConfig,
    ZeroShotConfig,
)
from jaxletters.config.sources import Arrays
from jaxletters.config.training import CheckpointConfig, OptimizerConfig, TrainingConfig
from jaxletters.core.errors import UserError
from jaxletters.data import stratified
from jaxletters.data.synthetic import sketch
from jaxletters.experiments import dispatch
from jaxletters.reading import loader
from jaxletters.runs import manifest, restore, seen_images
from jaxletters.runtime import environment, preemption
from jaxletters.runtime.preemption import Interrupted
from jaxletters.training import loop
from jaxletters.training.device_examples import Examples

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_pictures")]

TRAINING = TrainingConfig(batch_size=26, epochs=3)
STAGES = (StageConfig("logits", 1), StageConfig(".*", 2))


@functools.cache
def letters(count, seed, split="train"):
    return sketch.draw(count, split, seed)


def save(path, train=None, test=None):
    """Writes an .npz of 130 training and 26 test letters, or of others, and returns its name."""
    images, labels = train or letters(130, 1)
    tested, tested_labels = test or letters(26, 1, "test")
    np.savez(
        path,
        train_images=images,
        train_labels=labels,
        test_images=tested,
        test_labels=tested_labels,
    )
    return str(path)


def config(npz, **changes):
    plain = Config(
        dataset=Arrays(npz),
        split=Split(validation_per_class=0),
        model=MLPConfig(hidden=(8,)),
        training=TRAINING,
        checkpoint=CheckpointConfig(every_steps=4),
        log_every_steps=1,
    )
    return dataclasses.replace(plain, **changes)


def interrupted(asked, folder, looks=6):
    """Runs until the loop has looked so often for a request to leave."""
    with pytest.MonkeyPatch.context() as patch:
        counter = itertools.count(1)
        patch.setattr(preemption, "requested", lambda: next(counter) >= looks)
        with pytest.raises(Interrupted):
            dispatch.run(asked, folder)


def content(folder):
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != ".lock"}


def refusal(asked, folder):
    """The one line with which a run is refused; nothing in its folder may have changed."""
    before = content(folder)
    with pytest.raises(UserError) as caught:
        dispatch.run(asked, folder)
    assert content(folder) == before
    (line,) = str(caught.value).splitlines()
    return line


def swapped_images():
    images, labels = letters(130, 1)
    return 255 - images, labels


def swapped_labels():
    images, labels = letters(130, 1)
    return images, labels[::-1]


def another_order():
    images, labels = letters(130, 1)
    return images[::-1], labels[::-1]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a run that nothing happened to."""
    folder = tmp_path_factory.mktemp("whole")
    dispatch.run(config(save(folder / "mine.npz")), folder / "run")
    return folder / "run"


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ({"train": swapped_images()}, "train: other images, 130 examples in both"),
        ({"train": swapped_labels()}, "train: other labels, 130 examples in both"),
        ({"train": another_order()}, "train: other images and labels, 130 examples in both"),
        ({"train": letters(104, 1)}, "train: 130 examples there, 104 here"),
        ({"test": letters(26, 2, "test")}, "test: other images and labels, 26 examples in both"),
    ],
)
def test_data_replaced_under_a_run_are_refused_and_restored_ones_end_the_same(
    tmp_path, whole, others, expected
):
    path, folder = tmp_path / "mine.npz", tmp_path / "run"
    asked = config(save(path))
    interrupted(asked, folder)
    save(path, **others)
    line = refusal(asked, folder)
    assert expected in line
    assert f"--config.dataset.images={path}" in line
    save(path)
    dispatch.run(asked, folder)
    assert runs.outcome(folder) == runs.outcome(whole)


def test_the_same_data_at_another_place_are_the_same(tmp_path, whole):
    folder = tmp_path / "run"
    interrupted(config(save(tmp_path / "mine.npz")), folder)
    (tmp_path / "elsewhere").mkdir()
    moved = shutil.move(tmp_path / "mine.npz", tmp_path / "elsewhere" / "letters.npz")
    dispatch.run(config(str(moved)), folder)
    found, expected = runs.outcome(folder), runs.outcome(whole)
    assert found["steps"] == expected["steps"]


def test_archives_replaced_under_a_run_are_refused(tmp_path, write_emnist):
    folder = tmp_path / "run"
    for name, count in (("a", 60), ("b", 60), ("c", 40)):
        write_emnist(tmp_path / name, n_train=count, seed=ord(name))

    def asked(name):
        dataset = Emnist(archives=str(tmp_path / name), data_dir=str(tmp_path / "tfds"))
        return config("", dataset=dataset, training=TrainingConfig(batch_size=20, epochs=3))

    interrupted(asked("a"), folder)
    assert "train: other images and labels, 60 examples in both" in refusal(asked("b"), folder)
    line = refusal(asked("c"), folder)
    assert "train: 60 examples there, 40 here" in line
    assert f"--config.dataset.archives={tmp_path / 'a'}" in line
    assert "expected a folder" in refusal(asked("none"), folder)
    assert dispatch.run(asked("a"), folder)["dataset_note"] == "split not verified"
    # The same holds for what is finished, whether the others were prepared before or not.
    for name in ("b", "c"):
        assert "expected the data that this run began with" in refusal(asked(name), folder)


def test_a_finished_run_is_not_that_of_data_that_replaced_its_own(tmp_path):
    path, folder = tmp_path / "mine.npz", tmp_path / "run"
    asked = config(save(path))
    dispatch.run(asked, folder)
    save(path, train=swapped_images())
    assert "train: other images" in refusal(asked, folder)


def test_a_finished_run_stays_finished_where_its_data_are_gone(tmp_path):
    dataset = SketchLetters(size=130, data_dir=str(tmp_path / "tfds"))
    asked, folder = config("", dataset=dataset), tmp_path / "run"
    dispatch.run(asked, folder)
    shutil.rmtree(tmp_path / "tfds")
    before = content(folder)
    assert dispatch.run(asked, folder)["test_examples"] == 26
    assert content(folder) == before
    assert not (tmp_path / "tfds").exists(), "nothing is prepared for the comparison"


def test_another_machine_is_told_of_and_stays_on_the_page(tmp_path, monkeypatch, capsys):
    asked, folder = config(save(tmp_path / "mine.npz")), tmp_path / "run"
    interrupted(asked, folder)
    here = environment.describe()
    monkeypatch.setattr(environment, "describe", lambda: {**here, "cpus": here["cpus"] + 1})
    interrupted(asked, folder, looks=2)
    expected = f"usable cores {here['cpus']} is now {here['cpus'] + 1}"
    (line,) = [
        line
        for line in capsys.readouterr().out.splitlines()
        if "Changed since the last start" in line
    ]
    assert expected in line
    assert "same bits" in line
    capsys.readouterr()
    dispatch.run(asked, folder)
    assert "Changed since the last start" not in capsys.readouterr().out, "said once"
    about = manifest.load(folder)
    assert about.changes == [expected]
    assert [found["cpus"] for found in about.earlier] == [here["cpus"]]
    assert expected in (folder / "report" / "index.html").read_text()


def test_the_same_machine_is_nothing_to_tell(whole):
    about = manifest.load(whole)
    assert (about.changes, about.earlier) == ([], [])
    assert "Between its starts" not in (whole / "report" / "index.html").read_text()


def test_a_folder_of_an_earlier_version_is_called_that(tmp_path, whole):
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    (folder / manifest.FILE).unlink()
    asked = config(json.loads((folder / "config.json").read_text())["dataset"]["images"])
    assert "an earlier version" in refusal(asked, folder)
    with pytest.raises(UserError, match="an earlier version of"):
        restore.load(folder)


@pytest.mark.parametrize(
    "edit",
    [
        lambda found: found["model"].update(hidden=[9]),
        lambda found: found["model"].update(activation="tanh"),
        lambda found: found.update(seed=1),
    ],
)
def test_a_config_that_was_edited_after_its_run_is_refused(tmp_path, whole, edit):
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    file = folder / "config.json"
    found = json.loads(file.read_text())
    edit(found)
    file.write_text(json.dumps(found))
    with pytest.raises(UserError, match=r"config\.json: expected the config .* finished with") as e:
        loader.load(folder)
    assert len(str(e.value).splitlines()) == 1


# Bases and what they have learned from


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """The folder of a base, on four fifths of 260 letters, two of each class to validate on."""
    folder = tmp_path_factory.mktemp("base")
    dispatch.run(of_one_split(folder, seed=0), folder / "run")
    return folder / "run"


def one_split(folder, **arrays):
    """The dataset of one split that the base learns from, or of other arrays."""
    path = folder / f"{'other' if arrays else 'letters'}.npz"
    images, labels = letters(260, 1)
    np.savez(path, **({"images": images, "labels": labels} | arrays))
    return Arrays(str(path))


def of_one_split(folder, seed, **changes):
    split = Split(validation_per_class=1, test_share=0.2)
    return config("", **{"dataset": one_split(folder), "split": split, "seed": seed, **changes})


def beginning(folder):
    return {
        "base": BaseConfig(config="configs/letters.py", workdir=str(folder)),
        "stages": STAGES,
        "optimizer": OptimizerConfig(),
        "training": TrainingConfig(batch_size=26),
    }


def test_a_base_s_own_examples_are_no_test(tmp_path, base):
    plain = one_split(tmp_path)
    zero_shot = ZeroShotConfig(dataset=plain, base=BaseConfig("letters.py", str(base)), folds=2)
    learned = "182 of 260 test examples were trained on by the base and its best weights were"
    assert learned in refusal(zero_shot, tmp_path / "zero_shot")
    asked = of_one_split(tmp_path, seed=0, **beginning(base))
    folds = CrossvalConfig(**{**vars(asked), "split": Split(validation_per_class=0)}, folds=2)
    assert learned in refusal(folds, tmp_path / "folds")
    # Another seed holds out others, most of which the base knows.
    line = refusal(dataclasses.replace(asked, seed=1), tmp_path / "seed")
    assert "of 52 test examples were trained on by the base" in line
    assert str(base) in line
    # Held out for the base too.
    result = dispatch.run(asked, tmp_path / "run")
    assert result["test_split_reads"] == 1
    # What began with this run has seen what its base saw.
    asked = of_one_split(tmp_path, seed=1, **beginning(tmp_path / "run"))
    assert "of 52 test examples were trained on by the base" in refusal(asked, tmp_path / "third")
    about = manifest.load(tmp_path / "run")
    assert [entry["examples"] for entry in about.trained_on] == [182, 182]


@pytest.mark.parametrize("change", ["shuffled", "relabelled", "others added"])
def test_an_example_is_known_whatever_file_it_is_in(tmp_path, base, change):
    images, labels = letters(260, 1)
    order = np.random.default_rng(0).permutation(260)
    fresh, fresh_labels = letters(260, 2)
    arrays = {
        "shuffled": (images[order], labels[order]),
        "relabelled": (images, labels[order]),
        "others added": (np.r_[fresh, images], np.r_[fresh_labels, labels]),
    }[change]
    dataset = one_split(tmp_path, images=arrays[0], labels=arrays[1])
    asked = ZeroShotConfig(dataset=dataset, base=BaseConfig("letters.py", str(base)), folds=2)
    expected = f"182 of {len(arrays[1])} test examples were trained on by the base"
    assert expected in refusal(asked, tmp_path / "zero_shot")


def test_other_examples_are_an_honest_test(tmp_path, base):
    images, labels = letters(260, 2)
    dataset = one_split(tmp_path, images=images, labels=labels)
    asked = ZeroShotConfig(dataset=dataset, base=BaseConfig("letters.py", str(base)), folds=2)
    result = dispatch.run(asked, tmp_path / "zero_shot")
    assert result["test_examples"] == 260
    assert result["test_split_reads"] == 1
    folds = CrossvalConfig(
        **{
            **vars(config("", **beginning(base))),
            "dataset": dataset,
        },
        folds=2,
    )
    assert dispatch.run(folds, tmp_path / "folds")["test_split_reads"] == 1


def test_validation_examples_that_the_base_learned_from_are_refused(tmp_path, base):
    asked = of_one_split(tmp_path, seed=0, **beginning(base))
    # The same examples are held out to test, but others of what is left to validate.
    fewer = dataclasses.replace(asked.split, limit=182)
    line = refusal(dataclasses.replace(asked, split=fewer), tmp_path / "run")
    assert "validation examples were trained on by the base" in line


def test_examples_that_are_damaged_are_told_of(tmp_path, base):
    folder = tmp_path / "base"
    shutil.copytree(base, folder)
    file = folder / "examples.npz"
    file.write_bytes(file.read_bytes()[:-1])
    asked = of_one_split(tmp_path, seed=0, **beginning(folder))
    assert "examples.npz: expected the file of the SHA-256" in refusal(asked, tmp_path / "run")


@pytest.mark.parametrize("kind", ["transfer", "folds"])
def test_a_base_retrained_under_an_interrupted_run_is_refused(tmp_path, base, kind):
    folder = tmp_path / "base"
    shutil.copytree(base, folder)
    if kind == "transfer":
        asked = of_one_split(tmp_path, seed=0, **beginning(folder))
    else:
        images, labels = letters(260, 2)
        others = one_split(tmp_path, images=images, labels=labels)
        asked = CrossvalConfig(
            **{**vars(config("", **beginning(folder))), "dataset": others}, folds=2
        )
    interrupted(asked, tmp_path / "run")
    began_with = manifest.load(tmp_path / "run").origins["base"]
    shutil.rmtree(folder)
    # The same config on the same data, but for the rate.
    faster = OptimizerConfig(learning_rate=3e-3)
    dispatch.run(of_one_split(base.parent, seed=0, optimizer=faster), folder)
    line = refusal(asked, tmp_path / "run")
    now = manifest.load(folder).fingerprint
    for fingerprint in (began_with["fingerprint"], now):
        assert f"config {fingerprint[:12]}" in line
    shutil.rmtree(folder)
    shutil.copytree(base, folder)
    dispatch.run(asked, tmp_path / "run")


def test_every_stage_draws_batches_of_its_own(tmp_path, base, monkeypatch):
    """No step of a stage sees the batch that the stage before saw at the same step."""
    seen, fit = [], loop.fit

    def spying(own, task, plan, train, *others):
        examples = Examples.on_devices(train.images, train.labels, task.mesh)
        first = [
            tiny.batch_at(task, examples, np.int32(step)).images for step in range(plan.total_steps)
        ]
        seen.append(np.asarray(first[:5]))
        return fit(own, task, plan, train, *others)

    monkeypatch.setattr(loop, "fit", spying)
    dispatch.run(of_one_split(tmp_path, seed=0, **beginning(base)), tmp_path / "run")
    dispatch.run(of_one_split(tmp_path, seed=0), tmp_path / "alone")
    one, two, alone = seen
    assert all((a != b).any() for a, b in zip(one, two, strict=True))
    np.testing.assert_array_equal(
        one, alone, err_msg="the first stage's are those of a run without"
    )


def test_a_division_that_changed_between_two_starts_is_refused(tmp_path, monkeypatch):
    asked, folder = of_one_split(tmp_path, seed=0), tmp_path / "run"
    interrupted(asked, folder)
    monkeypatch.setattr(stratified, "hold_out_test", lambda *_: np.split(np.arange(260), [208]))
    assert "expected the examples to be divided as when this run began" in refusal(asked, folder)


def test_weights_that_are_not_those_of_the_result_are_refused(tmp_path, whole):
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    other = tmp_path / "other"
    dispatch.run(config(save(tmp_path / "mine.npz"), seed=5), other)
    shutil.rmtree(folder / "steps")
    shutil.copytree(other / "steps", folder / "steps")
    with pytest.raises(UserError, match="expected the weights that this run finished with"):
        loader.load(folder)


@pytest.mark.parametrize(
    "edit",
    [
        lambda found: found.pop("data"),
        lambda found: found["data"].pop("splits"),
        lambda found: found["data"]["splits"]["train"].pop("images"),
        lambda found: found.update(environment=None),
        lambda found: found.update(fingerprint=3),
        lambda found: found.update(schema=0),
    ],
)
def test_a_damaged_manifest_is_one_line(tmp_path, whole, edit):
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    found = json.loads((folder / "manifest.json").read_text())
    edit(found)
    (folder / "manifest.json").write_text(json.dumps(found))
    with pytest.raises(UserError, match=r"manifest\.json: expected") as caught:
        restore.load(folder)
    assert len(str(caught.value).splitlines()) == 1


def test_seeds_of_stages_differ():
    from jaxletters.core import rng

    found = {rng.stage_seed(seed, stage) for seed in range(20) for stage in range(5)}
    assert len(found) == 100
    assert [rng.stage_seed(seed, 0) for seed in (0, 7)] == [0, 7]
    assert all(0 <= seed < 2**32 for seed in found)


def test_a_manifest_identifies_data_by_content_and_counts_what_was_seen(whole):
    about = manifest.load(whole)
    splits = about.data["splits"]
    assert [splits[name]["examples"] for name in ("train", "test")] == [130, 26]
    assert about.data["image_shape"] == [28, 28]
    assert len(about.data["class_names"]) == 27
    seen = seen_images.load(whole, about.examples)
    assert (len(seen.trained), len(seen.validated)) == (130, 0)

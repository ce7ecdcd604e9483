"""Teaches a trained reader one hand: its last stages learn letters of that hand, and a new run has them."""

import re
import shutil
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import jax

from jaxletters.config import builtin_sources, serialization, user_code
from jaxletters.config.augmentation import AugmentConfig, NonLetters
from jaxletters.config.hand import Hand
from jaxletters.config.schema import Config, Split, StageConfig
from jaxletters.config.slots import ModelConfig, Source
from jaxletters.config.sources import Joined
from jaxletters.config.training import ReturningConfig, ScheduleConfig, TrainingConfig
from jaxletters.core.errors import UserError
from jaxletters.core.types import Dataset, Json, Variables
from jaxletters.data import datasets, images, left_out
from jaxletters.data.formats.alphabets import CAPITALS
from jaxletters.data.sources import folder_listing, hand
from jaxletters.evaluation.result import BaseRun, InitialWeights
from jaxletters.experiments import origins, train
from jaxletters.experiments.transfer import Transfer
from jaxletters.models import networks
from jaxletters.models.params import by_name
from jaxletters.reading import bundle, bundle_card, loader, safetensors
from jaxletters.reading.bundle_card import WEIGHTS
from jaxletters.reading.classifier import Classifier
from jaxletters.runs.snapshot import digest
from jaxletters.runtime.files import load_json

# One epoch, in which every letter of the hand occurs often and a letter learned before once.
_EPOCHS, _BATCH_SIZE, _LEARNING_RATE = 1, 64, 1e-3
# The part of the way back to the weights of the reader, after which it has forgotten little.
_BACK = 0.3
_AUGMENT = AugmentConfig(rotation=8, shear=0.15, scale=0.1, shift=1, elastic=0.5)


class Taught(NamedTuple):
    """The outcome of teaching.

    Attributes:
        folder: the finished run.
        letters: the number of the hand's letters that were learned.
        held_out: the number of its letters that were not.
        before: the share of the held-out letters that the reader had right; in [0, 1].
        after: the same of the new run.
        learned: the dataset that was mixed in; "" if it could not be had.
        not_learned: why it could not be had; "" if it was mixed in.
        calibrated: whether the run has a calibration, from the validation examples of that dataset. The
            reader's does not hold for other weights; without one there are no conformal sets.
        seconds: in all.
    """

    folder: Path
    letters: int
    held_out: int
    before: float
    after: float
    learned: str
    not_learned: str
    calibrated: bool
    seconds: float


class _Reader(NamedTuple):
    """The network to teach, and what is known of its training."""

    classifier: Classifier
    network: ModelConfig
    variables: Variables
    identity: BaseRun
    dataset: Source | None
    dataset_name: str
    split: Split | None
    seed: int
    training_images: str
    run: origins.Origin | None


def teach(reader: Path, letters: Path, folder: Path) -> Taught:
    """Teaches a reader the letters of one hand.

    Args:
        reader: a finished run or a bundle; it is not changed.
        letters: a folder of pictures for each class.
        folder: the run folder to write; the run of an earlier call is replaced.

    Raises:
        UserError: the reader or the letters cannot be read, or the folder holds something else.
    """
    start = time.monotonic()
    _check_free(folder)
    source = _bundled(reader) if bundle.holds_bundle(reader) else _of_run(reader)
    obstacle = _obstacle(source)
    dataset = _hand(source, letters, mixed=not obstacle)
    held_out = datasets.load(dataset, "test")
    before = _accuracy(source.classifier, held_out)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".teach-", dir=folder.parent) as work:
        new = Path(work, folder.name)
        train.run(_config(source, dataset), new, brief=True, initial=_initial(source))
        taught = loader.load(new)
        after = _accuracy(taught, held_out)
        if folder.exists():
            shutil.move(folder, Path(work, "former"))
        shutil.move(new, folder)
    return Taught(
        folder,
        letters=len(hand.letters(dataset, "train")[1]),
        held_out=len(held_out.labels),
        before=before,
        after=after,
        learned="" if obstacle else source.dataset_name,
        not_learned=obstacle,
        calibrated=taught.calibration is not None,
        seconds=time.monotonic() - start,
    )


def _check_free(folder: Path) -> None:
    """Raises a UserError unless a folder has a name, and is free or holds a run that `teach` wrote."""
    # The name of the run. A folder such as "." is also one that cannot be replaced as a whole.
    if folder.name in ("", ".."):
        raise UserError(
            f"--to: expected a run folder with a name, such as checkpoints/my_hand, found {folder}; name one"
        )
    file = folder / "config.json"
    if file.is_file():
        stored: Json = load_json(file)
        dataset = stored.get("dataset") if isinstance(stored, dict) else None
        if isinstance(dataset, dict) and dataset.get("class") == Hand.__name__:
            return
    elif not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    raise UserError(
        f"{folder}: expected a new folder, or one that teach wrote, found something else; choose another "
        "with --to"
    )


def _of_run(folder: Path) -> _Reader:
    """Returns the network of a finished run."""
    origin = origins.of_run(folder)
    values = load_json(folder / "config.json")
    return _Reader(
        loader.from_run(origin.run),
        origin.run.network,
        origin.run.variables,
        origin.identity,
        user_code.load_part(values["dataset"], Source, folder),
        origin.run.result["dataset"],
        origin.run.split,
        origin.run.seed,
        origin.run.training_images,
        origin,
    )


def _bundled(folder: Path) -> _Reader:
    """Returns the network of a bundle that has its weights."""
    card = bundle_card.load(folder)
    if WEIGHTS not in card["files"]:
        raise UserError(
            f"{folder}: expected a bundle with {WEIGHTS}, found one without; export the run again, or "
            "name the run"
        )
    if (members := card.get("members", 1)) > 1:
        raise UserError(
            f"{folder}: expected a bundle of one network, found an ensemble of {members}; teach one "
            "of its runs"
        )
    classifier = bundle.load(folder)
    network = user_code.load_part(card["network"], ModelConfig, None)
    model = networks.build(network, len(classifier.class_names), classifier.image_shape)
    template = jax.eval_shape(model.init, jax.random.key(0))
    variables = safetensors.deserialize((folder / WEIGHTS).read_bytes(), template)
    identity: BaseRun = {
        "folder": str(folder),
        "fingerprint": card["fingerprint"],
        "weights": digest(variables),
    }
    held_out = (None, 0, "")
    if stored := card.get("held_out"):
        split = serialization.instantiate(stored["split"], Split)
        held_out = (split, stored["seed"], stored["training_images"])
    name = card["dataset"]
    dataset = builtin_sources.by_name(name)
    return _Reader(classifier, network, variables, identity, dataset, name, *held_out, None)


def _obstacle(reader: _Reader) -> str:
    """Returns why the dataset that a reader was trained on cannot be mixed in; "" if it can."""
    source = reader.dataset
    if source is None:
        return f"{reader.identity['folder']} does not tell where {reader.dataset_name} is"
    members = source.sources if isinstance(source, Joined) else (source,)
    if missing := [member.name for member in members if not member.is_here()]:
        return f"{' and '.join(missing)} cannot be read here without a download"
    if reader.split and not left_out.is_here(reader.split.leave_out):
        return (
            f"{reader.split.leave_out}, the list of what the reader left out, cannot be read here"
        )
    info = datasets.info(source)
    classifier = reader.classifier
    if (info.class_names, info.image_shape) != (classifier.class_names, classifier.image_shape):
        return f"{source.name} has other classes or images than the reader"
    return ""


def _initial(reader: _Reader) -> Transfer:
    """Returns all weights of the reader as initial weights."""
    names = [*by_name(reader.variables.params), *by_name(reader.variables.batch_stats)]
    facts: InitialWeights = {**reader.identity, "taken": names, "new": [], "left": []}
    no_answers = {*reader.classifier.unused, reader.classifier.non_letter}
    used = set(range(len(reader.classifier.class_names))) - no_answers
    return Transfer(reader.variables, reader.run, facts, frozenset(used))


def _hand(reader: _Reader, letters: Path, mixed: bool) -> Hand:
    """Returns the dataset to teach, mixed with the one that the reader was trained on or not."""
    classifier = reader.classifier
    learned = (reader.dataset,) if mixed and reader.dataset else ()
    return Hand(
        path=str(letters),
        class_names=classifier.class_names,
        size=classifier.image_shape,
        fit=classifier.fit,
        pictures="pad" if _are_images(letters, classifier.image_shape) else classifier.fit,
        inverted=classifier.inverted,
        learned=learned,
        split=_split(reader, learned),
        seed=reader.seed,
    )


def _split(reader: _Reader, learned: tuple[Source, ...]) -> Split:
    """Returns which examples the reader was not trained on; none are known to be held out of other data."""
    digests = [datasets.DatasetSplits(source).digest("train").images for source in learned]
    if reader.split and digests == [reader.training_images]:
        return reader.split
    return Split(validation_per_class=0)


def _are_images(letters: Path, shape: tuple[int, ...]) -> bool:
    """Returns whether all pictures of a folder have the size of a network's images."""
    paths = [path for _, path in folder_listing.list_pictures(str(letters)).splits["train"]]
    return all(images.size(Path(path)) == shape[:2] for path in paths)


def _config(reader: _Reader, dataset: Hand) -> Config:
    """Returns the experiment: the last stages learn the hand."""
    return Config(
        dataset=dataset,
        split=Split() if "validation" in dataset.info().splits else Split(validation_per_class=0),
        model=reader.network,
        augment=(*_non_letters(reader.classifier), _AUGMENT),
        stages=(
            StageConfig(
                trainable=_last_stages(reader.variables),
                epochs=_EPOCHS,
                optimizer=ReturningConfig(
                    name="adam",
                    learning_rate=_LEARNING_RATE,
                    back=_BACK,
                    schedule=ScheduleConfig(name="one_cycle", warmup=0.2),
                ),
            ),
        ),
        training=TrainingConfig(batch_size=_BATCH_SIZE),
        log_every_steps=20,
    )


def _non_letters(classifier: Classifier) -> tuple[NonLetters, ...]:
    """Returns the augmentation that keeps the meaning of a reader's class of non-letters."""
    if classifier.non_letter is None:
        return ()
    kinds = (NonLetters, *NonLetters.__subclasses__())
    labelled = [k for k in kinds if classifier.class_names[k.first_letter :][:26] == CAPITALS]
    return tuple(kind() for kind in labelled[:1])


def _last_stages(variables: Variables) -> str:
    """Returns a pattern of the parameters to train: those of the last stage and of what follows the stages.

    BatchNorm keeps its statistics, which are those of many hands. A network without stages trains everything.
    """
    numbers = [
        int(m[1]) for name in by_name(variables.params) if (m := re.match(r"stage(\d+)_", name))
    ]
    return rf"stage{max(numbers)}_(?!\w*norm)|hidden|logits" if numbers else ".*"


def _accuracy(classifier: Classifier, examples: Dataset) -> float:
    """Returns the share of examples whose most probable class is their own."""
    return float((classifier.predict(examples.images).labels == examples.labels).mean())

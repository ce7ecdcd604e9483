"""What a run depends on besides its config: written when it begins, compared at every start.

`manifest.json` identifies the data, the base and the machine. `examples.npz` identifies every image that
the weights depend on, so that another run which begins with them is not tested on one of these.
"""

import hashlib
import io
import shlex
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxletters.config import fingerprints
from jaxletters.config.builtin_sources import Builtin
from jaxletters.config.schema import Config, CrossvalConfig, Experiment, StudyConfig, ZeroShotConfig
from jaxletters.config.slots import FITS, Source, SplitDigest
from jaxletters.config.sources import MEMORY_PREFIX
from jaxletters.core.errors import UserError
from jaxletters.data.datasets import DatasetSplits
from jaxletters.data.sources import provenance
from jaxletters.evaluation.result import BaseRun
from jaxletters.runs import workdir
from jaxletters.runtime import environment
from jaxletters.runtime.environment import Environment
from jaxletters.runtime.files import load_json, write_bytes, write_json

FILE, _EXAMPLES = "manifest.json", "examples.npz"
_SCHEMA = 2
_DIGITS = 12

Facts = dict[str, Any]


class Seen(NamedTuple):
    """The images that a network's weights depend on, as `digests.of_images` identifies them.

    Attributes:
        trained: uint64 `[n]`, rising: of the training examples, those of its own base among them.
        validated: uint64 `[m]`, rising: of the examples that the best weights were chosen by.
    """

    trained: np.ndarray
    validated: np.ndarray

    def with_more(self, trained: np.ndarray, validated: np.ndarray) -> "Seen":
        """Returns what a network has seen that learned on from these weights."""
        return Seen(np.union1d(self.trained, trained), np.union1d(self.validated, validated))


NOTHING_SEEN = Seen(np.empty(0, np.uint64), np.empty(0, np.uint64))


class Manifest(NamedTuple):
    """What a run depends on besides its config.

    Attributes:
        fingerprint: of its config.
        data: what `describe_data` returns; None for an experiment whose parts have manifests of their own.
        base: folder, fingerprint and weights of the run that the weights come from; None without one.
        trained_on: a dict for each dataset that the weights have learned from, its base's first.
        examples: SHA-256 of the content of `examples.npz`, "" where there is none.
        environment: what `environment.describe` returned at the newest start.
        earlier: what it returned at earlier starts that differed.
        changes: what changed from start to start and may have changed the last bits.
    """

    fingerprint: str
    data: Facts | None
    base: BaseRun | None
    trained_on: list[Facts]
    examples: str
    environment: Environment
    earlier: list[Environment]
    changes: list[str]


def read(folder: Path) -> Manifest:
    """Returns the manifest of a run.

    Raises:
        UserError: there is none, as in folders of earlier versions, or it is damaged.
    """
    file = folder / FILE
    if not file.exists():
        raise UserError(
            f"{folder}: expected a run with {FILE}, found none: an earlier version of jaxletters made it, or "
            "the file was removed; run it again in another folder (--workdir)"
        )
    found = load_json(file)
    if not isinstance(found, dict) or found.get("schema") != _SCHEMA:
        schema = found.get("schema") if isinstance(found, dict) else None
        raise UserError(
            f"{file}: expected a manifest of schema {_SCHEMA}, found schema {schema!r}; use the version of "
            "jaxletters that wrote it, or run it again in another folder (--workdir)"
        )
    try:
        return _checked(Manifest(**{name: found[name] for name in Manifest._fields}))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UserError(
            f"{file}: expected what jaxletters wrote, found something else ({error}); restore the file "
            "from a backup"
        ) from error


def _checked(manifest: Manifest) -> Manifest:
    """Returns a manifest whose parts can be used as what they are said to be.

    Raises:
        KeyError, TypeError, AttributeError, ValueError: they cannot.
    """
    if not isinstance(manifest.fingerprint, str) or not isinstance(manifest.examples, str):
        raise TypeError("fingerprint and examples are text")
    for facts in (manifest.environment, *manifest.earlier):
        environment.differences(facts, facts)
    if manifest.base is not None:
        _named(manifest.base)
    if manifest.data is not None:
        for split in manifest.data["splits"].values():
            SplitDigest(**split)
        texts = [manifest.data[name] for name in ("dataset", "division", "note")]
        lists = [*manifest.data["class_names"], *manifest.data["remarks"]]
        if not all(isinstance(text, str) for text in (*texts, *lists)):
            raise TypeError("dataset, division, note, class_names and remarks are text")
        if len(manifest.data["image_shape"]) not in (2, 3) or manifest.data["fit"] not in FITS:
            raise ValueError("image_shape has a height and a width, fit a name")
    return manifest


def splits_used(config: Config | ZeroShotConfig, names: Collection[str]) -> tuple[str, ...]:
    """Returns the splits of a dataset that an experiment reads; `names` are those that there are."""
    if isinstance(config, ZeroShotConfig):
        return ("test" if "test" in names else "train",)
    if isinstance(config, CrossvalConfig):
        return ("train",)
    split = config.split
    validation = bool(split.validation_per_class) and "validation" in names
    test = split.test_on == "test" and not split.test_share
    wanted = {"train": True, "validation": validation, "test": test}
    return tuple(split for split, used in wanted.items() if used)


def describe_data(
    source: DatasetSplits, splits: Iterable[str], parts: Iterable[np.ndarray] = ()
) -> Facts:
    """Returns what identifies a dataset, ready for JSON.

    Args:
        source: the dataset.
        splits: those that the run depends on; no other is read.
        parts: which examples are learned from, validated on and tested on: arrays in that order.
    """
    division = hashlib.sha256()
    for part in parts:
        division.update(f"{part.dtype.str}{part.shape}".encode() + part.tobytes())
    found = {split: source.digest(split) for split in splits}
    return {
        "dataset": source.source.name,
        "note": source.source.note(found) or provenance.by_content(found),
        "class_names": list(source.info.class_names),
        "image_shape": list(source.info.image_shape),
        "fit": source.info.fit,
        "inverted": source.info.inverted,
        "remarks": list(source.info.remarks),
        "splits": {split: digest._asdict() for split, digest in found.items()},
        "division": division.hexdigest(),
    }


def tell(about: Facts, source: DatasetSplits, notice: Callable[[str], None]) -> None:
    """Says what a user should know of the data before they are used.

    Args:
        about: what `describe_data` returned.
        source: the dataset.
        notice: called with each line.

    Raises:
        UserError: nothing can be learned from them.
    """
    # What is published has been looked at.
    known = about["note"] in ("", "rebuilt split", "generated data")
    if not known or not isinstance(source.source, Builtin):
        for line in source.check(about["splits"]):
            notice(f"Look: {line}")


def claim(
    folder: Path,
    config: Experiment,
    notice: Callable[[str], None],
    data: Facts | None = None,
    base: BaseRun | None = None,
    trained_on: Iterable[Facts] = (),
    seen: Seen | None = None,
) -> None:
    """Makes a folder that `workdir.check` found free, or its own, a config's, and writes its manifest.

    Args:
        folder: the run folder.
        config: the experiment.
        notice: called with one line about what has changed since the run began, and what that means.
        data: of `describe_data`.
        base: identifies the run that the weights come from.
        trained_on: what the weights will have learned from.
        seen: the images that the weights will depend on; None where the run leaves no weights of its own.

    Raises:
        UserError: the run began with other data.
    """
    examples = _examples(seen) if seen else b""
    now = Manifest(
        fingerprint=fingerprints.fingerprint(config),
        data=data,
        base=base,
        trained_on=list(trained_on),
        examples=hashlib.sha256(examples).hexdigest() if seen else "",
        environment=environment.describe(),
        earlier=[],
        changes=[],
    )
    if workdir.has_checkpoints(folder):
        before = read(folder)
        _check_data(folder, before, now.data)
        _check_division(folder, before, now.data)
        changes = environment.differences(before.environment, now.environment)
        if changes:
            notice(
                f"Not as at the last start: {', '.join(changes)}. It continues, but may not end with the "
                "same bits as an uninterrupted one"
            )
            before.earlier.append(before.environment)
        now = now._replace(
            earlier=before.earlier,
            changes=list(dict.fromkeys([*before.changes, *changes])),
        )
    workdir.claim(folder, config)
    if seen:
        write_bytes(folder / _EXAMPLES, examples)
    write_json(folder / FILE, {"schema": _SCHEMA, **now._asdict()})


def check_base(folder: Path, base: BaseRun) -> None:
    """Compares the base of a run that has begun with what is in the base's folder now.

    Raises:
        UserError: the base was trained again, to other weights.
    """
    if workdir.has_checkpoints(folder):
        _check_base(folder, read(folder), base)


def check_finished(
    folder: Path,
    config: Config | ZeroShotConfig | StudyConfig,
    base: BaseRun | None = None,
    find: Callable[[Source, tuple[str, ...]], Facts | None] | None = None,
) -> None:
    """Compares a finished run with its config, and with the data and the base as they are now.

    What is not here any more is not compared, and nothing is downloaded. Where the config names archives,
    their content is compared, and prepared if it was not.

    Args:
        folder: the run folder.
        config: the experiment.
        base: identifies the base as it is now; None where it is gone, or where there is none.
        find: returns what identifies some splits of a dataset as it is now, None where they are gone.

    Raises:
        UserError: something differs.
    """
    manifest = read(folder)
    _check_fingerprint(folder, manifest, fingerprints.fingerprint(config))
    if base is not None:
        _check_base(folder, manifest, base)
    if manifest.data is not None and not isinstance(config, StudyConfig):
        now = (find or find_data)(config.dataset, tuple(manifest.data["splits"]))
        if now is not None:
            _check_data(folder, manifest, now)


def check_config(folder: Path, manifest: Manifest, values: Facts) -> None:
    """Compares the content of a finished run's `config.json` with the config that the run finished with.

    Raises:
        UserError: it was edited.
    """
    try:
        found = fingerprints.fingerprint_of(values)
    except (AttributeError, TypeError) as error:
        raise UserError(
            f"{folder / 'config.json'}: expected the config of a run, found something else; restore the file"
        ) from error
    _check_fingerprint(folder, manifest, found)


def _check_fingerprint(folder: Path, manifest: Manifest, found: str) -> None:
    result = workdir.result(folder) or {}
    finished = result.get("fingerprint", manifest.fingerprint)
    if not found == finished == manifest.fingerprint:
        raise UserError(
            f"{folder / 'config.json'}: expected the config that this run finished with (fingerprint "
            f"{str(finished)[:_DIGITS]} in result.json, {manifest.fingerprint[:_DIGITS]} in {FILE}), found "
            f"another ({found[:_DIGITS]}); restore the file that was changed, or run the changed config in "
            "another folder (--workdir)"
        )


def find_data(dataset: Source, splits: tuple[str, ...]) -> Facts | None:
    """Returns what identifies splits of a dataset as it is now, None where it is not here any more."""
    if not dataset.is_here():
        return None
    try:
        source = DatasetSplits(dataset)
        return describe_data(source, [split for split in splits if split in source.names])
    except UserError as error:
        # A user's own source need not say that its files are gone.
        if dataset.defined_by is not None and isinstance(error.__cause__, OSError):
            return None
        raise


def _check_data(folder: Path, before: Manifest, now: Facts | None) -> None:
    if before.data is None or now is None:
        return
    problems = [
        problem
        for split in dict.fromkeys([*before.data["splits"], *now["splits"]])
        if (problem := _split_difference(split, before.data["splits"], now["splits"]))
    ]
    problems += [
        f"{name.replace('_', ' ')}: {before.data[name]} there, {now[name]} here"
        for name in ("class_names", "image_shape")
        if before.data[name] != now[name]
    ]
    if problems:
        raise UserError(
            f"{folder}: expected the data that this run began with, found others ({'; '.join(problems)}); "
            f"{_where(folder)}, or choose another folder with --workdir"
        )


def _check_division(folder: Path, before: Manifest, now: Facts | None) -> None:
    if before.data is None or now is None or before.data["division"] == now["division"]:
        return
    raise UserError(
        f"{folder}: expected the examples to be divided as when this run began, found that others are "
        "learned from, validated on or tested on, as another version of jaxletters may do; continue with "
        "the version that began it, or choose another folder with --workdir"
    )


def _split_difference(split: str, before: Facts, now: Facts) -> str:
    if split not in now:
        return f"{split}: none here"
    if split not in before:
        return f"{split}: none there"
    old, new = SplitDigest(**before[split]), SplitDigest(**now[split])
    if old == new:
        return ""
    if old.examples != new.examples:
        return f"{split}: {old.examples:,} examples there, {new.examples:,} here"
    others = [name for name in ("images", "labels") if getattr(old, name) != getattr(new, name)]
    return f"{split}: other {' and '.join(others)}, {new.examples:,} examples in both"


def _where(folder: Path) -> str:
    """Returns which data a run began with, as far as its config says, as advice."""
    dataset = load_json(folder / "config.json")["dataset"]
    named = [
        f"--config.dataset.{name}={shlex.quote(str(dataset[name]))}"
        for name in fingerprints.excluded_settings(dataset)
        if dataset[name] and not str(dataset[name]).startswith(MEMORY_PREFIX)
    ]
    return f"restore them ({' '.join(named)})" if named else "give those that it began with"


def _check_base(folder: Path, before: Manifest, now: BaseRun | None) -> None:
    old, new = before.base or {}, now or {}
    if all(old.get(name) == new.get(name) for name in ("fingerprint", "weights")):
        return
    raise UserError(
        f"{folder}: expected the base that this run began with ({_named(old)}), found another in "
        f"{new.get('folder')} ({_named(new)}); restore that run, or choose another folder with --workdir"
    )


def _named(base: Mapping[str, object]) -> str:
    config, weights = (str(base.get(name))[:_DIGITS] for name in ("fingerprint", "weights"))
    return f"config {config}, weights {weights}"


def check_same(folder: Path, other: Path) -> None:
    """Compares the data and the bases of two folders that have a run of one config.

    Raises:
        UserError: they are of different runs.
    """
    if not (folder / FILE).exists() or not (other / FILE).exists():
        return
    here = read(other)
    _check_data(folder, read(folder), here.data)
    if here.base is not None:
        _check_base(folder, read(folder), here.base)


def warning(manifests: Iterable[Manifest]) -> str:
    """Returns what to say where runs on a dataset of one name do not have the same data, or ""."""
    found: dict[str, dict[str, set[tuple[str, str]]]] = {}
    for manifest in manifests:
        if manifest.data is not None:
            for split, digest in manifest.data["splits"].items():
                of_dataset = found.setdefault(manifest.data["dataset"], {})
                of_dataset.setdefault(split, set()).add((digest["images"], digest["labels"]))
    differing = [
        name
        for name, splits in found.items()
        if any(len(digests) > 1 for digests in splits.values())
    ]
    if not differing:
        return ""
    return (
        f" The runs on {' and '.join(differing)} do not all have the same images and labels, so their "
        "accuracies cannot be compared."
    )


def read_seen(folder: Path, manifest: Manifest) -> Seen:
    """Returns the images that a finished run's weights depend on.

    Raises:
        UserError: `examples.npz` is missing or damaged.
    """
    file = folder / _EXAMPLES
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror}); restore the file") from error
    if hashlib.sha256(content).hexdigest() != manifest.examples:
        raise UserError(
            f"{file}: expected the file of the SHA-256 that {FILE} gives, found another; restore it, or "
            "train the run again in another folder"
        )
    with np.load(io.BytesIO(content)) as arrays:
        return Seen(*(arrays[name] for name in Seen._fields))


def _examples(seen: Seen) -> bytes:
    file = io.BytesIO()
    np.savez(file, **seen._asdict())
    return file.getvalue()

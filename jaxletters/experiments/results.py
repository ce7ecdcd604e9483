"""The report of a finished experiment, and its result; the result marks the experiment as finished."""

from pathlib import Path
from typing import cast

import jax
import jax.numpy as jnp
import numpy as np

from jaxletters.config import fingerprints, serialization
from jaxletters.config.augmentation import AugmentConfig
from jaxletters.config.schema import Config, ZeroShotConfig
from jaxletters.core import rng
from jaxletters.core.types import Dataset, Variables
from jaxletters.evaluation import analysis, metrics
from jaxletters.evaluation.result import Facts, Result, SingleResult
from jaxletters.report import reports
from jaxletters.runs import manifest, tensorboard, workdir
from jaxletters.runs.journal import Record
from jaxletters.runs.manifest import Manifest
from jaxletters.runtime import xla
from jaxletters.training import augment, observers

# The number of images that the report shows augmented, and of variants of each.
_AUGMENTED, _VARIANTS = 8, 15
# The report's pictures that TensorBoard shows, too.
_ON_TENSORBOARD = ("contact_sheet", "augmentation", "worst_mistakes")


def write(
    config: Config | ZeroShotConfig,
    folder: Path,
    facts: Facts,
    history: list[Record],
    train_sample: Dataset,
    test: Dataset,
    logits: np.ndarray,
    variables: Variables | None = None,
) -> SingleResult:
    """Writes the report of an experiment on one dataset and returns its result.

    Args:
        config: the experiment.
        folder: its run folder.
        facts: the part of the result that depends on the kind of experiment.
        history: the records of its training; empty if there is not exactly one training.
        train_sample: images for the contact sheet, which shows the first images of every class.
        test: the test examples.
        logits: float32 `[n, classes]`, of the test examples.
        variables: of the network; None if the experiment has several networks.

    Raises:
        UserError: a file cannot be written.
    """
    stored = manifest.load(folder)
    run_report = reports.RunReport(
        history=history,
        train_sample=train_sample,
        test=test,
        test_logits=logits,
        result=_result(config, folder.name, stored, facts, test, logits),
        config=serialization.to_dict(config),
        environment=stored.environment,
        changes=stored.changes,
        augmented=_augmented(config, train_sample) if isinstance(config, Config) else None,
        kernels=_first_kernels(variables) if variables and train_sample.images.ndim == 3 else None,
    )
    files = reports.of_run(run_report)
    pictures = {name: files[f"{name}.png"] for name in _ON_TENSORBOARD if f"{name}.png" in files}
    settings = serialization.flatten(serialization.to_dict(config))
    tensorboard.write_summary(folder, facts.get("steps", 0), pictures, settings)
    reports.write(folder / "report", files)
    result = cast(SingleResult, workdir.require_result(folder))
    if isinstance(config, Config):
        observers.finished(config.observers, folder, result)
    return result


def _result(
    config: Config | ZeroShotConfig,
    name: str,
    stored: Manifest,
    facts: Facts,
    test: Dataset,
    logits: np.ndarray,
) -> SingleResult:
    """Returns the content of `result.json`, before it is written; `name` is that of the run folder."""
    assert stored.data is not None, "an experiment on one dataset"
    user_metrics: dict[str, dict[str, float]] = {}
    if isinstance(config, Config) and config.metrics:
        user_metrics["metrics"] = metrics.compute(config.metrics, logits, test.labels)
    result = {
        "name": name,
        "dataset_note": stored.data["note"],
        "dataset": stored.data["dataset"],
        **facts,
        **user_metrics,
        "fingerprint": fingerprints.fingerprint(config),
        **analysis.score(test, logits),
    }
    return cast(SingleResult, result)


def _augmented(config: Config, sample: Dataset) -> tuple[np.ndarray, np.ndarray] | None:
    """Returns one image of each of the first classes, and its augmented variants; None without augmentation.

    Shapes: uint8 `[n, h, w]` and `[n, k, h, w]`, with a last axis of size 3 for images in colour.
    """
    if config.augment in (AugmentConfig(), ()):
        return None
    _, first = np.unique(sample.labels, return_index=True)
    images = sample.images[first[:_AUGMENTED]]
    repeated = jnp.repeat(images.astype(np.float32) / 255, _VARIANTS, axis=0)
    labels = jnp.repeat(sample.labels[first[:_AUGMENTED]], _VARIANTS)
    apply = jax.jit(augment.augment, static_argnums=3, compiler_options=xla.one_time_options())
    key = rng.key(config.seed, rng.Stream.AUGMENT)
    augmented = cast(jax.Array, apply(key, repeated, labels, config.augment)[0])
    variants = np.rint(255 * np.clip(augmented, 0, 1)).astype(np.uint8)
    return images, variants.reshape(len(images), _VARIANTS, *images.shape[1:])


def _first_kernels(variables: Variables) -> np.ndarray | None:
    """Returns the kernels of the only layer with one input channel; None unless there is exactly one."""
    leaves: list[jax.Array] = jax.tree.leaves(variables.params)
    kernels = [leaf for leaf in leaves if leaf.ndim == 4 and leaf.shape[2] == 1]
    return np.asarray(kernels[0])[:, :, 0] if len(kernels) == 1 else None


def write_comparison(folder: Path, comparison: reports.Comparison) -> Result:
    """Writes the report of several experiments and returns its result.

    Raises:
        UserError: a file cannot be written.
    """
    reports.write(folder / "report", reports.of_several(comparison))
    return workdir.require_result(folder)

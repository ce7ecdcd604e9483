"""What a finished experiment leaves: its report, and the result that says that it is finished."""

from pathlib import Path
from typing import cast

import jax
import jax.numpy as jnp
import numpy as np

from jaxletters.config import fingerprints, serialization
from jaxletters.config.schema import Config, ZeroShotConfig
from jaxletters.config.training import AugmentConfig
from jaxletters.core import rng
from jaxletters.core.types import Dataset, Variables
from jaxletters.evaluation import analysis, metrics
from jaxletters.evaluation.result import Facts, Result, SingleResult
from jaxletters.report import reports
from jaxletters.runs import manifest, tensorboard, workdir
from jaxletters.runs.journal import Record
from jaxletters.runtime import xla
from jaxletters.training import augment, observers

# How many images the report shows augmented, and how often each.
_AUGMENTED, _VARIANTS = 8, 15
# Of the report's pictures, on TensorBoard too.
_SHOWN = ("contact_sheet", "augmentation", "worst_mistakes")


def write(
    config: Config | ZeroShotConfig,
    folder: Path,
    facts: Facts,
    history: list[Record],
    seen: Dataset,
    test: Dataset,
    logits: np.ndarray,
    variables: Variables | None = None,
) -> SingleResult:
    """Writes the report of an experiment on one dataset and returns its result.

    Args:
        config: the experiment.
        folder: its run folder.
        facts: about it, ready for JSON.
        history: the records of its training, or none.
        seen: images for the contact sheet, which shows the first of every class.
        test: the examples tested on.
        logits: float32 `[n, classes]`, of these.
        variables: of the network; None where there were several.

    Raises:
        UserError: a file cannot be written.
    """
    about = manifest.read(folder)
    assert about.data is not None, "an experiment on one dataset"
    result = {
        "name": folder.name,
        "dataset_note": about.data["note"],
        "dataset": about.data["dataset"],
        **facts,
        **_further(config, test, logits),
        "fingerprint": fingerprints.fingerprint(config),
        **analysis.score(test, logits),
    }
    files = reports.of_run(
        reports.RunReport(
            history=history,
            train_sample=seen,
            test=test,
            test_logits=logits,
            result=cast(SingleResult, result),
            config=serialization.to_dict(config),
            environment=about.environment,
            changes=about.changes,
            augmented=_augmented(config, seen) if isinstance(config, Config) else None,
            kernels=_first_kernels(variables) if variables and seen.images.ndim == 3 else None,
        )
    )
    pictures = {name: files[f"{name}.png"] for name in _SHOWN if f"{name}.png" in files}
    values = serialization.flatten(serialization.to_dict(config))
    tensorboard.write_summary(folder, facts.get("steps", 0), pictures, values)
    reports.write(folder / "report", files)
    written = read(folder)
    if isinstance(config, Config):
        observers.finished(config.observers, folder, written)
    return cast(SingleResult, written)


def _further(
    config: Config | ZeroShotConfig, test: Dataset, logits: np.ndarray
) -> dict[str, dict[str, float]]:
    """Returns the config's metrics of the test examples, if it has any."""
    if not isinstance(config, Config) or not config.metrics:
        return {}
    return {"metrics": metrics.compute(config.metrics, logits, test.labels)}


def _augmented(config: Config, seen: Dataset) -> tuple[np.ndarray, np.ndarray] | None:
    """Returns an image of each of the first classes, and what augmentation makes of it."""
    if config.augment in (AugmentConfig(), ()):
        return None
    _, first = np.unique(seen.labels, return_index=True)
    images = seen.images[first[:_AUGMENTED]]
    many = jnp.repeat(images.astype(np.float32) / 255, _VARIANTS, axis=0)
    change = jax.jit(augment.augment, static_argnums=2, compiler_options=xla.one_time_options())
    changed = change(rng.key(config.seed, rng.Stream.AUGMENT), many, config.augment)
    variants = np.rint(255 * np.clip(changed, 0, 1)).astype(np.uint8)
    return images, variants.reshape(len(images), _VARIANTS, *images.shape[1:])


def _first_kernels(variables: Variables) -> np.ndarray | None:
    """Returns the kernels that look at pixels: those of one channel, unless there are several such layers."""
    found = [x for x in jax.tree.leaves(variables.params) if x.ndim == 4 and x.shape[2] == 1]
    return np.asarray(found[0])[:, :, 0] if len(found) == 1 else None


def write_comparison(folder: Path, compared: reports.Comparison) -> Result:
    """Writes the report of several experiments and returns its result.

    Raises:
        UserError: a file cannot be written.
    """
    reports.write(folder / "report", reports.of_several(compared))
    return read(folder)


def read(folder: Path) -> Result:
    """Returns the result of an experiment that is finished."""
    result = workdir.result(folder)
    assert result is not None
    return result

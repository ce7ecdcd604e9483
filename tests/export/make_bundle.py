"""Writes the bundle of the oldest JAX that the tests read: `python tests/export/make_bundle.py FOLDER`.

It takes a minute, in an environment with the versions of `.ci/oldest.txt`. FOLDER gets the bundle of a
tiny network that has learned letters drawn by code, and `FOLDER.npz` some images and the logits of the
trained network itself. `tests/export/jax_0.7.2` is what it wrote with JAX 0.7.2.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from jaxletters import api
from jaxletters.config.augmentation import AugmentConfig
from jaxletters.config.builtin_sources import SketchLetters
from jaxletters.config.models import LetterNetConfig
from jaxletters.config.schema import Config, Split
from jaxletters.config.training import OptimizerConfig, TrainingConfig
from jaxletters.data.synthetic import sketch
from jaxletters.export import writer
from jaxletters.reading import loader
from jaxletters.runs import restore
from jaxletters.runtime import xla

CONFIG = Config(
    dataset=SketchLetters(size=5_200),
    split=Split(validation_per_class=10),
    model=LetterNetConfig(widths=(4, 6, 8)),
    augment=AugmentConfig(rotation=5, shift=1),
    optimizer=OptimizerConfig(learning_rate=5e-3),
    training=TrainingConfig(batch_size=64, epochs=4),
)
IMAGES = 8


def main(target: Path) -> None:
    """Trains the network and writes the bundle, and beside it the images and logits."""
    xla.use_cpu_only()
    with tempfile.TemporaryDirectory() as folder:
        run = restore.load(api.fit(CONFIG, Path(folder) / "tiny").folder)
        writer.write(run, target)
        images, _ = sketch.draw(IMAGES, "test", 5)
        np.savez_compressed(
            target.with_name(f"{target.name}.npz"),
            images=images,
            logits=loader.from_run(run).logits(images),
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Your own pictures: a folder for each class, here letters of an invented alphabet.

    python examples/own_images.py letters
    jaxletters inspect examples/own_images.py --config.dataset.path=letters
    python launch.py --config examples/own_images.py --config.dataset.path=letters

The first command draws the pictures: dark on light and of several sizes, like real ones.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import jaxletters as jl

_NAMES = ("ba", "do", "ei", "ku", "mo", "ne", "ri", "sha", "ту", "ぬ")
_PER_CLASS, _STROKES, _POINTS = 60, 2, 4


def get_config() -> jl.Config:
    """Returns a short run on the pictures of a folder."""
    return jl.Config(
        dataset=jl.ImageFolder("letters", fit="emnist"),
        split=jl.Split(validation_per_class=8, test_share=0.2),
        model=jl.DeeperConfig(widths=(16, 32, 64), depths=(1, 1, 1), pooling="stride"),
        augment=jl.AugmentConfig(rotation=8, shear=0.1, scale=0.1, shift=1.5),
        optimizer=jl.OptimizerConfig(
            "adamw", learning_rate=3e-3, schedule=jl.ScheduleConfig("one_cycle", warmup=0.2)
        ),
        training=jl.TrainingConfig(batch_size=32, epochs=12),
    )


def draw(folder: Path, per_class: int = _PER_CLASS) -> None:
    """Writes the pictures of each letter into a folder with its name."""
    for number, name in enumerate(_NAMES):
        strokes = np.random.default_rng(number).uniform(0.15, 0.85, (_STROKES, _POINTS, 2))
        hand = np.random.default_rng([number, 1])
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(per_class):
            size = int(hand.integers(60, 120))
            picture = Image.new("L", (size, size), int(hand.integers(220, 256)))
            pen = ImageDraw.Draw(picture)
            for stroke in strokes + hand.normal(0, 0.025, strokes.shape):
                points = [(float(x) * size, float(y) * size) for x, y in stroke]
                pen.line(points, fill=int(hand.integers(0, 60)), width=size // 14, joint="curve")
            picture.save(folder / name / f"{i:03}.png")


if __name__ == "__main__":
    draw(Path(sys.argv[1]))

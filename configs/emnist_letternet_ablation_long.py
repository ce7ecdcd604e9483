"""What a short schedule cannot judge of configs/emnist_letternet_ablation.py: augmentation pays late.

    python launch.py --config configs/emnist_letternet_ablation_long.py
    python benchmarks/ablation.py checkpoints/emnist_letternet_ablation_long

Three times as many epochs, one seed, and only what four epochs do better without.
"""

import dataclasses
from pathlib import Path

from jaxletters import configfile
from jaxletters.config import SweepConfig

_WITHOUT = ("without elastic, seed 0",)


def get_config() -> SweepConfig:
    """Returns the longer run of everything, and of everything but one."""
    short = configfile.load(Path(__file__).with_name("emnist_letternet_ablation.py"))
    assert isinstance(short, SweepConfig)
    return dataclasses.replace(
        short,
        training=dataclasses.replace(short.training, epochs=3 * short.training.epochs),
        variations=tuple(v for v in short.variations if v.name in _WITHOUT),
    )

"""MNIST with the small residual network for letters, under three seeds.

    python launch.py --config configs/mnist_letternet_seeds.py

The network and its training are those of configs/emnist_letternet_s.py; nothing was tuned for digits.
"""

import dataclasses
from pathlib import Path

import jaxletters as jl


def get_config() -> jl.SeedsConfig:
    """Returns the experiment of three runs on the same examples."""
    letters = jl.load_config(Path(__file__).with_name("emnist_letternet_s.py"))
    assert isinstance(letters, jl.Config)
    # The digits are complete images; none come from a coarse scan.
    augment = jl.AugmentConfig(rotation=11, shear=0.2, scale=0.12, shift=1, elastic=0.65)
    return jl.over_seeds(dataclasses.replace(letters, dataset=jl.Mnist(), augment=augment), 3)

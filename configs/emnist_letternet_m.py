"""EMNIST Letters with a residual network four times as large, for an accelerator.

    python launch.py --config configs/emnist_letternet_m.py

2.0 million parameters, 51 million multiply-adds an image, twice the epochs; everything else is from
configs/emnist_letternet_s.py. With that recipe a network of this size overfits and is no more accurate.
"""

import dataclasses
from pathlib import Path

import jaxletters as jl


def get_config() -> jl.Config:
    """Returns the small network's config with twice its channels and epochs."""
    small = jl.load_config(Path(__file__).with_name("emnist_letternet_s.py"))
    assert isinstance(small, jl.Config)
    return dataclasses.replace(
        small,
        model=jl.LetterNetConfig(widths=(64, 96, 192, 288)),
        training=dataclasses.replace(small.training, epochs=2 * small.training.epochs),
    )

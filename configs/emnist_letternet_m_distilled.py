"""EMNIST Letters with a residual network four times as large, which also learns from three small ones.

    python launch.py --config configs/emnist_letternet_s_seeds.py
    python launch.py --config configs/emnist_letternet_m_distilled.py

With labels alone this network overfits (configs/emnist_letternet_m.py). Here most of the loss comes from
the probabilities of the small networks' ensemble; otherwise the training is that of
configs/emnist_letternet_s.py.
"""

import dataclasses
from pathlib import Path

import jaxletters as jl


def get_config() -> jl.Config:
    """Returns the small students' config with twice the channels, and the epochs of the teachers."""
    small = jl.load_config(Path(__file__).with_name("emnist_letternet_s_distilled.py"))
    assert isinstance(small, jl.Config)
    training = dataclasses.replace(small.training, epochs=20)
    model = jl.LetterNetConfig(widths=(64, 96, 192, 288))
    return dataclasses.replace(jl.plain(small), model=model, training=training)

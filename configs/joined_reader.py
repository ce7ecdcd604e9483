"""Digits and letters with the network of configs/emnist_reader.py: MNIST's and EMNIST's classes together.

python launch.py --config configs/joined_reader.py
"""

import dataclasses
from pathlib import Path

import jaxletters as jl


def get_config() -> jl.Config:
    """Returns the config of emnist_reader.py with MNIST's digits: 36 characters, and a class for the rest.

    It leaves out the entry strokes, because `EntryStrokes` expects the labels of EMNIST Letters.
    """
    letters = jl.load_config(Path(__file__).with_name("emnist_reader.py"))
    assert isinstance(letters, jl.Config)
    assert isinstance(letters.augment, tuple)
    return dataclasses.replace(
        letters,
        dataset=jl.Joined((jl.Mnist(), jl.Emnist())),
        augment=(jl.NonCharacters(), *letters.augment[2:]),
    )

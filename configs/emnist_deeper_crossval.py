"""EMNIST Letters, cross-validated: each letter is predicted by a network that did not learn from it.

    python launch.py --config configs/emnist_deeper_crossval.py
    jaxletters suspects checkpoints/emnist_deeper_crossval

The second command lists the letters whose labels these networks doubt.
"""

from pathlib import Path

import jaxletters as jl


def get_config() -> jl.CrossvalConfig:
    """Returns the cross-validation of the network of configs/emnist_deeper.py."""
    one = jl.load_config(Path(__file__).with_name("emnist_deeper.py"))
    assert isinstance(one, jl.Config)
    return jl.cross_validated(one, 5)

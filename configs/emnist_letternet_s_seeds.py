"""EMNIST Letters with the small residual network under three seeds, and their ensemble.

    python launch.py --config configs/emnist_letternet_s_seeds.py

Everything but the seed is from configs/emnist_letternet_s.py.
"""

from pathlib import Path

import jaxletters as jl


def get_config() -> jl.SeedsConfig:
    """Returns the experiment of three runs on the same examples."""
    one = jl.load_config(Path(__file__).with_name("emnist_letternet_s.py"))
    assert isinstance(one, jl.Config)
    return jl.over_seeds(one, 3)

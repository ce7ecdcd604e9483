"""An ablation of configs/emnist_letternet_s.py over the whole schedule: regularisation takes effect late.

    python launch.py --config configs/emnist_letternet_ablation_whole.py
    python benchmarks/ablation.py checkpoints/emnist_letternet_ablation_whole

One seed; every run leaves out one more technique.
"""

import emnist_letternet_ablation_long as longer

import jaxletters as jl

_GROUPS = ("warm-up",), ("weight decay", "warm-up"), ("elastic", "weight decay", "warm-up")


def get_config() -> jl.SweepConfig:
    """Returns full runs with all techniques and without some of them."""
    return longer.get_config(epochs=20, groups=_GROUPS)

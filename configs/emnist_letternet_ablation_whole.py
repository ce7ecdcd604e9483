"""What ten epochs cannot judge either, over the whole schedule: what prevents overfitting pays late.

    python launch.py --config configs/emnist_letternet_ablation_whole.py
    python benchmarks/ablation.py checkpoints/emnist_letternet_ablation_whole

One seed; every run leaves out more than the one before.
"""

import runpy
from pathlib import Path

import jaxletters as jl

_TOGETHER = ("warm-up",), ("weight decay", "warm-up"), ("elastic", "weight decay", "warm-up")


def get_config() -> jl.SweepConfig:
    """Returns the run of everything, and those without some of it."""
    longer = Path(__file__).with_name("emnist_letternet_ablation_long.py")
    return runpy.run_path(str(longer))["get_config"](epochs=20, together=_TOGETHER)

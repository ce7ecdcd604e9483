"""MNIST with the network of configs/mnist_simple_convnet.py under five seeds.

python launch.py --config configs/mnist_simple_convnet_seeds.py
"""

from pathlib import Path

import jaxletters as jl


def get_config() -> jl.SeedsConfig:
    """Returns the experiment of five runs on the same examples."""
    one = jl.load_config(Path(__file__).with_name("mnist_simple_convnet.py"))
    assert isinstance(one, jl.Config)
    return jl.over_seeds(one, 5)

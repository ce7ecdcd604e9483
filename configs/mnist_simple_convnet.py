"""Keras' simple convnet on MNIST (keras.io, Simple MNIST convnet).

    python launch.py --config configs/mnist_simple_convnet.py

3x3 convolutions of 32 and 64 channels, dropout of one half, Adam, batches of 128, 15 epochs; a tenth of
the training examples is held out for validation, as there.

It reached 99.05% on the test examples, after 2:56 (m:ss) on two CPU cores
(2026-11-23).
"""

import jaxletters as jl


def get_config() -> jl.Config:
    """Returns the network as Keras' example trains it."""
    return jl.Config(
        dataset=jl.Mnist(),
        split=jl.Split(validation_per_class=600),
        model=jl.SimpleConvNetConfig(),
        optimizer=jl.OptimizerConfig(name="adam"),
        training=jl.TrainingConfig(batch_size=128, epochs=15),
    )

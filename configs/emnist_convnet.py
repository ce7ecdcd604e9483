"""Chollet's convnet on EMNIST Letters (Deep Learning with Python, section 8.1).

    python launch.py --config configs/emnist_convnet.py

3x3 convolutions of 32, 64 and 128 channels, RMSprop, batches of 64, five epochs.

Here it reached 92.56% on the test examples of a rebuilt split, after 2:33 (m:ss) on two CPU cores
(2026-11-23).
"""

from jaxletters.config import Config, ConvNetConfig, DatasetConfig, OptimizerConfig, TrainingConfig


def get_config() -> Config:
    """Returns the network as the book trains it."""
    return Config(
        dataset=DatasetConfig(name="emnist_letters"),
        model=ConvNetConfig(),
        optimizer=OptimizerConfig(name="rmsprop"),
        training=TrainingConfig(batch_size=64, epochs=5),
    )

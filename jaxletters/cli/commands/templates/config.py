"""A network and a folder of pictures of your own.

    jaxletters inspect NAME.py
    python launch.py --config NAME.py

Each class has a folder of pictures with its name. The command line can override every setting:
--config.model.width=64 --config.training.epochs=20.
"""

import dataclasses

import jax
from flax import linen as nn

import jaxletters as jl


class Network(nn.Module):
    """Three convolutions, each halving the image, an average, and the logits."""

    width: int
    num_classes: int

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """Maps float32 images `[b, h, w, c]`, from 0 to 1, to logits `[b, num_classes]`."""
        for width in (self.width, 2 * self.width, 4 * self.width):
            x = jl.Conv(width, (3, 3), strides=(2, 2))(x)
            x = nn.relu(nn.BatchNorm(use_running_average=not train, momentum=0.9)(x))
        return nn.Dense(self.num_classes)(x.mean((1, 2)))


@dataclasses.dataclass(frozen=True)
class NetworkConfig(jl.ModelConfig):
    """The settings of the network."""

    width: int = jl.setting(32, low=1)

    def build(self, num_classes: int) -> Network:
        """Returns the network."""
        return Network(self.width, num_classes)


def get_config() -> jl.Config:
    """Returns the experiment."""
    return jl.Config(
        # A single character on each picture: fit="emnist" centres it. In colour: channels=3.
        dataset=jl.ImageFolder("IMAGES", size=(28, 28), fit="pad"),
        split=jl.Split(validation_per_class=50, test_share=0.2),
        model=NetworkConfig(),
        augment=jl.AugmentConfig(rotation=10, shear=0.1, scale=0.1, shift=2),
        optimizer=jl.OptimizerConfig("adamw", learning_rate=3e-3),
        training=jl.TrainingConfig(batch_size=32, epochs=10),
    )

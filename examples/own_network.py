"""A network of one's own: a small ConvMixer (Trockman and Kolter, Patches Are All You Need?, 2022).

    python launch.py --config examples/own_network.py
    python launch.py --config examples/own_network.py --config.model.width=96 --workdir checkpoints/wide

Nothing of the package is edited. The letters are drawn by code, so nothing is downloaded.
"""

import dataclasses

import jax
from flax import linen as nn

from jaxletters.config import Config, DatasetConfig, OptimizerConfig, ScheduleConfig, TrainingConfig
from jaxletters.parts import ModelConfig, setting


class ConvMixer(nn.Module):
    """Patches, then blocks that mix positions and channels in turn, then an average."""

    width: int
    depth: int
    patch: int
    num_classes: int

    @nn.compact
    def __call__(self, images: jax.Array, train: bool) -> jax.Array:
        """Maps float32 images `[b, h, w, c]` to float32 logits `[b, num_classes]`."""
        edges = (self.patch, self.patch)
        x = self._activated(nn.Conv(self.width, edges, edges, name="patches")(images), train)
        for i in range(1, self.depth + 1):
            mix = nn.Conv(self.width, (5, 5), feature_group_count=self.width, name=f"positions{i}")
            x = x + self._activated(mix(x), train)
            x = self._activated(nn.Conv(self.width, (1, 1), name=f"channels{i}")(x), train)
        return nn.Dense(self.num_classes, name="logits")(x.mean((1, 2)))

    def _activated(self, x: jax.Array, train: bool) -> jax.Array:
        return nn.BatchNorm(use_running_average=not train, momentum=0.9)(nn.gelu(x))


@dataclasses.dataclass(frozen=True)
class ConvMixerConfig(ModelConfig):
    """The settings of the network, which the command line can change.

    Attributes:
        width: channels.
        depth: blocks.
        patch: edge of a patch, in pixels.
    """

    width: int = setting(64, low=1)
    depth: int = setting(3, low=1)
    patch: int = setting(2, low=1, high=28)

    def build(self, num_classes: int) -> ConvMixer:
        """Returns the network."""
        return ConvMixer(self.width, self.depth, self.patch, num_classes)


def get_config() -> Config:
    """Returns a run of a minute or two on two cores."""
    return Config(
        dataset=DatasetConfig("sketch_letters", size=5_200, validation_per_class=20),
        model=ConvMixerConfig(),
        optimizer=OptimizerConfig(
            "adamw",
            learning_rate=5e-3,
            weight_decay=0.01,
            schedule=ScheduleConfig("one_cycle", warmup=0.2),
        ),
        training=TrainingConfig(batch_size=64, epochs=4),
    )

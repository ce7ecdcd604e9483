"""Your own network: a small vision transformer (Dosovitskiy et al., 2020, arXiv:2010.11929).

    python launch.py --config examples/own_network.py
    python launch.py --config examples/own_network.py --config.model.width=96 --workdir checkpoints/wide

The package is not edited. The letters are generated, so nothing is downloaded.
"""

import dataclasses
from collections.abc import Iterator

import jax
from flax import linen as nn

import jaxletters as jl


class Transformer(nn.Module):
    """Patches with learned positions, blocks of attention and dense layers, an average, the logits."""

    width: int
    depth: int
    heads: int
    patch: int
    num_classes: int

    @nn.compact
    def __call__(self, images: jax.Array) -> jax.Array:
        """Maps float32 images `[b, h, w, c]` to float32 logits `[b, num_classes]`."""
        edges = (self.patch, self.patch)
        x = nn.Conv(self.width, edges, edges, "VALID", name="patches")(images)
        x = x.reshape(x.shape[0], -1, self.width)
        x = x + self.param("positions", nn.initializers.normal(0.02), x.shape[1:])
        for i in range(1, self.depth + 1):
            y = nn.LayerNorm(name=f"block{i}_norm1")(x)
            x = x + nn.MultiHeadDotProductAttention(self.heads, name=f"block{i}_attention")(y)
            y = nn.LayerNorm(name=f"block{i}_norm2")(x)
            y = nn.gelu(nn.Dense(2 * self.width, name=f"block{i}_dense1")(y))
            x = x + nn.Dense(self.width, name=f"block{i}_dense2")(y)
        x = nn.LayerNorm(name="norm")(x).mean(1)
        return nn.Dense(self.num_classes, name="logits")(x)


@dataclasses.dataclass(frozen=True)
class TransformerConfig(jl.ModelConfig):
    """The settings of the network, which the command line can change.

    Attributes:
        width: features per patch; a multiple of `heads`.
        depth: number of blocks.
        heads: number of heads of each attention.
        patch: edge of a patch, in pixels.
    """

    width: int = jl.setting(64, low=1)
    depth: int = jl.setting(2, low=1)
    heads: int = jl.setting(4, low=1)
    patch: int = jl.setting(4, low=1, high=28)

    def problems(self) -> Iterator[str]:
        """Yields conflicts between settings."""
        if self.width % self.heads:
            yield f"width: expected a multiple of the {self.heads} heads, found {self.width}"

    def build(self, num_classes: int) -> Transformer:
        """Returns the network."""
        return Transformer(self.width, self.depth, self.heads, self.patch, num_classes)


def get_config() -> jl.Config:
    """Returns a short run."""
    return jl.Config(
        dataset=jl.SketchLetters(size=10_400),
        split=jl.Split(validation_per_class=20),
        model=TransformerConfig(),
        optimizer=jl.OptimizerConfig(
            "adamw",
            learning_rate=3e-3,
            weight_decay=0.05,
            clip_norm=1.0,
            schedule=jl.ScheduleConfig("one_cycle", warmup=0.2),
        ),
        training=jl.TrainingConfig(batch_size=64, epochs=8),
    )

"""Fully connected networks."""

import jax
from flax import linen as nn

from jaxletters.config.models import MLPConfig


class MLP(nn.Module):
    """Dense layers on the flattened image (Chollet, Deep Learning with Python, section 2.1)."""

    config: MLPConfig
    num_classes: int

    @nn.compact
    def __call__(self, images: jax.Array, train: bool) -> jax.Array:  # noqa: ARG002, one signature
        """Maps float32 images `[b, h, w, c]` to float32 logits `[b, num_classes]`."""
        x = images.reshape(images.shape[0], -1)
        init = nn.initializers.glorot_uniform()
        for i, width in enumerate(self.config.hidden, 1):
            x = nn.Dense(width, kernel_init=init, name=f"hidden{i}")(x)
            x = getattr(nn, self.config.activation)(x)
        return nn.Dense(self.num_classes, kernel_init=init, name="logits")(x)

"""Random changes of training images, on the device inside the step; each a pure function of a key."""

import jax
import jax.numpy as jnp
from jax.scipy.ndimage import map_coordinates

from jaxletters.config import AugmentConfig


def affine(key: jax.Array, image: jax.Array, config: AugmentConfig) -> jax.Array:
    """Rotates, shears, scales and shifts one image in a single bilinear resampling.

    Every amount is uniform between plus and minus its limit; what comes from outside is paper.

    Args:
        key: of this image's changes.
        image: float32 `[h, w]`.
        config: the limits.

    Returns:
        float32 `[h, w]`.
    """
    height, width = image.shape
    angle, shear, scale, down, right = jax.random.uniform(key, (5,), minval=-1.0) * jnp.array(
        [jnp.deg2rad(config.rotation), config.shear, config.scale, config.shift, config.shift]
    )
    y = jnp.arange(height, dtype=jnp.float32)[:, None] - (height - 1) / 2 - down
    x = jnp.arange(width, dtype=jnp.float32)[None, :] - (width - 1) / 2 - right
    cos, sin = jnp.cos(angle) / (1 + scale), jnp.sin(angle) / (1 + scale)
    source_y = cos * y - sin * x
    source_x = sin * y + cos * x + shear * source_y
    coordinates = [source_y + (height - 1) / 2, source_x + (width - 1) / 2]
    return map_coordinates(image, coordinates, order=1, mode="constant")


def augment(key: jax.Array, images: jax.Array, config: AugmentConfig) -> jax.Array:
    """Applies the configured changes to float32 images `[b, h, w]`, each under a key of its own."""
    if config == AugmentConfig():
        return images
    keys = jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, jnp.arange(len(images)))
    return jax.vmap(affine, in_axes=(0, 0, None))(keys, images, config)

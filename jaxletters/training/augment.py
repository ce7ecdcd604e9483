"""Random augmentation of training images, on the device inside the step; pure functions of a key."""

import functools
from typing import cast

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.ndimage import map_coordinates

from jaxletters.config.augmentation import AugmentConfig
from jaxletters.config.slots import Augmentation
from jaxletters.data import canvas

# Standard deviation in pixels of the Gaussian of elastic displacements; Simard's value for MNIST.
_ELASTIC_SIGMA = 4.0
# The size of Binary AlphaDigits, and the margin of its enlarged letters on EMNIST's canvas.
_LOW_RESOLUTION = (20, 16)
_LOW_RESOLUTION_MARGIN = 2
# The rows or columns of a padded image that are before and after each of its own.
_ENDS = slice(None, -2), slice(2, None)


def warp(key: jax.Array, image: jax.Array, config: AugmentConfig) -> jax.Array:
    """Rotates, shears, scales, shifts and elastically deforms one image in one bilinear resampling.

    Every amount is uniform between plus and minus its limit; pixels from outside are paper. The elastic
    deformation is a random displacement of every pixel, smoothed by a Gaussian (Simard et al., Best
    Practices for Convolutional Neural Networks Applied to Visual Document Analysis, 2003, section 2).

    Args:
        key: the PRNG key of this image.
        image: float32 `[h, w]` or `[h, w, c]`.
        config: the limits.

    Returns:
        float32, of the shape of the image.
    """
    height, width = image.shape[:2]
    angle, shear, scale, shift_y, shift_x = jax.random.uniform(key, (5,), minval=-1.0) * jnp.array(
        [jnp.deg2rad(config.rotation), config.shear, config.scale, config.shift, config.shift]
    )
    y = jnp.arange(height, dtype=jnp.float32)[:, None] - (height - 1) / 2 - shift_y
    x = jnp.arange(width, dtype=jnp.float32)[None, :] - (width - 1) / 2 - shift_x
    if config.elastic:
        noise = jax.random.normal(jax.random.fold_in(key, 1), (2, height, width))
        smooth_noise = _smoothing(height) @ noise @ _smoothing(width).T
        y, x = y + config.elastic * smooth_noise[0], x + config.elastic * smooth_noise[1]
    cos, sin = jnp.cos(angle) / (1 + scale), jnp.sin(angle) / (1 + scale)
    source_y = cos * y - sin * x
    source_x = sin * y + cos * x + shear * source_y
    positions = source_y + (height - 1) / 2, source_x + (width - 1) / 2
    if image.ndim == 2:
        return _resample(image, *positions)
    return jax.vmap(_resample, in_axes=(2, None, None), out_axes=2)(image, *positions)


def _resample(image: jax.Array, y: jax.Array, x: jax.Array) -> jax.Array:
    # A TPU loads single pixels slowly: these gathers took most of its step.
    return cast(
        jax.Array,
        jax.lax.platform_dependent(
            image, y, x, tpu=resample_by_products, default=resample_by_gather
        ),
    )


def resample_by_gather(image: jax.Array, y: jax.Array, x: jax.Array) -> jax.Array:
    """Returns an image at other positions, by bilinear interpolation; paper is outside of it.

    Args:
        image: float32 `[h, w]`.
        y: the row of each position, in pixels from the centre of the first one: float32 `[n, m]`.
        x: its column, likewise.

    Returns:
        float32 `[n, m]`.
    """
    return cast(jax.Array, map_coordinates(image, [y, x], order=1, mode="constant"))


def resample_by_products(image: jax.Array, y: jax.Array, x: jax.Array) -> jax.Array:
    """Returns the same as `resample_by_gather`, but for rounding: as products with weights of all pixels."""
    # Flat, so that the products fill a TPU's matrix unit.
    rows, columns = (
        jnp.maximum(1 - jnp.abs(positions.reshape(-1, 1) - jnp.arange(size)), 0)
        for positions, size in zip((y, x), image.shape, strict=True)
    )
    # By default a TPU rounds the factors to bfloat16.
    across = jnp.matmul(rows, image, precision=jax.lax.Precision.HIGHEST)
    return (across * columns).sum(1).reshape(y.shape)


@functools.cache
def _smoothing(size: int) -> np.ndarray:
    """Returns a Gaussian filter as a matrix that keeps the variance of white noise: float32 `[n, n]`."""
    positions = np.arange(size)
    weights = np.exp(-(((positions[:, None] - positions) / _ELASTIC_SIGMA) ** 2) / 2)
    return (weights / np.linalg.norm(weights, axis=1, keepdims=True)).astype(np.float32)


def stroke(key: jax.Array, image: jax.Array, config: AugmentConfig) -> jax.Array:
    """Makes strokes thinner or thicker: blurs the image and applies a random threshold.

    Args:
        key: the PRNG key of this image.
        image: float32 `[h, w]` in [0, 1].
        config: `stroke` is the largest distance of the threshold from one half.

    Returns:
        float32 `[h, w]` in [0, 1].
    """
    threshold = 0.5 + config.stroke * jax.random.uniform(key, minval=-1.0)
    padded = jnp.pad(image, 1)
    rows = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    blurred = (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 16
    # A slope of two keeps edges about as soft as before.
    return jnp.clip(2 * (blurred - threshold) + 0.5, 0, 1)


def fill(key: jax.Array, image: jax.Array) -> jax.Array:
    """Fills small loops and corners with ink: a dilation by one or two pixels, then an erosion by as many.

    Args:
        key: the PRNG key of this image.
        image: float32 `[h, w]` in [0, 1].

    Returns:
        float32 `[h, w]` in [0, 1].
    """
    small = -_dilated(-_dilated(image, 1), 1)
    large = -_dilated(-_dilated(image, 2), 2)
    filled = jnp.where(jax.random.bernoulli(key), large, small)
    # The soft edges inside of a loop are paler than full ink.
    return jnp.maximum(image, jnp.clip(2 * filled - 0.3, 0, 1))


def _dilated(image: jax.Array, radius: int) -> jax.Array:
    """Returns the largest value in an octagon around each pixel: float32 `[h, w]`."""
    for i in range(radius):
        padded = jnp.pad(image, 1, mode="edge")
        cross = [padded[1:-1, 1:-1], padded[:-2, 1:-1], padded[2:, 1:-1]]
        cross += [padded[1:-1, :-2], padded[1:-1, 2:]]
        corners = [padded[y, x] for y in _ENDS for x in _ENDS] if i % 2 else []
        image = functools.reduce(jnp.maximum, cross + corners)
    return image


def low_resolution(image: jax.Array) -> jax.Array:
    """Reduces the ink to 20x16 bits and enlarges it again, as images of Binary AlphaDigits are.

    Args:
        image: float32 `[h, w]` in [0, 1].

    Returns:
        float32 `[h, w]` in [0, 1].
    """
    ink = image > 0.5
    reduce_rows = _reduction(ink.any(1), _LOW_RESOLUTION[0])
    reduce_columns = _reduction(ink.any(0), _LOW_RESOLUTION[1])
    bits = jnp.float32(reduce_rows @ image @ reduce_columns.T > 0.5)
    enlarge_rows, enlarge_columns = canvas.weights(
        _LOW_RESOLUTION, image.shape, _LOW_RESOLUTION_MARGIN, "bilinear"
    )
    return enlarge_rows @ bits @ enlarge_columns.T


def _reduction(occupied: jax.Array, size: int) -> jax.Array:
    """Returns the matrix that averages pixels over equal parts of the occupied range: float32 `[size, n]`.

    The range extends from the first to the last true value of `occupied`, bool `[n]`.
    """
    n = len(occupied)
    first, last = jnp.argmax(occupied), n - jnp.argmax(occupied[::-1])
    part = (last - first) / size
    starts = first + part * jnp.arange(size)[:, None]
    pixels = jnp.arange(n)
    overlap = jnp.minimum(starts + part, pixels + 1) - jnp.maximum(starts, pixels)
    return jnp.clip(overlap, 0, None) / part


def erase(key: jax.Array, image: jax.Array, config: AugmentConfig) -> jax.Array:
    """Erases a random square (a simple form of Zhong et al., Random Erasing Data Augmentation, 2017).

    Args:
        key: the PRNG key of the square's position and edge.
        image: float32 `[h, w]`.
        config: `erase` is the largest edge, in pixels.

    Returns:
        float32 `[h, w]`.
    """
    position_key, size_key = jax.random.split(key)
    size = jax.random.randint(size_key, (), 0, config.erase + 1)
    top, left = jnp.floor(
        jax.random.uniform(position_key, (2,)) * (jnp.array(image.shape[:2]) - size + 1)
    )
    rows = jnp.arange(image.shape[0])[:, None] - top
    columns = jnp.arange(image.shape[1])[None, :] - left
    inside = (rows >= 0) & (rows < size) & (columns >= 0) & (columns < size)
    return jnp.where(inside if image.ndim == 2 else inside[..., None], 0.0, image)


def augment(
    key: jax.Array,
    images: jax.Array,
    labels: jax.Array,
    parts: Augmentation | tuple[Augmentation, ...],
) -> tuple[jax.Array, jax.Array]:
    """Applies augmentations in order to float32 images `[b, h, w]` or `[b, h, w, c]` and labels `[b]`.

    Each augmentation of each image has its own key.
    """
    for i, part in enumerate(parts if isinstance(parts, tuple) else (parts,)):
        if part == AugmentConfig():
            continue
        # The key of image j is fold_in(part_key, j), with small j. Numbers counted down from 2**32 keep
        # the keys of later augmentations different from those of the first one's images.
        part_key = jax.random.fold_in(key, 2**32 - i) if i else key
        with part.import_context():
            images, labels = part.apply_batch(part_key, images, labels)
    return images, labels


def augment_image(key: jax.Array, image: jax.Array, config: AugmentConfig) -> jax.Array:
    """Returns one image, float32 `[h, w]` or `[h, w, c]`, with all built-in augmentations under one key."""
    image = warp(key, image, config)
    if config.stroke:
        image = stroke(jax.random.fold_in(key, 2), image, config)
    if config.filled:
        chosen = jax.random.bernoulli(jax.random.fold_in(key, 5), config.filled)
        image = jnp.where(chosen, fill(jax.random.fold_in(key, 6), image), image)
    if config.low_resolution:
        chosen = jax.random.bernoulli(jax.random.fold_in(key, 3), config.low_resolution)
        image = jnp.where(chosen, low_resolution(image), image)
    if config.erase:
        image = erase(jax.random.fold_in(key, 4), image, config)
    return image

"""Operations on the image of a letter for augmentations, as matrix products, which are fast on every device.

All images are float32 `[n, n]`, from 0 for paper to 1 for ink.
"""

import jax
import jax.numpy as jnp
import numpy as np

# The longer side of a character on EMNIST's canvas, as a share of the canvas.
FILLED = 22 / 28
# Pixels over which the edge of a pen stroke goes from paper to ink, as in EMNIST.
SOFTNESS = 2.0
# What is cut from an image is enlarged by at most this.
_MAX_ENLARGED = 1.7


def is_one_of(letters: str, numbers: jax.Array) -> jax.Array:
    """Returns whether numbers, 0 for A, are those of letters."""
    return (numbers[..., None] == np.array([ord(letter) - ord("A") for letter in letters])).any(-1)


def extent(occupied: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns where the true values of a bool `[n]` start and end, in pixels from the first edge."""
    return jnp.argmax(occupied), len(occupied) - jnp.argmax(occupied[::-1])


def box(image: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """Returns the left, top, right and bottom of the ink in pixels."""
    (left, right), (top, bottom) = extent((image > 0.5).any(0)), extent((image > 0.5).any(1))
    return left, top, right, bottom


def resampling(size: int, source: jax.Array, target: jax.Array, scale: jax.Array) -> jax.Array:
    """Returns the matrix that scales an axis and moves the position `source` to `target`: `[size, size]`.

    Each row is the mean over the interval that a new pixel covers, at least one old pixel wide.
    """
    pixels = jnp.arange(size) + 0.5
    positions = (pixels[:, None] - target) / scale + source
    covered = jnp.maximum(1, 1 / scale)
    ends = jnp.minimum(positions + covered / 2, pixels + 0.5)
    starts = jnp.maximum(positions - covered / 2, pixels - 0.5)
    return jnp.clip(ends - starts, 0, None) / covered


def on_canvas(image: jax.Array) -> jax.Array:
    """Returns the ink in the middle of the canvas and as large as EMNIST's, as the reading places it.

    What is small is enlarged less, so that its strokes stay possible.
    """
    size = image.shape[0]
    left, top, right, bottom = box(image)
    length = jnp.maximum(right - left, bottom - top)
    scale = jnp.minimum(FILLED * size / length, _MAX_ENLARGED)
    rows = resampling(size, (top + bottom) / 2, jnp.float32(size / 2), scale)
    columns = resampling(size, (left + right) / 2, jnp.float32(size / 2), scale)
    sharper = jnp.maximum(scale, 1)
    return jnp.clip((rows @ image @ columns.T - 0.5) * sharper + 0.5, 0, 1)


def thick(image: jax.Array, share: jax.Array) -> jax.Array:
    """Returns strokes up to two pixels wider, by a share from 0 to 1."""
    padded = jnp.pad(image, 1)
    rows = jnp.maximum(jnp.maximum(padded[:-2], padded[2:]), padded[1:-1])
    grown = jnp.maximum(jnp.maximum(rows[:, :-2], rows[:, 2:]), rows[:, 1:-1])
    return image + share * (grown - image)


def pen_strokes(ends: jax.Array, pen: jax.Array | float, size: int) -> jax.Array:
    """Returns the ink of segments, float32 `[size, size]`: from the distance of each pixel to the nearest.

    Args:
        ends: `[segments, 2, 2]`, the ends (x, y) of each segment in pixels from the top left corner.
        pen: width of the pen in pixels.
        size: side of the image.
    """
    pixels = jnp.arange(size) + 0.5
    start, along = ends[:, 0], ends[:, 1] - ends[:, 0]
    x = pixels - start[:, 0, None, None]
    y = pixels[:, None] - start[:, 1, None, None]
    dx, dy = along[:, 0, None, None], along[:, 1, None, None]
    nearest = jnp.clip((x * dx + y * dy) / jnp.maximum(dx**2 + dy**2, 1e-6), 0, 1)
    squares = jnp.square(x - nearest * dx) + jnp.square(y - nearest * dy)
    distance = jnp.sqrt(squares.min(0) + 1e-12)
    return jnp.clip((pen / 2 - distance) / SOFTNESS + 0.5, 0, 1)

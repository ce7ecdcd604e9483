"""Training images of letters as joined writing shows them: with entry strokes, and cut from a neighbour."""

import jax
import jax.numpy as jnp

from jaxletters.config.augmentation import EntryStrokes, LetterCuts
from jaxletters.training.letter_images import (
    FILLED,
    box,
    is_one_of,
    on_canvas,
    pen_strokes,
    resampling,
)

# Letters that a stroke from the left does not turn into others, nor one to the right from their lower part,
# nor from their top. The stroke of I would make it an L.
_FROM_LEFT = "ABCDEGHKMNOQRSUW"
_TO_RIGHT, _TO_RIGHT_AT_TOP = "ACDEHKMNQRUX", "OVW"
# Segments of a stroke, which is a curve.
_SEGMENTS = 4


def join_strokes(
    key: jax.Array, images: jax.Array, labels: jax.Array, config: EntryStrokes
) -> jax.Array:
    """Adds to some letters a stroke from the left, to the right, or both, as joined writing has.

    Args:
        key: the PRNG key of the batch.
        images: float32 `[b, n, n]` in [0, 1].
        labels: int32 `[b]`, numbered as in EMNIST Letters.
        config: the share of letters.

    Returns:
        float32 `[b, n, n]`.
    """
    chosen = jax.random.bernoulli(key, config.share, labels.shape)
    keys = jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, jnp.arange(len(images)))
    joined = jax.vmap(_with_strokes)(keys, images, labels - 1)
    return jnp.where(chosen[:, None, None], joined, images)


def _with_strokes(key: jax.Array, image: jax.Array, number: jax.Array) -> jax.Array:
    """Returns a letter with one stroke or two, or unchanged if these could turn it into another one.

    Args:
        key: the PRNG key of this image.
        image: float32 `[n, n]`.
        number: of the letter in the alphabet, 0 for A.
    """
    side_key, left_key, right_key = jax.random.split(key, 3)
    side = jax.random.uniform(side_key)
    from_left = (side < 0.75) & is_one_of(_FROM_LEFT, number)
    # An entry rises to any height of the letter.
    entry = _with_stroke(left_key, image, (0.05, 0.9), (0.0, 0.6))
    image = jnp.where(from_left, entry, image)
    at_top = is_one_of(_TO_RIGHT_AT_TOP, number)
    mirrored = image[:, ::-1]
    low = _with_stroke(right_key, mirrored, (0.04, 0.3), (-0.5, 0.1))
    high = _with_stroke(right_key, mirrored, (0.7, 0.95), (-0.25, 0.15))
    to_right = (side > 0.35) & (at_top | is_one_of(_TO_RIGHT, number))
    return jnp.where(to_right, jnp.where(at_top, high, low)[:, ::-1], image)


def _with_stroke(
    key: jax.Array, image: jax.Array, place: tuple[float, float], fall: tuple[float, float]
) -> jax.Array:
    """Returns a letter with a stroke at its left; smaller where that would leave the canvas.

    Args:
        key: a PRNG key.
        image: float32 `[n, n]`.
        place: the range of places at which it meets the ink: from the foot, in heights of the letter.
        fall: the range of heights by which the other end is lower than that, likewise.
    """
    size = image.shape[0]
    u = jax.random.uniform(key, (5,))
    left, top, right, bottom = box(image)
    height = bottom - top
    row = bottom - (place[0] + (place[1] - place[0]) * u[0]) * height
    touched = jnp.argmax(image[jnp.int32(row)] > 0.5)
    length = 3 + 6 * jnp.square(u[1])
    end = jnp.minimum(row + (fall[0] + (fall[1] - fall[0]) * u[2]) * height, bottom)
    start = jnp.minimum(left, touched - length)
    low, high = jnp.minimum(top, end), jnp.maximum(bottom, end)
    scale = jnp.minimum(1, FILLED * size / jnp.maximum(right - start, high - low))
    middle = (start + right) / 2, (low + high) / 2
    rows = resampling(size, middle[1], jnp.float32(size / 2), scale)
    smaller = rows @ image @ resampling(size, middle[0], jnp.float32(size / 2), scale).T
    # A quadratic curve, level or not at the letter.
    ends = jnp.stack([jnp.stack([touched - length, end]), jnp.stack([touched + 1.0, row])])
    bend = jnp.stack([touched - length / 2, row + u[3] * (end - row)])
    time = jnp.linspace(0, 1, _SEGMENTS + 1)[:, None]
    curve = (1 - time) ** 2 * ends[0] + 2 * time * (1 - time) * bend + time**2 * ends[1]
    points = (curve - jnp.stack(middle)) * scale + size / 2
    pen = 1.5 + 2.5 * u[4]
    return jnp.maximum(
        smaller, pen_strokes(jnp.stack([points[:-1], points[1:]], axis=1), pen, size)
    )


def cut_out(
    key: jax.Array, images: jax.Array, labels: jax.Array, config: LetterCuts
) -> tuple[jax.Array, jax.Array]:
    """Makes some letters look as if they were cut from a neighbour that touches them.

    Args:
        key: the PRNG key of the batch.
        images: float32 `[b, n, n]` in [0, 1].
        labels: int32 `[b]`.
        config: the share of letters.

    Returns:
        images and labels of the same shapes.
    """
    chosen = jax.random.bernoulli(key, config.share, labels.shape)
    keys = jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, jnp.arange(len(images)))
    cut = jax.vmap(_cut_out)(keys, images, jnp.roll(images, 1, axis=0))
    return jnp.where(chosen[:, None, None], cut, images), labels


def _cut_out(key: jax.Array, image: jax.Array, neighbour: jax.Array) -> jax.Array:
    """Returns a letter without a little of one side, or with a little of a neighbour there."""
    size = image.shape[0]
    u = jax.random.uniform(key, (5,))
    mirrored = u[0] < 0.5
    image, neighbour = (jnp.where(mirrored, x[:, ::-1], x) for x in (image, neighbour))
    _, _, right, _ = box(image)
    left, top, _, _ = box(neighbour)
    # They overlap by up to four pixels, and the cut is up to three pixels away from the letter's end.
    start = right - 4 * u[1]
    columns = resampling(size, left + 0.0, start, jnp.float32(1))
    rows = resampling(size, top + 0.0, top + 8 * u[2] - 4, jnp.float32(1))
    both = jnp.maximum(image, rows @ neighbour @ columns.T)
    cut = right - 1.5 + 4 * u[3]
    visible = jnp.clip(cut - jnp.arange(size), 0, 1)
    found = on_canvas(both * visible)
    return jnp.where(mirrored, found[:, ::-1], found)

"""Training images that are not one letter: pairs, pieces, drawings; pure functions of a key.

They are made from the letters of the batch and from segments of pen strokes.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from jaxletters.config.augmentation import NonLetters
from jaxletters.training.drawings import SEGMENTS, STROKES, drawings
from jaxletters.training.letter_images import (
    FILLED,
    SOFTNESS,
    box,
    is_one_of,
    on_canvas,
    pen_strokes,
    resampling,
    thick,
)

# Shares of the kinds of non-letters: pairs side by side, pairs above each other, pieces of letters, drawings,
# scribbles, letters under a scribble, blots.
_PAIR, _STACK, _PIECE, _DRAWING, _SCRIBBLE, _STRUCK_OUT, _BLOT = range(7)
_KINDS = np.array([0.27, 0.05, 0.1, 0.37, 0.1, 0.04, 0.07])
# The share of drawings and scribbles of which only one side is there, as after a cut.
_CUT = 0.4
# Letters of which the left or the right part is no other letter, in both cases.
_LEFT_PIECES, _RIGHT_PIECES = "JSXZ", "BCEFKOPRSXZ"


def replace(
    key: jax.Array, images: jax.Array, labels: jax.Array, config: NonLetters
) -> tuple[jax.Array, jax.Array]:
    """Replaces a share of a batch of letters by non-letters with label 0.

    Args:
        key: the PRNG key of the batch.
        images: float32 `[b, n, n]` in [0, 1].
        labels: int32 `[b]`.
        config: the share, and the label of A.

    Returns:
        images and labels of the same shapes.
    """
    count = round(config.share * len(images))
    if not count:
        return images, labels
    # Evenly distributed over the batch and so over the devices; the order of the examples is random.
    places = np.arange(count) * len(images) // count
    keys = jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, np.arange(count))
    neighbours = jnp.roll(images, 1, axis=0)
    numbers = labels[places] - config.first_letter
    make = functools.partial(_non_letter, digits=config.first_letter == 1)
    new = jax.vmap(make)(keys, images[places], neighbours[places], numbers)
    return images.at[places].set(new), labels.at[places].set(0)


def _non_letter(
    key: jax.Array, image: jax.Array, neighbour: jax.Array, number: jax.Array, *, digits: bool
) -> jax.Array:
    """Returns a non-letter of a random kind, float32 `[n, n]`.

    Args:
        key: the PRNG key of this image.
        image: a letter, float32 `[n, n]`.
        neighbour: another one.
        number: of the first letter in the alphabet, 0 for A.
        digits: whether digits are non-letters.
    """
    kind_key, pair_key, piece_key, drawing_key = jax.random.split(key, 4)
    kind = jax.random.choice(kind_key, len(_KINDS), p=_KINDS)
    is_left, is_right = is_one_of(_LEFT_PIECES, number), is_one_of(_RIGHT_PIECES, number)
    kind = jnp.where((kind == _PIECE) & ~(is_left | is_right), _PAIR, kind)
    stacked = kind == _STACK
    first, second = (jnp.where(stacked, x.T, x) for x in (image, neighbour))
    pair = _pair(pair_key, first, second)
    drawing = _drawing(drawing_key, image.shape[0], kind != _DRAWING, digits)
    return jnp.select(
        [kind == _PAIR, stacked, kind == _PIECE, kind == _STRUCK_OUT, kind == _BLOT],
        [
            pair,
            pair.T,
            _piece(piece_key, image, is_left, is_right),
            jnp.maximum(image, drawing),
            _blot(drawing_key, image.shape[0]),
        ],
        drawing,
    )


def _pair(key: jax.Array, first: jax.Array, second: jax.Array) -> jax.Array:
    """Returns two letters side by side, of the second sometimes only the left part."""
    size = first.shape[0]
    u = jax.random.uniform(key, (7,))
    # Reducing a letter makes its strokes thin; the reading restores their usual width.
    first, second = thick(first, u[0]), thick(second, u[0])
    left_1, top_1, right_1, bottom_1 = box(first)
    left_2, top_2, right_2, bottom_2 = box(second)
    part = jnp.where(u[1] < 0.7, 1, 0.35 + 0.45 * jax.random.uniform(jax.random.fold_in(key, 1)))
    right_2 = left_2 + part * (right_2 - left_2)
    second = jnp.where(jnp.arange(size) < right_2, second, 0)
    relative = 0.65 + 0.6 * u[2]
    # From overlapping by two pixels to a natural distance; bottoms are at about the same height.
    start = right_1 - left_1 - 2 + 6 * u[3] ** 2
    lower = 8 * u[4] - 4
    width = start + relative * (right_2 - left_2)
    top = jnp.minimum(top_1 - bottom_1, lower - relative * (bottom_2 - top_2))
    bottom = jnp.maximum(0, lower)
    scale = FILLED * size / jnp.maximum(width, bottom - top)
    # Narrow writing: up to half as high again, if that fits.
    upright = scale * jnp.minimum(1 + 0.5 * u[5], FILLED * size / (scale * (bottom - top)))
    x, y = size / 2 - scale * width / 2, size / 2 - upright * (bottom + top) / 2
    placed = [
        resampling(size, low, y + upright * shift, upright * zoom)
        @ image
        @ resampling(size, left, x + scale * offset, scale * zoom).T
        for image, left, low, offset, shift, zoom in (
            (first, left_1, bottom_1, 0, 0, 1),
            (second, left_2, bottom_2, start, lower, relative),
        )
    ]
    return jnp.maximum(placed[0], placed[1])


def _piece(key: jax.Array, image: jax.Array, is_left: jax.Array, is_right: jax.Array) -> jax.Array:
    """Returns the left or the right part of a letter, where the reading would place it."""
    u = jax.random.uniform(key, (2,))
    return _side(image, 0.35 + 0.3 * u[0], is_left & ((u[1] < 0.5) | ~is_right))


def _side(image: jax.Array, share: jax.Array, is_left: jax.Array) -> jax.Array:
    """Returns the left or the right part of what is on a canvas, cut at a share of its width."""
    left, _, right, _ = box(image)
    cut = left + share * (right - left)
    pixels = jnp.arange(image.shape[0])
    return on_canvas(jnp.where(jnp.where(is_left, pixels < cut, pixels >= cut), image, 0))


def _drawing(key: jax.Array, size: int, scribbled: jax.Array, digits: bool) -> jax.Array:
    """Returns a drawing or a scribble in the middle of the canvas with a random pen, or one side of it."""
    choice_key, shape_key, scribble_key, pen_key = jax.random.split(key, 4)
    table = drawings(digits)
    number = jax.random.randint(choice_key, (), 0, len(table.ends))
    ends = _distort(shape_key, jnp.asarray(table.ends)[number], jnp.asarray(table.strokes)[number])
    ends = jnp.where(scribbled, _scribble(scribble_key), ends)
    u = jax.random.uniform(pen_key, (5,))
    pen = 1.8 + 2.4 * u[0]
    low, high = ends.min((0, 1)), ends.max((0, 1))
    # Some drawings are smaller than the canvas allows, as specks are.
    length = FILLED * size * jnp.where(u[1] < 0.1, 0.5, 1) - pen
    points = (ends - (low + high) / 2) * length / jnp.maximum((high - low).max(), 0.05) + size / 2
    drawn = pen_strokes(points, pen, size)
    is_cut = (u[2] < _CUT) & (scribbled | jnp.asarray(table.divisible)[number])
    return jnp.where(is_cut, _side(drawn, 0.3 + 0.4 * u[3], u[4] < 0.5), drawn)


def _distort(key: jax.Array, ends: jax.Array, strokes: jax.Array) -> jax.Array:
    """Returns segments after a random affine map, a smooth warp and a small shift of each stroke."""
    stroke_key, affine_key, warp_key = jax.random.split(key, 3)
    offsets = strokes @ (0.07 * jax.random.normal(stroke_key, (STROKES, 2)))
    zooms = strokes @ (1 + 0.1 * jax.random.normal(jax.random.fold_in(stroke_key, 1), (STROKES, 2)))
    ends = ends * zooms[:, None] + offsets[:, None]
    u = jax.random.uniform(affine_key, (3,), minval=-1)
    ends = ends * jnp.exp(0.3 * u[0] * jnp.array([1, -1]))
    ends = ends + jnp.stack([0.25 * u[1] * ends[..., 1], 0.2 * u[2] * ends[..., 0]], axis=-1)
    phases, waves = jax.random.uniform(warp_key, (2, 2), maxval=6.3)
    return ends + 0.1 * jnp.sin((1 + 0.4 * waves) * ends[..., ::-1] + phases)


def _scribble(key: jax.Array) -> jax.Array:
    """Returns a line without a plan: loops, or a zigzag; float32 `[SEGMENTS, 2, 2]`."""
    shape_key, loop_key = jax.random.split(key)
    u = jax.random.uniform(shape_key, (5,))
    time = jnp.linspace(0, 1, SEGMENTS + 1)
    # Sums of three sines along each axis; a triangle wave of three to five periods along a line.
    sizes, turns, phases = jax.random.uniform(loop_key, (3, 3, 2))
    waves = jnp.sin(6.283 * ((0.5 + 4.5 * turns) * time[:, None, None] + phases))
    loops = ((0.3 + sizes) * waves).sum(1)
    wave = jnp.abs((6 + 4 * u[0]) * time % 2 - 1)
    zigzag = jnp.stack([2 * time - 1 + 0.6 * u[1] * wave, (0.4 + u[2]) * wave], axis=-1)
    points = jnp.where(u[3] < 0.65, loops, zigzag)
    return jnp.stack([points[:-1], points[1:]], axis=1)


def _blot(key: jax.Array, size: int) -> jax.Array:
    """Returns a filled spot with an uneven outline."""
    outline_key, form_key = jax.random.split(key)
    u = jax.random.uniform(form_key, (3,))
    pixels = (jnp.arange(size) + 0.5) / size * 2 - 1
    angle = 3.14 * u[0]
    x = pixels * jnp.cos(angle) + pixels[:, None] * jnp.sin(angle)
    y = pixels[:, None] * jnp.cos(angle) - pixels * jnp.sin(angle)
    y = y * (1 + 1.5 * u[1])
    orders = jnp.arange(1, 6)
    sizes, phases = jax.random.uniform(outline_key, (2, 5))
    around = orders * jnp.arctan2(y, x)[..., None] + 6.283 * phases
    radius = 1 + (0.5 * sizes / jnp.sqrt(orders) * jnp.sin(around)).sum(-1)
    inside = (0.25 + 0.4 * u[2]) * radius - jnp.hypot(x, y)
    spot = jnp.clip(inside * size / 2 / SOFTNESS + 0.5, 0, 1)
    return on_canvas(spot)

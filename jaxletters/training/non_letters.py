"""Training images that are not one letter: pairs, pieces, drawings; pure functions of a key.

They are made from the letters of the batch and from segments of pen strokes, as matrix products and
distances, because these are fast on every device.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from jaxletters.config.training import EntryStrokes, NonLetters
from jaxletters.training.drawings import SEGMENTS, STROKES, drawings

# The longer side of a character on EMNIST's canvas, as a share of the canvas.
_FILLED = 22 / 28
# Pixels over which the edge of a pen stroke goes from paper to ink, as in EMNIST.
_SOFTNESS = 2.0
# Shares of the kinds of non-letters: pairs side by side, pairs above each other, pieces of letters, drawings,
# scribbles, letters under a scribble. A blob is a drawing or scribble with a thick pen.
_PAIR, _STACK, _PIECE, _DRAWING, _SCRIBBLE, _STRUCK_OUT = range(6)
_KINDS = np.array([0.3, 0.06, 0.1, 0.4, 0.09, 0.05])
_BLOBS = 0.06
# Letters of which the left or the right part is no other letter, in both cases.
_LEFT_PIECES, _RIGHT_PIECES = "JSXZ", "BCEFKOPRSXZ"
# Letters that a stroke at the lower left or right does not turn into others.
_JOINED = "ACDEGHMNOQSU"


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
    is_left, is_right = _is_one_of(_LEFT_PIECES, number), _is_one_of(_RIGHT_PIECES, number)
    kind = jnp.where((kind == _PIECE) & ~(is_left | is_right), _PAIR, kind)
    stacked = kind == _STACK
    first, second = (jnp.where(stacked, x.T, x) for x in (image, neighbour))
    pair = _pair(pair_key, first, second)
    drawing = _drawing(drawing_key, image.shape[0], kind != _DRAWING, digits)
    return jnp.select(
        [kind == _PAIR, stacked, kind == _PIECE, kind == _STRUCK_OUT],
        [pair, pair.T, _piece(piece_key, image, is_left, is_right), jnp.maximum(image, drawing)],
        drawing,
    )


def _is_one_of(letters: str, numbers: jax.Array) -> jax.Array:
    """Returns whether numbers, 0 for A, are those of letters."""
    return (numbers[..., None] == np.array([ord(letter) - ord("A") for letter in letters])).any(-1)


def _extent(occupied: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns where the true values of a bool `[n]` start and end, in pixels from the left edge."""
    return jnp.argmax(occupied), len(occupied) - jnp.argmax(occupied[::-1])


def _resampling(size: int, source: jax.Array, target: jax.Array, scale: jax.Array) -> jax.Array:
    """Returns the matrix that scales an axis and moves the position `source` to `target`: `[size, size]`.

    Each row is the mean over the interval that a new pixel covers, at least one old pixel wide.
    """
    pixels = jnp.arange(size) + 0.5
    positions = (pixels[:, None] - target) / scale + source
    covered = jnp.maximum(1, 1 / scale)
    ends = jnp.minimum(positions + covered / 2, pixels + 0.5)
    starts = jnp.maximum(positions - covered / 2, pixels - 0.5)
    return jnp.clip(ends - starts, 0, None) / covered


def _thick(image: jax.Array, share: jax.Array) -> jax.Array:
    """Returns strokes up to two pixels wider, by a share from 0 to 1."""
    padded = jnp.pad(image, 1)
    rows = jnp.maximum(jnp.maximum(padded[:-2], padded[2:]), padded[1:-1])
    grown = jnp.maximum(jnp.maximum(rows[:, :-2], rows[:, 2:]), rows[:, 1:-1])
    return image + share * (grown - image)


def _pair(key: jax.Array, first: jax.Array, second: jax.Array) -> jax.Array:
    """Returns two letters side by side, of the second sometimes only the left part."""
    size = first.shape[0]
    u = jax.random.uniform(key, (7,))
    # Reducing a letter makes its strokes thin; the reading restores their usual width.
    first, second = _thick(first, u[0]), _thick(second, u[0])
    (left_1, right_1), (left_2, right_2) = (_extent((x > 0.5).any(0)) for x in (first, second))
    (top_1, bottom_1), (top_2, bottom_2) = (_extent((x > 0.5).any(1)) for x in (first, second))
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
    scale = _FILLED * size / jnp.maximum(width, bottom - top)
    # Narrow writing: up to half as high again, if that fits.
    upright = scale * jnp.minimum(1 + 0.5 * u[5], _FILLED * size / (scale * (bottom - top)))
    x, y = size / 2 - scale * width / 2, size / 2 - upright * (bottom + top) / 2
    placed = [
        _resampling(size, low, y + upright * shift, upright * zoom)
        @ image
        @ _resampling(size, left, x + scale * offset, scale * zoom).T
        for image, left, low, offset, shift, zoom in (
            (first, left_1, bottom_1, 0, 0, 1),
            (second, left_2, bottom_2, start, lower, relative),
        )
    ]
    return jnp.maximum(placed[0], placed[1])


def _piece(key: jax.Array, image: jax.Array, is_left: jax.Array, is_right: jax.Array) -> jax.Array:
    """Returns the left or the right part of a letter, enlarged to the canvas as the reading does it."""
    size = image.shape[0]
    u = jax.random.uniform(key, (2,))
    left, right = _extent((image > 0.5).any(0))
    cut = left + (0.35 + 0.3 * u[0]) * (right - left)
    from_left = is_left & ((u[1] < 0.5) | ~is_right)
    pixels = jnp.arange(size)
    part = jnp.where(jnp.where(from_left, pixels < cut, pixels >= cut), image, 0)
    (left, right), (top, bottom) = _extent((part > 0.5).any(0)), _extent((part > 0.5).any(1))
    scale = jnp.minimum(_FILLED * size / jnp.maximum(right - left, bottom - top), 1.7)
    rows = _resampling(size, (top + bottom) / 2, jnp.float32(size / 2), scale)
    columns = _resampling(size, (left + right) / 2, jnp.float32(size / 2), scale)
    return jnp.clip((rows @ part @ columns.T - 0.5) * scale + 0.5, 0, 1)


def _drawing(key: jax.Array, size: int, scribbled: jax.Array, digits: bool) -> jax.Array:
    """Returns a drawing or a scribble in the middle of the canvas, with a random pen."""
    choice_key, shape_key, scribble_key, pen_key = jax.random.split(key, 4)
    table = drawings(digits)
    number = jax.random.randint(choice_key, (), 0, len(table.ends))
    ends = _distort(shape_key, jnp.asarray(table.ends)[number], jnp.asarray(table.strokes)[number])
    ends = jnp.where(scribbled, _scribble(scribble_key), ends)
    u = jax.random.uniform(pen_key, (3,))
    pen = jnp.where(u[0] < _BLOBS, 7 + 9 * u[1], 1.8 + 2.4 * u[1])
    low, high = ends.min((0, 1)), ends.max((0, 1))
    # Some drawings are smaller than the canvas allows, as specks are.
    length = _FILLED * size * jnp.where(u[2] < 0.1, 0.5, 1) - pen
    points = (ends - (low + high) / 2) * length / jnp.maximum((high - low).max(), 0.05) + size / 2
    return _pen_strokes(points, pen, size)


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
    """Returns a line that goes to and fro: float32 `[SEGMENTS, 2, 2]`."""
    u = jax.random.uniform(key, (9,))
    time = jnp.linspace(0, 1, SEGMENTS + 1)
    # Loops: sums of sines. Zigzags: a triangle wave of three to five periods along a line.
    turns = 6.283 * (2.5 + 3 * u[:2])
    x = jnp.sin(turns[0] * time + 6.3 * u[2]) + u[3] * jnp.cos(9 * time + 6.3 * u[4])
    y = jnp.sin(turns[1] * time + 6.3 * u[5]) + u[6] * jnp.cos(9 * time + 6.3 * u[7])
    wave = jnp.abs((6 + 4 * u[2]) * time % 2 - 1)
    zigzag = jnp.stack([2 * time - 1 + 0.6 * u[3] * wave, (0.4 + u[5]) * wave], axis=-1)
    points = jnp.where(u[8] < 0.5, jnp.stack([x, y], axis=-1), zigzag)
    return jnp.stack([points[:-1], points[1:]], axis=1)


def _pen_strokes(ends: jax.Array, pen: jax.Array | float, size: int) -> jax.Array:
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
    return jnp.clip((pen / 2 - distance) / _SOFTNESS + 0.5, 0, 1)


def join_strokes(
    key: jax.Array, images: jax.Array, labels: jax.Array, config: EntryStrokes
) -> jax.Array:
    """Adds to some letters a short thin stroke at the left or the right, as joined writing has.

    Only to letters that it does not turn into others: the stroke of I would make it an L.

    Args:
        key: the PRNG key of the batch.
        images: float32 `[b, n, n]` in [0, 1].
        labels: int32 `[b]`, numbered as in EMNIST Letters.
        config: the share of letters.

    Returns:
        float32 `[b, n, n]`.
    """
    chosen = jax.random.bernoulli(key, config.share, labels.shape) & _is_one_of(_JOINED, labels - 1)
    keys = jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, jnp.arange(len(images)))
    return jnp.where(chosen[:, None, None], jax.vmap(_with_stroke)(keys, images), images)


def _with_stroke(key: jax.Array, image: jax.Array) -> jax.Array:
    """Returns a letter, float32 `[n, n]`, with a stroke; smaller where that would leave the canvas."""
    size = image.shape[0]
    u = jax.random.uniform(key, (5,))
    turned = jnp.where(u[0] < 0.5, image, image[:, ::-1])
    (left, right), (top, bottom) = _extent((turned > 0.5).any(0)), _extent((turned > 0.5).any(1))
    # From the lower left up to the ink of a row in the lower part of the letter.
    row = bottom - (0.06 + 0.24 * u[1]) * (bottom - top)
    touched = jnp.argmax(turned[jnp.int32(row)] > 0.5)
    length, rise = 3 + 3 * u[2], (bottom - row) * u[3]
    start = jnp.minimum(left, touched - length)
    scale = jnp.minimum(1, _FILLED * size / jnp.maximum(right - start, bottom - top))
    middle = (start + right) / 2, (top + bottom) / 2
    rows = _resampling(size, middle[1], jnp.float32(size / 2), scale)
    smaller = rows @ turned @ _resampling(size, middle[0], jnp.float32(size / 2), scale).T
    ends = jnp.stack([jnp.stack([start, row + rise]), jnp.stack([touched + 1.0, row])])
    points = (ends - jnp.stack(middle)) * scale + size / 2
    joined = jnp.maximum(smaller, _pen_strokes(points[None], 1.5 + 0.8 * u[4], size))
    return jnp.where(u[0] < 0.5, joined, joined[:, ::-1])

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage
import tiny
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxletters.config.augmentation import AugmentConfig, Sometimes
from jaxletters.core import rng
from jaxletters.data import canvas
from jaxletters.training.augment import (
    augment,
    erase,
    fill,
    low_resolution,
    resample_by_gather,
    resample_by_products,
    stroke,
    warp,
)

pytestmark = pytest.mark.slow

HEIGHT, WIDTH = 12, 9  # not square, so that a swapped axis shows
AFFINE = AugmentConfig(rotation=25, shear=0.3, scale=0.2, shift=2)
EVERYTHING = dataclasses.replace(
    AFFINE, elastic=0.7, stroke=0.2, filled=0.4, low_resolution=0.4, erase=4
)
seeds = st.integers(0, 2**32 - 1)

jitted_warp = functools.partial(tiny.quick_jit, static_argnums=2)(warp)


@functools.partial(tiny.quick_jit, static_argnums=2)
def jitted_augment(key, images, config):
    return augment(key, images, jnp.zeros(len(images), jnp.int32), config)[0]


jitted_products, jitted_gather = map(tiny.quick_jit, (resample_by_products, resample_by_gather))
jitted_stroke = functools.partial(tiny.quick_jit, static_argnums=2)(stroke)
jitted_low_resolution = tiny.quick_jit(low_resolution)


def each(change):
    """The change of one image with many keys."""
    return functools.partial(tiny.quick_jit, static_argnums=2)(
        jax.vmap(change, in_axes=(0, None, None))
    )


def key(seed):
    return rng.key(seed, rng.Stream.AUGMENT)


def drawn(seed, config):
    """The angle (radians), shear, scale, and shifts down and right that a key stands for."""
    limits = (np.deg2rad(config.rotation), config.shear, config.scale, config.shift, config.shift)
    return np.asarray(jax.random.uniform(key(seed), (5,), minval=-1.0), np.float64) * limits


def random_image(seed, shape=(HEIGHT, WIDTH)):
    return np.random.default_rng(seed).random(shape, np.float32)


def resampled(image, seed, config):
    """The same change by SciPy: the output position times a matrix is where its value comes from."""
    angle, shear, scale, down, right = drawn(seed, config)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = np.array([[1, 0], [shear, 1]]) @ turn / (1 + scale)
    center = (np.array(image.shape) - 1) / 2
    offset = center - matrix @ (center + np.array([down, right]))
    return scipy.ndimage.affine_transform(
        image.astype(np.float64), matrix, offset, order=1, mode="grid-constant"
    )


@pytest.mark.parametrize(
    "config",
    [
        AugmentConfig(rotation=180),
        AugmentConfig(shear=0.5),
        AugmentConfig(scale=0.5),
        AugmentConfig(shift=5),
        AFFINE,
    ],
    ids=["rotation", "shear", "scale", "shift", "everything"],
)
@settings(max_examples=20)
@given(seed=seeds)
def test_each_change_is_scipy_s(config, seed):
    image = random_image(seed)
    found = jitted_warp(key(seed), image, config)
    assert found.dtype == jnp.float32
    # The coordinates are float32 here and float64 there.
    np.testing.assert_allclose(found, resampled(image, seed, config), atol=1e-4)


@settings(max_examples=20)
@given(seed=seeds)
def test_no_limits_mean_no_change(seed):
    image = random_image(seed)
    np.testing.assert_allclose(jitted_warp(key(seed), image, AugmentConfig()), image, atol=1e-6)
    batch = jnp.asarray(image)[None]
    labels = jnp.zeros(1, jnp.int32)
    found = augment(key(seed), batch, labels, AugmentConfig())
    assert (found[0] is batch, found[1] is labels) == (True, True)


@settings(max_examples=20)
@given(seed=seeds)
def test_ink_stays_between_paper_and_black(seed):
    images = np.float32(np.random.default_rng(seed).random((6, HEIGHT, WIDTH)) > 0.5)
    moved = np.asarray(jitted_augment(key(seed), images, EVERYTHING))
    assert moved.shape == images.shape
    assert moved.min() >= 0
    assert moved.max() <= 1 + 1e-6


@pytest.mark.parametrize("field", ["shift", "scale", "rotation", "shear"])
@settings(max_examples=20)
@given(seed=seeds)
def test_the_amounts_mean_what_the_config_says(field, seed):
    limit = {"shift": 3.0, "scale": 0.3, "rotation": 90.0, "shear": 0.5}[field]
    config = dataclasses.replace(AugmentConfig(), **{field: limit})
    angle, shear, scale, down, right = drawn(seed, config)
    y, x = np.mgrid[:41, :41] - 20.0
    blob = np.exp(-((y - 3) ** 2) / 18 - (x + 2) ** 2 / 8).astype(np.float32)
    moved = np.asarray(jitted_warp(key(seed), blob, config), np.float64)
    before, after = (np.array([np.sum(i * y), np.sum(i * x)]) / np.sum(i) for i in (blob, moved))
    expected = {
        "shift": before + np.array([down, right]),
        "scale": before * (1 + scale),
        # Anticlockwise on the screen, where y points down.
        "rotation": np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        @ before,
        "shear": before - np.array([0, shear * before[0]]),
    }[field]
    np.testing.assert_allclose(after, expected, atol=0.05)
    np.testing.assert_allclose(np.sum(moved), np.sum(blob) * (1 + scale) ** 2, rtol=0.02)


@settings(max_examples=10)
@given(seed=seeds)
def test_a_key_stands_for_one_change_per_place_in_the_batch(seed):
    # Without thresholds, which can leave nothing but paper of two images.
    config = dataclasses.replace(AFFINE, elastic=0.7)
    images = np.tile(random_image(seed), (6, 1, 1))
    first, again = (np.asarray(jitted_augment(key(seed), images, config)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert len(np.unique(first, axis=0)) == len(first)
    other = np.asarray(jitted_augment(key(seed + 1), images, config))
    assert len(np.unique(np.concatenate([first, other]), axis=0)) == 2 * len(first)


def test_the_changes_are_spread_evenly_between_their_limits():
    config = AugmentConfig(shift=4)
    spot = np.zeros((17, 17), np.float32)
    spot[8, 8] = 1
    images = np.tile(spot, (2000, 1, 1))
    moved = np.asarray(jitted_augment(key(0), images, config))
    y = np.arange(17) - 8
    for shifts in (moved.sum(2) @ y, moved.sum(1) @ y):
        assert shifts.min() < -3.95
        assert shifts.max() > 3.95
        assert abs(shifts.mean()) < 5 * 4 / np.sqrt(3 * len(shifts))


def test_bending_moves_neighbours_together_and_as_far_as_it_says():
    size, config = 28, AugmentConfig(elastic=1.5)
    ramp = np.tile(np.arange(size, dtype=np.float32), (size, 1))
    keys = jax.vmap(key)(jnp.arange(200))
    inner = slice(6, -6)
    moved = each(warp)
    across = np.asarray(moved(keys, ramp, config)[:, inner, inner] - ramp[inner, inner])
    down = np.asarray(moved(keys, ramp.T, config)[:, inner, inner] - ramp.T[inner, inner])
    for field in (across, down):
        assert np.std(field) == pytest.approx(1.5, rel=0.1)
        assert abs(field.mean()) < 0.1
        # Of white noise under a Gaussian of 4 pixels, neighbours d apart correlate by exp(-d²/64).
        for distance in (1, 8):
            pairs = field[..., distance:].ravel(), field[..., :-distance].ravel()
            assert np.corrcoef(*pairs)[0, 1] == pytest.approx(np.exp(-(distance**2) / 64), abs=0.06)
    assert abs(np.corrcoef(across.ravel(), down.ravel())[0, 1]) < 0.05


@settings(max_examples=20)
@given(seed=seeds)
def test_a_stroke_is_what_is_above_a_threshold_of_the_blurred_image(seed):
    image = random_image(seed) ** 3
    config = AugmentConfig(stroke=0.2)
    weights = np.array([0.25, 0.5, 0.25])
    blurred = scipy.ndimage.convolve1d(image.astype(np.float64), weights, 0, mode="constant")
    blurred = scipy.ndimage.convolve1d(blurred, weights, 1, mode="constant")
    threshold = 0.5 + 0.2 * float(jax.random.uniform(key(seed), minval=-1.0))
    found = jitted_stroke(key(seed), image, config)
    np.testing.assert_allclose(found, np.clip(0.5 + 2 * (blurred - threshold), 0, 1), atol=1e-5)


@pytest.mark.parametrize("limit", [0.1, 0.25])
def test_thinner_and_thicker_strokes_leave_paper_white(limit):
    image = np.zeros((28, 28), np.float32)
    image[4:24, 12:16] = 1
    ink = np.asarray(
        each(stroke)(jax.vmap(key)(jnp.arange(300)), image, AugmentConfig(stroke=limit))
    )
    assert ink[:, :, :10].max() == ink[:, :, 18:].max() == 0
    weights = ink.sum((1, 2)) / image.sum()
    assert weights.min() < 1 - limit / 2 < 1 + limit / 2 < weights.max()


@settings(max_examples=20)
@given(seed=seeds)
def test_low_resolution_is_what_alphadigits_images_become(seed):
    """Bits whose box is all of 20x16, enlarged without smoothing, come back as bits, then as `fit`."""
    bits = np.random.default_rng(seed).random((20, 16)) > 0.6
    bits[:, 0] = bits[0] = True
    image = np.zeros((60, 60), np.float32)
    image[11:51, 7:39] = bits.repeat(2, 0).repeat(2, 1)
    expected = canvas.fit(np.uint8(255 * bits)[None], (60, 60), 2, "bilinear")[0] / 255
    np.testing.assert_allclose(jitted_low_resolution(image), expected, atol=0.5 / 255 + 1e-6)


def test_what_has_no_ink_stays_finite():
    found = jitted_low_resolution(np.zeros((60, 60), np.float32))
    np.testing.assert_array_equal(found, np.zeros((60, 60)))


def test_a_square_is_erased_anywhere_and_no_larger_than_it_says():
    image = np.ones((HEIGHT, WIDTH), np.float32)
    erased = each(erase)(jax.vmap(key)(jnp.arange(2000)), image, AugmentConfig(erase=4))
    missing = np.asarray(erased) == 0
    edges = set()
    for one in missing:
        rows, columns = one.any(1), one.any(0)
        assert rows.sum() == columns.sum()
        assert one.sum() == rows.sum() ** 2
        edges.add(int(rows.sum()))
    assert edges == {0, 1, 2, 3, 4}
    assert missing.any(0).all()


def test_as_many_images_as_it_says_lose_resolution():
    letter = np.zeros((28, 28), np.float32)
    letter[6:20, 9:13] = 1
    batch = np.tile(letter, (2000, 1, 1))
    found = np.asarray(jitted_augment(key(1), batch, AugmentConfig(low_resolution=0.3)))
    changed = np.abs(found - letter).max((1, 2)) > 0.5
    assert changed.mean() == pytest.approx(0.3, abs=0.05)


def test_as_many_images_as_it_says_are_changed_by_another_augmentation():
    image = random_image(0)
    other = AugmentConfig(shift=2)
    found = np.asarray(jitted_augment(key(2), np.tile(image, (2000, 1, 1)), Sometimes(other, 0.3)))
    changed = np.abs(found - image).max((1, 2)) > 1e-6
    assert changed.mean() == pytest.approx(0.3, abs=0.05)
    assert len(np.unique(found[changed], axis=0)) == changed.sum()


def closed(image, radius):
    """The closing of an image by the cross of radius 1, or the octagon of radius 2."""
    square, cross = np.ones((3, 3), bool), scipy.ndimage.generate_binary_structure(2, 1)
    parts = (cross, square)[:radius]
    for part in parts:
        image = scipy.ndimage.grey_dilation(image, footprint=part, mode="nearest")
    for part in parts:
        image = scipy.ndimage.grey_erosion(image, footprint=part, mode="nearest")
    return image


def test_filling_is_a_closing_by_one_pixel_or_two_with_full_ink():
    image = np.random.default_rng(0).random((20, 16)).astype(np.float32)
    image = np.pad(scipy.ndimage.gaussian_filter(image, 1), 3)
    expected = [np.maximum(image, np.clip(2 * closed(image, r) - 0.3, 0, 1)) for r in (1, 2)]
    found = np.asarray(
        tiny.quick_jit(jax.vmap(fill, (0, None)))(jax.random.split(key(0), 30), image)
    )
    alike = [np.abs(found - each).max((1, 2)) < 1e-6 for each in expected]
    assert np.logical_or(*alike).all()
    assert 5 < alike[0].sum() < 25


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_products_resample_as_the_gather_does(seed):
    # On a TPU products take the place of the gather. Positions are inside, at the edge and outside.
    generator = np.random.default_rng(seed)
    image = generator.uniform(size=(HEIGHT, WIDTH)).astype(np.float32)
    y, x = (generator.uniform(-3, size + 2, (7, 5)).astype(np.float32) for size in (HEIGHT, WIDTH))
    y[0], x[:, 0] = np.rint(y[0]), np.rint(x[:, 0])
    products = jitted_products(image, y, x)
    np.testing.assert_allclose(products, jitted_gather(image, y, x), atol=1e-6, rtol=0)
    expected = scipy.ndimage.map_coordinates(image, [y, x], order=1, mode="grid-constant")
    np.testing.assert_allclose(products, expected, atol=1e-5, rtol=0)

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

from jaxletters import rng
from jaxletters.augment import affine, augment
from jaxletters.config import AugmentConfig

HEIGHT, WIDTH = 12, 9  # not square, so that a swapped axis shows
EVERYTHING = AugmentConfig(rotation=25, shear=0.3, scale=0.2, shift=2)
seeds = st.integers(0, 2**32 - 1)

jitted_affine = functools.partial(tiny.quick_jit, static_argnums=2)(affine)
jitted_augment = functools.partial(tiny.quick_jit, static_argnums=2)(augment)


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
        EVERYTHING,
    ],
    ids=["rotation", "shear", "scale", "shift", "everything"],
)
@settings(max_examples=20)
@given(seed=seeds)
def test_each_change_is_scipy_s(config, seed):
    image = random_image(seed)
    found = jitted_affine(key(seed), image, config)
    assert found.dtype == jnp.float32
    # The coordinates are float32 here and float64 there.
    np.testing.assert_allclose(found, resampled(image, seed, config), atol=1e-4)


@settings(max_examples=20)
@given(seed=seeds)
def test_no_limits_mean_no_change(seed):
    image = random_image(seed)
    np.testing.assert_allclose(jitted_affine(key(seed), image, AugmentConfig()), image, atol=1e-6)
    batch = jnp.asarray(image)[None]
    assert augment(key(seed), batch, AugmentConfig()) is batch


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
    moved = np.asarray(jitted_affine(key(seed), blob, config), np.float64)
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
    images = np.tile(random_image(seed), (6, 1, 1))
    first, again = (np.asarray(jitted_augment(key(seed), images, EVERYTHING)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert len(np.unique(first, axis=0)) == len(first)
    other = np.asarray(jitted_augment(key(seed + 1), images, EVERYTHING))
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

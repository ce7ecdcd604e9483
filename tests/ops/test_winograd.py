import numpy as np
import pytest
from agreement import Sums, check, cropped, few, layer, layers
from hypothesis import given
from hypothesis import strategies as st

from jaxletters.ops import winograd

pytestmark = pytest.mark.slow

TILES = [winograd.Tiles(m) for m in (3, 4)]


def by_rows(layer, x, kernel, dy):
    return Sums(
        winograd.rows_forward(x, kernel, layer), winograd.rows_input_gradient(dy, kernel, layer)
    )


def by_tiles(tiles):
    return lambda layer, x, kernel, dy: Sums(
        tiles.forward(x, kernel, layer),
        tiles.input_gradient(dy, kernel, layer),
        tiles.kernel_gradient(x, dy, layer),
    )


# Sizes that tiles fill, exceed and stay below.
@pytest.mark.parametrize("form", [by_rows, *map(by_tiles, TILES)], ids=["rows", 3, 4])
@few(3)
@given(layer=layers(st.just(3), st.just(1), st.sampled_from([1, 2, 5, 16])))
def test_fewer_multiplications_for_the_same_sums(form, layer):
    check(layer, [form])


@pytest.mark.parametrize(
    "layer",
    [
        layer(3, (3, 3), (512, 512), 3),
        cropped(layer(2, (7, 6), (64, 300), 3, padding="VALID"), 1, 0),
    ],
    ids=str,
)
def test_errors_stay_small_over_many_channels(layer):
    check(layer, [by_rows, *map(by_tiles, TILES)], [np.float32])


# Too large for one part, and of a number that parts of equal size divide, or do not.
@pytest.mark.parametrize("batch", [5, 6])
def test_any_number_of_images(batch):
    large = layer(batch, (28, 28), (512, 2), 3)
    check(large, [by_tiles(winograd.Tiles(4))], [np.float32])

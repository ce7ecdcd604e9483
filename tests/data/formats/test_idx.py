"""The idx reader gives back exactly what was written, or says in one line what is wrong."""

import gzip
import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxletters.core.errors import UserError
from jaxletters.data.formats import idx

uint8_arrays = hnp.arrays(
    np.uint8, hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=6)
)


def read(data, item_shape=()):
    return idx.read(io.BytesIO(data), "some/file.gz", item_shape)


def encode(array):
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return gzip.compress(header + array.tobytes(), 1, mtime=0)


def read_or_refuse(data, item_shape):
    """Returns what is read, or None for a refusal in one line that names the file."""
    try:
        return read(data, item_shape)
    except UserError as error:
        message = str(error)
    assert message.startswith("some/file.gz: expected ")
    assert "\n" not in message
    return None


@pytest.mark.slow
@given(uint8_arrays)
@settings(deadline=None)
def test_round_trip(array):
    np.testing.assert_array_equal(read(encode(array), array.shape[1:]), array)


@pytest.mark.slow
@given(uint8_arrays)
@settings(deadline=None)
def test_uncompressed_files_and_shapes_that_are_not_known(array):
    plain = gzip.decompress(encode(array))
    np.testing.assert_array_equal(read(plain, array.shape[1:]), array)
    np.testing.assert_array_equal(read(plain, None), array)
    np.testing.assert_array_equal(read(encode(array), None), array)
    assert read_or_refuse(plain[:-1], None) is None
    assert read_or_refuse(plain + b"x", None) is None


@pytest.mark.slow
@given(uint8_arrays, st.data())
@settings(deadline=None)
def test_any_truncation_is_refused(array, data):
    whole = encode(array)
    part = whole[: data.draw(st.integers(0, len(whole) - 1))]
    assert read_or_refuse(part, array.shape[1:]) is None


@pytest.mark.slow
@given(uint8_arrays, st.data())
@settings(deadline=None)
def test_a_flipped_bit_never_changes_what_is_read(array, data):
    damaged = bytearray(encode(array))
    position = data.draw(st.integers(0, 8 * len(damaged) - 1))
    damaged[position // 8] ^= 1 << position % 8
    result = read_or_refuse(bytes(damaged), array.shape[1:])
    if result is not None:
        np.testing.assert_array_equal(result, array)


@given(st.binary(max_size=200), st.sampled_from([(), (2, 3)]))
@settings(deadline=None)
def test_arbitrary_bytes_are_refused(data, item_shape):
    assert read_or_refuse(data, item_shape) is None


@given(st.binary(max_size=64), st.sampled_from([(), (2, 3)]))
@settings(deadline=None)
def test_arbitrary_content_after_a_true_magic_number(data, item_shape):
    rank = 1 + len(item_shape)
    content = bytes((0, 0, 8, rank)) + data
    result = read_or_refuse(gzip.compress(content), item_shape)
    if result is not None:
        assert (
            content
            == bytes((0, 0, 8, rank))
            + struct.pack(f">{rank}I", len(result), *item_shape)
            + result.tobytes()
        )


LABELS = struct.pack(">BBBBI", 0, 0, 8, 1, 3) + b"abc"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the idx magic number 00000801, found an empty file"),
        (LABELS[:6], "an idx header of 8 bytes, found 6"),
        (LABELS[:-1], "3 bytes of items as its header says, found 2"),
        (LABELS + b"d", "3 bytes of items as its header says, found more"),
        (struct.pack(">BBBBI", 0, 0, 8, 1, 0), "found a header that says 0"),
        # More than would fit anywhere: refused before anything of that size is asked for.
        (struct.pack(">BBBBI", 0, 0, 8, 1, 2**32 - 1), "found a header that says 4,294,967,295"),
        (struct.pack(">BBBBI", 0, 0, 9, 1, 3) + b"abc", "found 00000901"),
        (struct.pack(">BBBB3I", 0, 0, 8, 3, 1, 1, 1) + b"a", "found 00000803"),
    ],
)
def test_says_what_is_wrong(content, said):
    with pytest.raises(UserError, match=said):
        read(gzip.compress(content))


def test_images_of_another_size_are_refused():
    with pytest.raises(UserError, match=r"items of shape \(28, 28\), found \(32, 32\)"):
        read(encode(np.zeros((2, 32, 32), np.uint8)), (28, 28))


def test_a_web_page_is_refused():
    with pytest.raises(UserError, match="gzip-compressed idx file"):
        read(b"<!DOCTYPE html><html>Please sign in to this network</html>")


def test_bytes_after_the_compressed_data_are_refused():
    with pytest.raises(UserError, match="gzip-compressed idx file"):
        read(gzip.compress(LABELS) + b"more")

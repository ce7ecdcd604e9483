"""Digests that identify data: SHA-256 of whole arrays, a 64-bit hash of every image."""

import hashlib

import numpy as np

from jaxletters.config.slots import SplitDigest
from jaxletters.core.types import Dataset


def of_split(dataset: Dataset) -> SplitDigest:
    """Returns the digest of a split, before its images are resized."""
    return SplitDigest(
        len(dataset.labels), of_array(dataset.images), of_array(dataset.labels.astype(np.int32))
    )


def of_array(array: np.ndarray) -> str:
    """Returns the SHA-256 of an array's dtype, shape and content in C order, in hex."""
    head = f"{array.dtype.str}{array.shape}".encode()
    digest = hashlib.sha256(head)
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def of_images(images: np.ndarray) -> np.ndarray:
    """Returns a 64-bit BLAKE2b hash of every image, uint64 `[n]`, before they are resized.

    Among the 137,373 images of EMNIST Letters, the probability that two different ones share a hash is 5e-10.
    """
    shape = str(images.shape[1:]).encode()
    hashes = (
        hashlib.blake2b(image.tobytes(), digest_size=8, person=shape[:16]).digest()
        for image in images
    )
    return np.frombuffer(b"".join(hashes), np.uint64)

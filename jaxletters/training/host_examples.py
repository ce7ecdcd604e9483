"""The training examples in host memory or in a file, and their batches, gathered ahead of the steps."""

import math
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from jaxletters.training import sampling

HostBatch = tuple[NDArray[np.uint8], NDArray[np.int32]]
"""Images `[b, h, w]` or `[b, h, w, 3]`, and labels `[b]`."""

# Batches are gathered in blocks of consecutive steps of at most so many bytes, if more than one fits; so many
# blocks are gathered ahead, by as many threads: pages of a file come slowly, one after another.
_BLOCK_BYTES, _AHEAD = 2**21, 4


class HostExamples:
    """The examples of a dataset that does not fit on the devices; they stay where they are.

    Args:
        images: uint8 `[n, h, w]` or `[n, h, w, 3]`, perhaps a memory-mapped file.
        labels: int32 `[n]`.
        seed: the seed of their order.
        batch_size: examples per step.
    """

    def __init__(
        self, images: NDArray[np.uint8], labels: NDArray[np.int32], seed: int, batch_size: int
    ) -> None:
        self._images = images
        self._labels = labels
        self._seed = seed
        self._batch_size = batch_size
        batch_bytes = batch_size * math.prod(images.shape[1:])
        self._steps_per_block = max(1, _BLOCK_BYTES // batch_bytes)
        self._pool = ThreadPoolExecutor(_AHEAD, thread_name_prefix="batches")
        # Block number k holds the steps from k times their number.
        self._blocks: dict[int, Future[HostBatch]] = {}

    def batches(self, first: int, stop: int) -> Iterator[HostBatch]:
        """Yields the batches of the steps from `first` to before `stop`."""
        for step in range(first, stop):
            number, position = divmod(step, self._steps_per_block)
            self._blocks = {
                k: self._blocks.get(k) or self._pool.submit(self._gather, k)
                for k in range(number, number + _AHEAD)
            }
            images, labels = self._blocks[number].result()
            yield images[position], labels[position]

    def _gather(self, number: int) -> HostBatch:
        """Returns the images `[steps, b, h, w]` or `[steps, b, h, w, 3]` and labels of a block."""
        first = number * self._steps_per_block
        steps = range(first, first + self._steps_per_block)
        indices = sampling.batch_indices_on_host(
            self._seed, steps, self._batch_size, len(self._labels)
        )
        # Rising, so that the pages of a file are read in their order.
        order = np.argsort(indices, axis=None)
        images = np.empty((indices.size, *self._images.shape[1:]), np.uint8)
        images[order] = self._images[indices.ravel()[order]]
        return images.reshape(*indices.shape, *images.shape[1:]), self._labels[indices]

"""The training examples in host memory or in a file, and their batches, gathered ahead of the steps."""

import collections
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from jaxletters.training import sampling

HostBatch = tuple[NDArray[np.uint8], NDArray[np.int32]]
"""Images `[b, h, w]` or `[b, h, w, 3]`, and labels `[b]`."""

# Batches gathered ahead, and threads that gather them: pages of a file come slowly, one after another.
_AHEAD, _THREADS = 8, 4


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
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="batches")
        # Batches of consecutive steps, the next of which is `_step`.
        self._ahead: collections.deque[Future[HostBatch]] = collections.deque()
        self._step = 0

    def batches(self, first: int, stop: int) -> Iterator[HostBatch]:
        """Yields the batches of the steps from `first` to before `stop`."""
        if first != self._step:
            self._ahead.clear()
            self._step = first
        for step in range(first, stop):
            while len(self._ahead) < _AHEAD:
                self._ahead.append(self._pool.submit(self._gather, step + len(self._ahead)))
            self._step = step + 1
            yield self._ahead.popleft().result()

    def _gather(self, step: int) -> HostBatch:
        n = len(self._labels)
        indices = sampling.batch_indices_on_host(self._seed, step, self._batch_size, n)
        # Rising, so that the pages of a file are read in their order.
        order = np.argsort(indices)
        images = np.empty((len(indices), *self._images.shape[1:]), np.uint8)
        images[order] = self._images[indices[order]]
        return images, self._labels[indices]

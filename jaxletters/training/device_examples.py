"""The training examples on the devices, laid out so that taking a batch costs little."""

import dataclasses
import math
from typing import Self, cast

import jax
import numpy as np
from jax.sharding import Mesh
from numpy.typing import NDArray

from jaxletters.runtime import sharding

# A TPU keeps an array in tiles of so many columns.
_TPU_COLUMNS = 128


def in_rows(images: NDArray[np.uint8], platform: str) -> NDArray[np.uint8]:
    """Returns images as rows that a platform of JAX takes fast: uint8 `[n, row]`.

    For images `[n, h, w]` a TPU would choose a layout in which each image is spread over as many tiles as it
    has pixels. A row of whole tiles stays together.
    """
    rows = images.reshape(len(images), -1)
    missing = -rows.shape[1] % _TPU_COLUMNS if platform == "tpu" else 0
    return np.pad(rows, ((0, 0), (0, missing))) if missing else rows


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Examples:
    """The examples of a dataset, replicated on every device.

    Attributes:
        rows: the pixels of each image, perhaps with zeros behind them: uint8 `[n, row]`.
        labels: int32 `[n]`.
        image_shape: (height, width) in pixels, or (height, width, channels).
    """

    rows: jax.Array
    labels: jax.Array
    image_shape: tuple[int, ...] = dataclasses.field(metadata={"static": True})

    @classmethod
    def on_devices(cls, images: NDArray[np.uint8], labels: NDArray[np.int32], mesh: Mesh) -> Self:
        """Returns examples on the devices of a mesh.

        Args:
            images: uint8 `[n, h, w]` or `[n, h, w, c]`.
            labels: int32 `[n]`.
            mesh: the devices.
        """
        rows = in_rows(images, mesh.devices.flat[0].platform)
        placed = sharding.replicate((rows, labels), mesh)
        return cls(*cast(tuple[jax.Array, jax.Array], placed), images.shape[1:])

    def take(self, indices: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Returns images, uint8 `[b, *image_shape]`, and labels, int32 `[b]`, of some examples."""
        rows = self.rows[indices][:, : math.prod(self.image_shape)]
        return rows.reshape(-1, *self.image_shape), self.labels[indices]

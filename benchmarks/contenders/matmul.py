"""The machine's peak: float32 products of two 2048x2048 matrices, by NumPy's BLAS and by XLA.

python benchmarks/contenders/matmul.py
"""

import jax
import jax.numpy as jnp
import numpy as np
import protocol

EDGE = 2048


def main() -> None:
    """Answers the benchmark: products per second."""
    left, right = np.random.default_rng(0).standard_normal((2, EDGE, EDGE), np.float32)
    on_device = jax.device_put((left, right))
    product = jax.jit(jnp.matmul)

    def by_numpy(products: int) -> None:
        for _ in range(products):
            left @ right

    def by_xla(products: int) -> None:
        for _ in range(products):
            product(*on_device).block_until_ready()

    protocol.measure(1, NumPy=protocol.timed(by_numpy), XLA=protocol.timed(by_xla))


if __name__ == "__main__":
    main()

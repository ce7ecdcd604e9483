"""The course notebook's deeper network on EMNIST Letters.

    python launch.py --config configs/emnist_notebook.py

Convolutions of 500 channels with 7x7 kernels, then 200 and 50 with 3x3, each with max-pooling and
BatchNorm; L1 and L2 of 1e-6, dropout of one half, Adam, at most 14 epochs, patience 3.

It reached 93.20% on the test examples of a rebuilt split, after 68:09 (m:ss) on two CPU cores
(2026-11-23).
"""

import jaxletters as jl


def get_config() -> jl.Config:
    """Returns the network as the notebook trains it."""
    return jl.Config(
        dataset=jl.Emnist(),
        model=jl.DeeperConfig(
            widths=(500, 200, 50),
            kernel_sizes=(7, 3, 3),
            depths=(1, 1, 1),
            padding="valid",
            norm_position="after_pooling",
            initializer="glorot_uniform",
            dropout=0.5,
        ),
        loss=jl.LossConfig(l1=1e-6, l2=1e-6),
        optimizer=jl.OptimizerConfig(name="adam"),
        training=jl.TrainingConfig(batch_size=128, epochs=14, patience=3),
    )

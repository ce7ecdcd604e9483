"""Binary AlphaDigits by a network trained only on it.

    python launch.py --config configs/alphadigits_scratch.py

The convolutions of configs/emnist_deeper.py, starting with random weights. A fifth of the letters is
held out for the test; configs/alphadigits_scratch_crossval.py tests on all of them.

It reached 94.23% on the test examples, after 1:12 (m:ss) on two CPU cores
(2026-11-23).
"""

import jaxletters as jl


def get_config() -> jl.Config:
    """Returns training on four fifths of 1,014 letters."""
    return jl.Config(
        dataset=jl.AlphaDigits(resize="bilinear"),
        split=jl.Split(validation_per_class=0, test_share=0.2),
        model=jl.DeeperConfig(
            widths=(32, 64, 128),
            kernel_sizes=(5, 3, 3),
            depths=(1, 2, 2),
            pooling="stride",
            dropout=0.5,
        ),
        augment=jl.AugmentConfig(rotation=10, shear=0.15, scale=0.1, shift=2),
        loss=jl.LossConfig(label_smoothing=0.1),
        optimizer=jl.OptimizerConfig(
            name="adamw",
            learning_rate=3e-3,
            weight_decay=0.02,
            schedule=jl.ScheduleConfig(name="one_cycle", warmup=0.2),
        ),
        training=jl.TrainingConfig(batch_size=32, epochs=60),
        log_every_steps=20,
    )

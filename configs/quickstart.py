"""A complete run on generated letters in about a minute, without a download.

    python launch.py --config configs/quickstart.py

A small network is trained on 10,400 generated letters and tested on other styles of writing; the table of the
README has its accuracy.
"""

import jaxletters as jl


def get_config() -> jl.Config:
    """Returns a small network on generated data."""
    return jl.Config(
        dataset=jl.SketchLetters(size=10_400),
        split=jl.Split(validation_per_class=50),
        model=jl.DeeperConfig(widths=(16, 32, 64), depths=(1, 1, 1), pooling="stride", dropout=0.2),
        augment=jl.AugmentConfig(rotation=8, shear=0.1, scale=0.1, shift=1.5),
        optimizer=jl.OptimizerConfig(
            name="adamw",
            learning_rate=4e-3,
            weight_decay=1e-2,
            schedule=jl.ScheduleConfig(name="one_cycle", warmup=0.2),
        ),
        training=jl.TrainingConfig(batch_size=128, epochs=6, ema_decay=0.99),
        log_every_steps=20,
    )

"""EMNIST Letters with a small residual network: the affordable tier.

python launch.py --config configs/emnist_letternet_s.py
"""

import jaxletters as jl


def get_config() -> jl.Config:
    """Returns a network of half a million parameters with every technique that was found to help it."""
    return jl.Config(
        # All settings are fixed, so no validation examples are needed.
        dataset=jl.Emnist(),
        split=jl.Split(validation_per_class=0),
        model=jl.LetterNetConfig(),
        augment=jl.AugmentConfig(
            rotation=11, shear=0.2, scale=0.12, shift=1, elastic=0.65, low_resolution=0.05
        ),
        loss=jl.LossConfig(prior=1.0),
        optimizer=jl.OptimizerConfig(
            name="muon",
            learning_rate=1.2e-2,
            weight_decay=0.02,
            schedule=jl.ScheduleConfig(name="one_cycle", warmup=0.2),
        ),
        training=jl.TrainingConfig(batch_size=128, epochs=20, ema_decay=0.999),
        test_shift=1,
    )

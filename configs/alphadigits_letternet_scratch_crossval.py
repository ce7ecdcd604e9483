"""Binary AlphaDigits by the small residual network alone, in a 10-fold cross-validation.

python launch.py --config configs/alphadigits_letternet_scratch_crossval.py

Like configs/alphadigits_scratch_crossval.py with another network.
"""

import jaxletters as jl


def get_config() -> jl.CrossvalConfig:
    """Returns ten folds that start with random weights."""
    return jl.CrossvalConfig(
        dataset=jl.AlphaDigits(resize="bilinear"),
        split=jl.Split(validation_per_class=0),
        model=jl.LetterNetConfig(),
        augment=jl.AugmentConfig(rotation=10, shear=0.15, scale=0.1, shift=2),
        loss=jl.LossConfig(label_smoothing=0.1),
        optimizer=jl.OptimizerConfig(
            name="adamw",
            learning_rate=3e-3,
            weight_decay=0.02,
            schedule=jl.ScheduleConfig(name="one_cycle", warmup=0.2),
        ),
        training=jl.TrainingConfig(batch_size=32, epochs=60),
    )

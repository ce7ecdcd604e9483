"""Binary AlphaDigits by the small residual network alone, under stratified 10-fold cross-validation.

python launch.py --config configs/alphadigits_letternet_scratch_crossval.py

As configs/alphadigits_scratch_crossval.py, with another network.
"""

from jaxletters.config import (
    AugmentConfig,
    CrossvalConfig,
    DatasetConfig,
    LetterNetConfig,
    LossConfig,
    OptimizerConfig,
    ScheduleConfig,
    TrainingConfig,
)


def get_config() -> CrossvalConfig:
    """Returns ten folds, each begun with random weights."""
    return CrossvalConfig(
        dataset=DatasetConfig(name="alpha_letters", resize="bilinear", validation_per_class=0),
        model=LetterNetConfig(),
        augment=AugmentConfig(rotation=10, shear=0.15, scale=0.1, shift=2),
        loss=LossConfig(label_smoothing=0.1),
        optimizer=OptimizerConfig(
            name="adamw",
            learning_rate=3e-3,
            weight_decay=0.02,
            schedule=ScheduleConfig(name="one_cycle", warmup=0.2),
        ),
        training=TrainingConfig(batch_size=32, epochs=60),
    )

"""Transfer of the small residual network to Binary AlphaDigits, under stratified 10-fold cross-validation.

    python launch.py --config configs/emnist_letternet_s.py
    python launch.py --config configs/alphadigits_letternet_transfer_crossval.py

The letters are the same, so the head is taken over as well: first it learns alone, then with all the rest.
These stages were decided on 5 letters of each class held out of every fold's training letters.
"""

from jaxletters.config import (
    AugmentConfig,
    BaseConfig,
    CrossvalConfig,
    DatasetConfig,
    LetterNetConfig,
    LossConfig,
    OptimizerConfig,
    ScheduleConfig,
    StageConfig,
    TrainingConfig,
)


def get_config() -> CrossvalConfig:
    """Returns ten folds of two stages each."""
    return CrossvalConfig(
        dataset=DatasetConfig(name="alpha_letters", resize="bilinear", validation_per_class=0),
        model=LetterNetConfig(),
        augment=AugmentConfig(rotation=10, shear=0.15, scale=0.1, shift=2),
        loss=LossConfig(label_smoothing=0.1),
        base=BaseConfig(config="configs/emnist_letternet_s.py"),
        stages=(
            StageConfig(trainable="logits", epochs=5, optimizer=OptimizerConfig()),
            StageConfig(
                epochs=25,
                optimizer=OptimizerConfig(
                    name="adamw",
                    weight_decay=0.02,
                    schedule=ScheduleConfig(name="one_cycle", warmup=0.2),
                ),
            ),
        ),
        training=TrainingConfig(batch_size=32),
    )

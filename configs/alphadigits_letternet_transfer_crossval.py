"""Transfer of the small residual network to Binary AlphaDigits, under stratified 10-fold cross-validation.

    python launch.py --config configs/emnist_letternet_s.py
    python launch.py --config configs/alphadigits_letternet_transfer_crossval.py

The letters are the same, so the head is taken over as well: first it learns alone, then with the last block.
"""

from jaxletters.config import (
    AugmentConfig,
    BaseConfig,
    CrossvalConfig,
    DatasetConfig,
    LetterNetConfig,
    LossConfig,
    OptimizerConfig,
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
            StageConfig(trainable="logits", epochs=15, optimizer=OptimizerConfig()),
            StageConfig(
                trainable="stage3|logits", epochs=15, optimizer=OptimizerConfig(learning_rate=3e-4)
            ),
        ),
        training=TrainingConfig(batch_size=32),
    )

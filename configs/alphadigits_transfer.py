"""Binary AlphaDigits by transfer: the network that EMNIST Letters trained, with a new head.

    python launch.py --config configs/emnist_deeper.py
    python launch.py --config configs/alphadigits_transfer.py

First the convolutions stay frozen and only the head learns, a dense layer of 512 and the logits; then
the last block of convolutions learns with it, at a tenth of the rate. A fifth of the letters is held out
to test on; configs/alphadigits_transfer_crossval.py tests on all of them.

The README's table says what it reaches.
"""

from jaxletters.config import (
    AugmentConfig,
    BaseConfig,
    Config,
    DatasetConfig,
    DeeperConfig,
    LossConfig,
    OptimizerConfig,
    StageConfig,
    TrainingConfig,
)


def get_config() -> Config:
    """Returns two stages of training on four fifths of 1,014 letters."""
    return Config(
        dataset=DatasetConfig(
            name="alpha_letters", resize="bilinear", validation_per_class=0, test_share=0.2
        ),
        model=DeeperConfig(
            widths=(32, 64, 128),
            kernel_sizes=(5, 3, 3),
            depths=(1, 2, 2),
            pooling="stride",
            hidden=(512,),
            dropout=0.5,
        ),
        augment=AugmentConfig(rotation=10, shear=0.15, scale=0.1, shift=2),
        loss=LossConfig(label_smoothing=0.1),
        base=BaseConfig(config="configs/emnist_deeper.py", take="stage"),
        stages=(
            StageConfig(trainable="hidden|logits", epochs=15, optimizer=OptimizerConfig()),
            StageConfig(
                trainable="stage3|hidden|logits",
                epochs=15,
                optimizer=OptimizerConfig(learning_rate=1e-4),
            ),
        ),
        training=TrainingConfig(batch_size=32),
        log_every_steps=20,
    )

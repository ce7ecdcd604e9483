"""Transfer to Binary AlphaDigits: the network trained on EMNIST Letters, with a new head.

    python launch.py --config configs/emnist_deeper.py
    python launch.py --config configs/alphadigits_transfer.py

First only the head is trained, a dense layer of 512 and the logits, with frozen convolutions; then the last
stage of convolutions is trained with it, at a tenth of the rate. A fifth of the letters is held out for the
test; configs/alphadigits_transfer_crossval.py tests on all of them.

The table of the README has its accuracy.
"""

import jaxletters as jl


def get_config() -> jl.Config:
    """Returns two stages of training on four fifths of 1,014 letters."""
    return jl.Config(
        dataset=jl.AlphaDigits(resize="bilinear"),
        split=jl.Split(validation_per_class=0, test_share=0.2),
        model=jl.DeeperConfig(
            widths=(32, 64, 128),
            kernel_sizes=(5, 3, 3),
            depths=(1, 2, 2),
            pooling="stride",
            hidden=(512,),
            dropout=0.5,
        ),
        augment=jl.AugmentConfig(rotation=10, shear=0.15, scale=0.1, shift=2),
        loss=jl.LossConfig(label_smoothing=0.1),
        base=jl.BaseConfig(config="configs/emnist_deeper.py", take="stage"),
        stages=(
            jl.StageConfig(trainable="hidden|logits", epochs=15, optimizer=jl.OptimizerConfig()),
            jl.StageConfig(
                trainable="stage3|hidden|logits",
                epochs=15,
                optimizer=jl.OptimizerConfig(learning_rate=1e-4),
            ),
        ),
        training=jl.TrainingConfig(batch_size=32),
        log_every_steps=20,
    )

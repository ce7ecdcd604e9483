"""Transfer of the small residual network to Binary AlphaDigits, in a stratified 10-fold cross-validation.

    python launch.py --config configs/emnist_letternet_s.py
    python launch.py --config configs/alphadigits_letternet_transfer_crossval.py

The letters are the same, so the head is transferred as well: first it is trained alone, then with all layers.
These stages were chosen with 5 letters of each class held out of the training letters of every fold.
"""

import jaxletters as jl


def get_config() -> jl.CrossvalConfig:
    """Returns ten folds of two stages each."""
    return jl.CrossvalConfig(
        dataset=jl.AlphaDigits(resize="bilinear"),
        split=jl.Split(validation_per_class=0),
        model=jl.LetterNetConfig(),
        augment=jl.AugmentConfig(rotation=10, shear=0.15, scale=0.1, shift=2),
        loss=jl.LossConfig(label_smoothing=0.1),
        base=jl.BaseConfig(config="configs/emnist_letternet_s.py"),
        stages=(
            jl.StageConfig(trainable="logits", epochs=5, optimizer=jl.OptimizerConfig()),
            jl.StageConfig(
                epochs=25,
                optimizer=jl.OptimizerConfig(
                    name="adamw",
                    weight_decay=0.02,
                    schedule=jl.ScheduleConfig(name="one_cycle", warmup=0.2),
                ),
            ),
        ),
        training=jl.TrainingConfig(batch_size=32),
    )

"""The reader that the package ships: EMNIST Letters, and a class for images that are not one letter.

python launch.py --config configs/emnist_reader.py
"""

import jaxletters as jl


def get_config() -> jl.Config:
    """Returns the small residual network, trained with non-letters in the class that EMNIST does not use."""
    return jl.Config(
        dataset=jl.Emnist(),
        # For the calibration; the last epochs differ too little for a choice among them to matter.
        split=jl.Split(validation_per_class=200),
        model=jl.LetterNetConfig(),
        augment=(
            jl.NonLetters(),
            jl.EntryStrokes(),
            jl.LetterCuts(),
            jl.AugmentConfig(
                rotation=11,
                shear=0.2,
                scale=0.12,
                shift=1,
                elastic=0.65,
                filled=0.15,
                low_resolution=0.05,
            ),
            # Photographs have sharper strokes than EMNIST. The network must know both, or it takes the
            # softer letters for non-letters.
            jl.Sometimes(jl.AugmentConfig(stroke=0.15)),
        ),
        loss=jl.LossConfig(prior=1.0),
        optimizer=jl.OptimizerConfig(
            name="muon",
            learning_rate=1.2e-2,
            weight_decay=0.02,
            schedule=jl.ScheduleConfig(name="one_cycle", warmup=0.2),
        ),
        training=jl.TrainingConfig(batch_size=128, epochs=10, ema_decay=0.999),
        test_shift=1,
    )

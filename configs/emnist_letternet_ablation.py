"""An ablation of configs/emnist_letternet_s.py: a sweep that leaves out one technique at a time.

    python launch.py --config configs/emnist_letternet_ablation.py
    python benchmarks/ablation.py checkpoints/emnist_letternet_ablation

A shortened schedule with two seeds each; tested on the validation examples, so the test split is not read.
"""

import dataclasses
from pathlib import Path

import jaxletters as jl

_EPOCHS = 4
_ABLATIONS = {
    "rotation, shear, scale, shift": (
        "augment.rotation=0",
        "augment.shear=0",
        "augment.scale=0",
        "augment.shift=0",
    ),
    "elastic": ("augment.elastic=0",),
    "low resolution": ("augment.low_resolution=0",),
    # AdamW at a third of the rate: it does not tolerate the rate of Muon's normalised matrix updates.
    "Muon (AdamW instead)": ("optimizer.name=adamw", "optimizer.learning_rate=4e-3"),
    "prior": ("loss.prior=0",),
    "weight decay": ("optimizer.weight_decay=0",),
    "moving average": ("training.ema_decay=0",),
    "warm-up": ("optimizer.schedule.warmup=0",),
}


def get_config() -> jl.SweepConfig:
    """Returns short runs with all techniques and without one of them, with two seeds each."""
    full = jl.load_config(Path(__file__).with_name("emnist_letternet_s.py"))
    assert isinstance(full, jl.Config)
    short = dataclasses.replace(
        full,
        split=jl.Split(test_on="validation"),
        training=dataclasses.replace(full.training, epochs=_EPOCHS),
        test_shift=0,
    )
    ablations = {"nothing": (), **_ABLATIONS}
    variations = [
        jl.VariationConfig(
            f"without {name}", f"without {name}, seed {seed}", (f"seed={seed}", *overrides)
        )
        for seed in (0, 1)
        for name, overrides in ablations.items()
        if (name, seed) != ("nothing", 0)  # the baseline
    ]
    return jl.SweepConfig(**vars(jl.plain(short)), variations=tuple(variations))

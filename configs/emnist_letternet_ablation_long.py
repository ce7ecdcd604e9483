"""What a short schedule cannot judge of configs/emnist_letternet_ablation.py: augmentation may pay late.

    python launch.py --config configs/emnist_letternet_ablation_long.py
    python benchmarks/ablation.py checkpoints/emnist_letternet_ablation_long

Half the epochs of the final runs instead of a fifth, one seed, and only what the short ones do not need.
"""

import dataclasses
from pathlib import Path

import jaxletters as jl

_TOGETHER = ("rotation, shear, scale, shift",), ("elastic",), ("weight decay", "warm-up")


def get_config(
    epochs: int = 10, together: tuple[tuple[str, ...], ...] = _TOGETHER
) -> jl.SweepConfig:
    """Returns the longer run of everything, and those without what may not earn its place."""
    short = jl.load_config(Path(__file__).with_name("emnist_letternet_ablation.py"))
    assert isinstance(short, jl.SweepConfig)
    left = {v.technique: v.overrides for v in short.variations if v.name.endswith("seed 0")}
    variations = []
    for names in together:
        words = [word for name in names for word in left[f"without {name}"]]
        *others, last = names
        title = f"without {' and '.join(filter(None, [', '.join(others), last]))}"
        variations.append(jl.VariationConfig(title, title, tuple(dict.fromkeys(words))))
    return dataclasses.replace(
        short,
        training=dataclasses.replace(short.training, epochs=epochs),
        variations=tuple(variations),
    )

"""A longer ablation of configs/emnist_letternet_s.py: augmentation may take effect late.

    python launch.py --config configs/emnist_letternet_ablation_long.py
    python benchmarks/ablation.py checkpoints/emnist_letternet_ablation_long

Half the epochs of the final runs instead of a fifth, one seed, and only the techniques without an effect in
the short runs.
"""

import dataclasses
from pathlib import Path

import jaxletters as jl

_GROUPS = ("rotation, shear, scale, shift",), ("elastic",), ("weight decay", "warm-up")


def get_config(epochs: int = 10, groups: tuple[tuple[str, ...], ...] = _GROUPS) -> jl.SweepConfig:
    """Returns longer runs with all techniques and without each group of them."""
    short = jl.load_config(Path(__file__).with_name("emnist_letternet_ablation.py"))
    assert isinstance(short, jl.SweepConfig)
    overrides = {v.technique: v.overrides for v in short.variations if v.name.endswith("seed 0")}
    variations: list[jl.VariationConfig] = []
    for names in groups:
        words = [word for name in names for word in overrides[f"without {name}"]]
        *others, last = names
        title = f"without {' and '.join(filter(None, [', '.join(others), last]))}"
        variations.append(jl.VariationConfig(title, title, tuple(dict.fromkeys(words))))
    return dataclasses.replace(
        short,
        training=dataclasses.replace(short.training, epochs=epochs),
        variations=tuple(variations),
    )

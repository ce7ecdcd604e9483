"""Elastic deformation over the whole schedule of configs/emnist_letternet_s.py: augmentation pays late.

    python launch.py --config configs/emnist_letternet_ablation_whole.py
    python benchmarks/ablation.py checkpoints/emnist_letternet_ablation_whole

One seed, with it and without it; tested on the validation examples.
"""

import dataclasses
from pathlib import Path

from jaxletters import configfile
from jaxletters.config import Config, SweepConfig, VariationConfig, plain


def get_config() -> SweepConfig:
    """Returns the run with elastic deformation, and the one without it."""
    whole = configfile.load(Path(__file__).with_name("emnist_letternet_s.py"))
    assert isinstance(whole, Config)
    elastic = dataclasses.replace(
        whole,
        dataset=dataclasses.replace(whole.dataset, validation_per_class=800, test_on="validation"),
        augment=dataclasses.replace(whole.augment, elastic=0.65),
        test_shift=0,
    )
    name = "without elastic"
    left_out = VariationConfig(name, name, ("augment.elastic=0",))
    return SweepConfig(**vars(plain(elastic)), variations=(left_out,))

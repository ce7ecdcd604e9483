"""Experiments made of the config of a single run, and the other way round."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence

from jaxletters.config.schema import Config, CrossvalConfig, SeedsConfig, VariationConfig
from jaxletters.core.errors import UserError


def cross_validated(config: Config, folds: int) -> CrossvalConfig:
    """Returns the cross-validation of a run on its whole dataset.

    Raises:
        UserError: the config is of another kind of experiment.
    """
    _check_single(config)
    split = dataclasses.replace(config.split, test_share=0.0)
    return CrossvalConfig(**vars(dataclasses.replace(config, split=split)), folds=folds)


def over_seeds(config: Config, seeds: int) -> SeedsConfig:
    """Returns the experiment of a run under several seeds.

    Raises:
        UserError: the config is of another kind of experiment.
    """
    _check_single(config)
    return SeedsConfig(**vars(config), seeds=seeds)


def _check_single(config: Config) -> None:
    if type(config) is not Config:
        raise UserError(
            f"expected the Config of a single run, found a {type(config).__name__}; jl.plain returns it"
        )


def plain(config: Config) -> Config:
    """Returns the Config of the single run in a CrossvalConfig, SeedsConfig or SweepConfig."""
    return Config(**{f.name: getattr(config, f.name) for f in dataclasses.fields(Config)})


def grid(technique: str, settings: Mapping[str, Sequence[object]]) -> tuple[VariationConfig, ...]:
    """Returns the variations of a grid: every combination of one value for each of the settings.

    The variations of a single setting are named by their values alone.
    """
    pairs = [[(key, value) for value in values] for key, values in settings.items()]
    return tuple(
        VariationConfig(
            technique=technique,
            name=" ".join(
                f"{key.rpartition('.')[2]}={value}" if len(settings) > 1 else str(value)
                for key, value in combination
            ),
            overrides=tuple(f"{key}={value}" for key, value in combination),
        )
        for combination in itertools.product(*pairs)
    )

"""What is wrong with a config, found before any data is loaded or anything is compiled."""

import dataclasses
import difflib
import math
import re
import types
import typing
from collections.abc import Iterable, Iterator
from typing import Any, TypeGuard, TypeVar

from jaxletters import config as schema
from jaxletters import settings
from jaxletters.config import (
    Config,
    CrossvalConfig,
    DatasetConfig,
    Experiment,
    StudyConfig,
    SweepConfig,
    ZeroShotConfig,
)
from jaxletters.errors import UserError

T = TypeVar("T", bound=Experiment)


def is_experiment(value: Any) -> TypeGuard[Experiment]:
    """Returns whether there is a function that runs it; of a subclass there is none."""
    return type(value) in (Config, CrossvalConfig, SweepConfig, ZeroShotConfig, StudyConfig)


def nearest(word: str, known: Iterable[str]) -> str:
    """Returns " (did you mean ...?)" where a known word is close, else the empty string."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""


def conformed(config: T) -> T:
    """Returns a config whose values have the declared types: lists become tuples, 2 becomes 2.0.

    Raises:
        UserError: a setting is of a wrong type; a line for each.
    """
    found = settings.from_dict(settings.to_dict(config), config)
    check_types(found)
    return found


def check_types(config: Experiment) -> None:
    """Raises a UserError that names every setting of a wrong type, a line each."""
    _raise_all(_type_problems(config))


def check(config: Experiment, device_count: int) -> None:
    """Raises a UserError that names everything wrong with the config, a line each."""
    # Values are only looked at once all types are right, so that comparing them cannot fail.
    check_types(config)
    _raise_all([*_value_problems(config), *_joint_problems(config, device_count)])


def _raise_all(problems: Iterable[str]) -> None:
    if lines := list(problems):
        raise UserError("\n".join(lines))


def _matches(value: Any, expected: Any) -> bool:
    if typing.get_origin(expected) is tuple:
        item = typing.get_args(expected)[0]
        return isinstance(value, tuple) and all(_matches(v, item) for v in value)
    if expected is float:
        return isinstance(value, float | int) and not isinstance(value, bool)
    return isinstance(value, expected) and isinstance(value, bool) == (expected is bool)


def _type_problems(config: Any, prefix: str = "") -> Iterator[str]:
    for name, expected in typing.get_type_hints(type(config)).items():
        value, key = getattr(config, name), f"{prefix}{name}"
        if isinstance(expected, types.UnionType) or hasattr(expected, "__dataclass_fields__"):
            if isinstance(value, expected):
                yield from _type_problems(value, f"{key}.")
            else:
                yield f"config.{key}: expected {type_name(expected)}, found {value!r}"
        elif not _matches(value, expected):
            yield f"config.{key}: expected {type_name(expected)}, found {value!r}"
        elif isinstance(value, tuple):
            for i, part in enumerate(value):
                if dataclasses.is_dataclass(part):
                    yield from _type_problems(part, f"{key}.{i}.")


def type_name(expected: Any) -> str:
    """Returns how a message calls the type of a setting: "int", "tuple[int, ...]"."""
    return str(expected) if typing.get_args(expected) else expected.__name__


# Lower and upper limit of each number, both allowed; what is not listed may not be negative.
_LIMITS: dict[str, tuple[float, float]] = {
    "seed": (0, 2**32 - 1),
    "log_every_steps": (1, 10**9),
    "folds": (2, 10**6),
    "test_shift": (0, 10),
    "epochs": (1, 10**6),
    "training.batch_size": (1, 10**6),
    "training.epochs": (1, 10**6),
    "training.ema_decay": (0, 0.999999),
    "training.max_skips": (1, 10**6),
    "training.max_rollbacks": (0, 100),
    "checkpoint.every_steps": (1, 10**9),
    "checkpoint.max_to_keep": (1, 10**6),
    "optimizer.momentum": (0, 0.999999),
    "optimizer.schedule.warmup": (0, 0.999999),
    "optimizer.schedule.factor": (1e-12, 1),
    "model.dropout": (0, 0.999999),
    "model.widths": (1, 10**5),
    "model.hidden": (1, 10**6),
    "model.depths": (1, 100),
    "model.kernel_sizes": (1, 28),
    "optimizer.schedule.milestones": (0, 1),
    "optimizer.learning_rate": (1e-12, 10**6),
    "augment.rotation": (0, 180),
    "augment.scale": (0, 0.9),
    "augment.stroke": (0, 0.25),
    "augment.low_resolution": (0, 1),
    "augment.erase": (0, 28),
    "loss.prior": (0, 1),
    "model.blocks": (1, 100),
    "model.crop": (0, 13),
    "loss.label_smoothing": (0, 0.999999),
    "dataset.size": (0, 10**7),
    "dataset.limit": (0, 10**9),
    "dataset.validation_per_class": (0, 10**9),
    "dataset.test_share": (0, 0.9),
}

# Settings that are a length of time, and whether there must be one.
_TIMES = {"time_limit": False, "checkpoint.give_up_after": True}

_CHOICES: dict[str, tuple[str, ...]] = {
    "budget": schema.BUDGETS,
    "dataset.name": schema.DATASETS,
    "dataset.resize": schema.RESIZINGS,
    "dataset.test_on": schema.TEST_ON,
    "model.name": tuple(schema.MODEL_CONFIGS),
    "model.activation": schema.ACTIVATIONS,
    "model.initializer": schema.INITIALIZERS,
    "model.pooling": schema.POOLINGS,
    "model.padding": schema.PADDINGS,
    "model.norm_position": schema.NORM_POSITIONS,
    "optimizer.name": schema.OPTIMIZERS,
    "optimizer.schedule.name": schema.SCHEDULES,
    "training.monitor": schema.MONITORS,
}


def _value_problems(config: Experiment) -> Iterator[str]:
    for key, _, value in settings.leaves(config):
        rule = re.sub(r"^stages\.\d+\.", "", key)
        if rule in _CHOICES and value not in _CHOICES[rule]:
            known = _CHOICES[rule]
            hint = nearest(value, known)
            yield f"config.{key}: unknown {value!r}{hint}; one of {', '.join(known)}"
        numbers = value if isinstance(value, tuple) else (value,)
        low, high = _LIMITS.get(rule, (0, math.inf))
        for number in numbers:
            # Infinity is within no limits: it would train to NaN.
            if not isinstance(number, str | bool) and not (
                low <= number <= high and number < math.inf
            ):
                limits = f"{low} to {high}" if high < math.inf else f"{low} or more, finite"
                yield f"config.{key}: expected {limits}, found {number}"
        if key in _TIMES and (value or _TIMES[key]) and not settings.seconds(str(value)):
            yield f"config.{key}: expected a time such as 5h, 90m or 1h30m, found {value!r}"


def _joint_problems(config: Experiment, device_count: int) -> Iterator[str]:
    """What is wrong only with several settings taken together."""
    if isinstance(config, StudyConfig):
        if not config.experiments:
            yield "config.experiments: expected at least one, found none; add one to the config file"
        return
    yield from _dataset_problems(config.dataset)
    yield from _unused(config)
    if not isinstance(config, Config):
        if not config.base.config:
            yield "config.base.config: expected the config file of a finished run, found none; name one"
        return
    yield from _model_problems(config.model)
    yield from _stage_problems(config)
    for key, optimizer in _optimizers(config):
        yield from _optimizer_problems(key, optimizer)
    if config.training.batch_size % device_count:
        yield (
            f"config.training.batch_size: expected a multiple of the {device_count} devices, "
            f"found {config.training.batch_size}"
        )
    if config.training.patience and not config.dataset.validation_per_class:
        yield (
            "config.training.patience: nothing is validated, so nothing can stop early; set it to 0, or "
            "raise config.dataset.validation_per_class"
        )


def _unused(config: Config | ZeroShotConfig) -> Iterator[str]:
    """What the kind of experiment has no use for, and would leave out without a word."""
    if isinstance(config, ZeroShotConfig):
        names, why = ("limit", "test_share", "test_on"), "every example there is to test on is read"
    elif isinstance(config, CrossvalConfig):
        names, why = ("test_share", "test_on"), "cross-validation tests on every example"
        if config.test_shift:
            yield "config.test_shift: cross-validation tests images as they are; set it to 0"
    else:
        return
    plain = DatasetConfig()
    for name in names:
        found, expected = getattr(config.dataset, name), getattr(plain, name)
        if found != expected:
            yield f"config.dataset.{name}: {why}; set it to {expected}"


def _dataset_problems(dataset: DatasetConfig) -> Iterator[str]:
    name = dataset.name
    if name == "sketch_letters" and dataset.size < 1:
        yield "config.dataset.size: sketch_letters is drawn on the spot: say how many to train on"
    if name != "sketch_letters" and dataset.size:
        yield f"config.dataset.size: only sketch_letters can be sized, {name} cannot; set it to 0"
    if name != "alpha_letters" and dataset.resize != "none":
        yield f"config.dataset.resize: {name} is as EMNIST's images are; set it to none"
    if dataset.test_on == "validation" and (dataset.test_share or not dataset.validation_per_class):
        yield (
            "config.dataset.test_on: to test on the validation examples there must be some, and no "
            "others; set test_share to 0 and validation_per_class to 1 or more"
        )
    if name == "sketch_letters" and dataset.npz:
        yield "config.dataset.npz: sketch_letters is drawn, not read; name another dataset"


def _model_problems(model: schema.ModelConfig) -> Iterator[str]:
    if type(model) is not schema.MODEL_CONFIGS.get(model.name, type(model)):
        yield (
            f"config.model.name: the settings are those of {type(model).__name__}, "
            f"not of '{model.name}'; start from a config file whose model is '{model.name}'"
        )
    if isinstance(model, schema.LetterNetConfig) and not model.widths:
        yield "config.model.widths: expected the stem's and one for each stage, found none; add one"
    if isinstance(model, schema.DeeperConfig):
        lengths = {len(model.widths), len(model.kernel_sizes), len(model.depths)}
        if len(lengths) > 1:
            yield (
                "config.model.widths, kernel_sizes and depths: expected one value per stage in each, "
                f"found {model.widths}, {model.kernel_sizes}, {model.depths}"
            )


def _stage_problems(config: Config) -> Iterator[str]:
    patterns = {f"stages.{i}.trainable": stage.trainable for i, stage in enumerate(config.stages)}
    for key, pattern in {"base.take": config.base.take, **patterns}.items():
        try:
            re.compile(pattern)
        except re.error as error:
            yield f"config.{key}: expected a regular expression, found {pattern!r} ({error})"
    if not config.stages:
        return
    unused = {"optimizer": schema.OptimizerConfig(), "training.epochs": Config().training.epochs}
    given = {"optimizer": config.optimizer, "training.epochs": config.training.epochs}
    for key, value in given.items():
        if value != unused[key]:
            yield f"config.{key}: not used where there are stages; set it in config.stages.0 and on"


def _optimizers(config: Config) -> list[tuple[str, schema.OptimizerConfig]]:
    stages = [(f"stages.{i}.optimizer", stage.optimizer) for i, stage in enumerate(config.stages)]
    return [("optimizer", config.optimizer), *stages]


def _optimizer_problems(key: str, optimizer: schema.OptimizerConfig) -> Iterator[str]:
    if optimizer.weight_decay and optimizer.name in ("adam", "rmsprop"):
        yield (
            f"config.{key}.weight_decay: {optimizer.name} has none; "
            f"set {key}.name=adamw, or use config.loss.l2"
        )
    if list(optimizer.schedule.milestones) != sorted(set(optimizer.schedule.milestones)):
        yield f"config.{key}.schedule.milestones: expected rising, found {optimizer.schedule.milestones}"

"""Initial weights from another run."""

import re
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxletters.core.errors import UserError
from jaxletters.core.types import Variables
from jaxletters.models.params import by_name, path_name


class TransferReport(NamedTuple):
    """The origin of every array of a network that starts from another network's weights, by path.

    Attributes:
        taken: copied from the base.
        new: initialised.
        left: arrays of the base that were not used.
    """

    taken: list[str]
    new: list[str]
    left: list[str]


def transfer(fresh: Variables, base: Variables, pattern: str) -> tuple[Variables, TransferReport]:
    """Returns `fresh` with arrays replaced by those of `base`, and a report.

    An array is replaced if `pattern` matches its path from the beginning.

    Args:
        fresh: the variables of an initialised network.
        base: the variables of a trained network.
        pattern: a regular expression over paths such as "stage1_conv1/kernel".

    Raises:
        UserError: the pattern matches no array, or a matching array has another shape in `base`.
    """
    base_arrays = {**by_name(base.params), **by_name(base.batch_stats)}
    matching = {name: array for name, array in base_arrays.items() if re.match(pattern, name)}
    if not matching:
        raise UserError(
            f"config.base.take: {pattern!r} matches none of the base's arrays; there are: "
            f"{', '.join(base_arrays)}"
        )
    report = TransferReport([], [], [])

    def choose(path: tuple[jax.tree_util.KeyEntry, ...], initial: jax.Array) -> jax.Array:
        name = path_name(path)
        if name not in matching:
            report.new.append(name)
            return initial
        trained = matching.pop(name)
        if trained.shape != initial.shape:
            raise UserError(
                f"config.base.take: {name} is {list(trained.shape)} in the base and "
                f"{list(initial.shape)} here; leave it out of the pattern, or make the networks alike"
            )
        report.taken.append(name)
        return jnp.asarray(trained)

    params = jax.tree_util.tree_map_with_path(choose, fresh.params)
    batch_stats = jax.tree_util.tree_map_with_path(choose, fresh.batch_stats)
    report.left.extend(name for name in base_arrays if name not in report.taken)
    return Variables(params, batch_stats), report


def report_lines(report: TransferReport) -> list[str]:
    """Returns a transfer report as lines of text that name each layer once."""
    groups = (("taken from the base", report.taken), ("new", report.new), ("left", report.left))
    return [f"{label}: {', '.join(_layer_names(names))}" for label, names in groups if names]


def _layer_names(array_names: list[str]) -> list[str]:
    return list(dict.fromkeys(name.rpartition("/")[0] for name in array_names))

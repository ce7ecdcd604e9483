"""Beginning with the weights of another run, and training only some of them."""

import re
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxletters.core.errors import UserError
from jaxletters.core.types import Tree, Variables


class Taken(NamedTuple):
    """What became of every array of a network that begins with another's weights, by path.

    Attributes:
        taken: came from the other network.
        new: initialised.
        left: arrays of the other network that found no use.
    """

    taken: list[str]
    new: list[str]
    left: list[str]


def path_name(path: tuple[jax.tree_util.KeyEntry, ...]) -> str:
    """Returns "stage1_conv1/kernel" for such a path of keys."""
    return jax.tree_util.keystr(path, simple=True, separator="/")


def take(fresh: Variables, base: Variables, pattern: str) -> tuple[Variables, Taken]:
    """Returns `fresh` with those arrays of `base` whose path matches `pattern` from its beginning.

    Args:
        fresh: an initialised network.
        base: the variables of a trained one.
        pattern: a regular expression over paths such as "stage1_conv1/kernel".

    Raises:
        UserError: nothing matches, or an array that does has another shape in the other network.
    """
    offered = {path_name(p): x for p, x in jax.tree_util.tree_leaves_with_path(base.params)}
    offered |= {path_name(p): x for p, x in jax.tree_util.tree_leaves_with_path(base.batch_stats)}
    matching = {name: x for name, x in offered.items() if re.match(pattern, name)}
    if not matching:
        raise UserError(
            f"config.base.take: {pattern!r} matches none of the base's arrays; there are: "
            f"{', '.join(offered)}"
        )
    report = Taken([], [], [])

    def choose(path: tuple[jax.tree_util.KeyEntry, ...], own: jax.Array) -> jax.Array:
        name = path_name(path)
        if name not in matching:
            report.new.append(name)
            return own
        other = matching.pop(name)
        if other.shape != own.shape:
            raise UserError(
                f"config.base.take: {name} is {list(other.shape)} in the base and {list(own.shape)} here; "
                "leave it out of the pattern, or make the networks alike"
            )
        report.taken.append(name)
        return jnp.asarray(other)

    params = jax.tree_util.tree_map_with_path(choose, fresh.params)
    batch_stats = jax.tree_util.tree_map_with_path(choose, fresh.batch_stats)
    report.left.extend(name for name in offered if name not in report.taken)
    return Variables(params, batch_stats), report


def lines(report: Taken) -> list[str]:
    """Returns what became of the arrays as lines for a reader, a layer named once."""
    found = (("taken from the base", report.taken), ("new", report.new), ("left", report.left))
    return [f"{label}: {', '.join(_layers(names))}" for label, names in found if names]


def _layers(names: list[str]) -> list[str]:
    return list(dict.fromkeys(name.rpartition("/")[0] for name in names))


def trainable(params: Tree, pattern: str, setting: str = "trainable") -> Tree:
    """Returns, for every parameter, whether its path matches `pattern` from its beginning.

    Args:
        params: a network's parameters.
        pattern: a regular expression over paths such as "stage1_conv1/kernel".
        setting: what the error calls the pattern.

    Raises:
        UserError: none does.
    """
    mask = jax.tree_util.tree_map_with_path(
        lambda path, _: re.match(pattern, path_name(path)) is not None, params
    )
    if not any(jax.tree.leaves(mask)):
        names = [path_name(path) for path, _ in jax.tree_util.tree_leaves_with_path(params)]
        raise UserError(
            f"{setting}: {pattern!r} matches none of the parameters; there are: {', '.join(names)}"
        )
    return mask


def freeze(params: Tree, pattern: str) -> Tree:
    """Returns the parameters as they are, for a gradient that knows only those matching `pattern`."""
    return jax.tree.map(
        lambda x, trained: x if trained else jax.lax.stop_gradient(x),
        params,
        trainable(params, pattern),
    )

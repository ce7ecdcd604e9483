"""Parameters by path: their names, the kernels among them, and which of them are trained."""

import re
from typing import cast

import jax

from jaxletters.core.errors import UserError
from jaxletters.core.types import Tree


def path_name(path: tuple[object, ...]) -> str:
    """Returns a path of keys as text, such as "stage1_conv1/kernel"."""
    return jax.tree_util.keystr(path, simple=True, separator="/")


def by_name(tree: Tree) -> dict[str, jax.Array]:
    """Returns the arrays of a tree by path."""
    leaves = cast(
        list[tuple[tuple[object, ...], jax.Array]], jax.tree_util.tree_leaves_with_path(tree)
    )
    return {path_name(path): leaf for path, leaf in leaves}


def is_kernel(parameter: jax.Array) -> bool:
    """Whether a parameter is a kernel: more than one axis, unlike a bias or a scale."""
    return parameter.ndim > 1


def kernel_mask(params: Tree) -> Tree:
    """Returns whether each parameter is a kernel."""
    return jax.tree.map(is_kernel, params)


def is_trainable(path: str, pattern: str) -> bool:
    """Whether `pattern` matches a path, such as "stage1_conv1/kernel", from its beginning."""
    return re.match(pattern, path) is not None


def trainable_mask(params: Tree, pattern: str, setting: str = "trainable") -> Tree:
    """Returns whether each parameter is trainable.

    Args:
        params: a network's parameters.
        pattern: a regular expression, as in `is_trainable`.
        setting: the name of the pattern in the error.

    Raises:
        UserError: the pattern matches no parameter.
    """

    def matches(path: tuple[object, ...], _: jax.Array) -> bool:
        return is_trainable(path_name(path), pattern)

    mask = jax.tree_util.tree_map_with_path(matches, params)
    if not any(jax.tree.leaves(mask)):
        raise UserError(
            f"{setting}: {pattern!r} matches none of the parameters; there are: "
            f"{', '.join(by_name(params))}"
        )
    return mask


def stop_frozen_gradients(params: Tree, pattern: str) -> Tree:
    """Returns the parameters unchanged, with gradients stopped at those that are not trainable."""

    def stop(parameter: jax.Array, trainable: bool) -> jax.Array:
        return parameter if trainable else jax.lax.stop_gradient(parameter)

    return jax.tree.map(stop, params, trainable_mask(params, pattern))

"""Several networks of one architecture as one network, whose probabilities are the means of theirs.

Deep ensembles (Lakshminarayanan et al., Simple and Scalable Predictive Uncertainty Estimation using Deep
Ensembles, 2017): networks that differ in their seeds alone.
"""

import functools
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxletters.core.types import Model, Tree, Variables


def join(members: Sequence[Variables]) -> Variables:
    """Returns the variables of an ensemble from those of its networks."""
    return Variables(
        params={str(i): member.params for i, member in enumerate(members)},
        batch_stats={str(i): member.batch_stats for i, member in enumerate(members)},
    )


# The cache returns the same functions for equal arguments, so that compiled programs are reused.
@functools.cache
def build(model: Model, count: int) -> Model:
    """Returns the ensemble of `count` networks; its logits are the logarithms of the mean probabilities."""

    def init(key: jax.Array) -> Variables:
        return join([model.init(part) for part in jax.random.split(key, count)])

    def apply(
        variables: Variables, images: jax.Array, *, train: bool, key: jax.Array | None = None
    ) -> tuple[jax.Array, Tree]:
        assert not train, "networks of an ensemble are trained one by one"
        del key
        members = (Variables(*(part[str(i)] for part in variables)) for i in range(count))
        logits = (model.apply(member, images, train=False)[0] for member in members)
        logs = [jax.nn.log_softmax(each) for each in logits]
        # Not `logsumexp` of an array of all, because few operations have a translation to ONNX.
        # Finite, for a class that all networks exclude.
        lowest = float(np.finfo(np.float32).min)
        largest = jnp.maximum(functools.reduce(jnp.maximum, logs), lowest)
        total = sum(jnp.exp(each - largest) for each in logs)
        return largest + jnp.log(total) - math.log(count), variables.batch_stats

    return Model(init, apply)

"""Loss functions, and the penalty on kernels."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Float, Int32

from jaxletters.config.training import Distillation, LossConfig
from jaxletters.core.arrays import Labels
from jaxletters.core.types import Tree
from jaxletters.models.params import is_kernel


def cross_entropy(
    logits: Float[jax.Array, "b classes"],
    labels: Int32[jax.Array, " b"],
    label_smoothing: float | Float[jax.Array, ""] = 0.0,
) -> Float[jax.Array, " b"]:
    """Returns each example's cross-entropy in nats.

    Args:
        logits: the logits of each example.
        labels: the class of each example.
        label_smoothing: probability distributed evenly over all classes (Szegedy et al., Rethinking the
            Inception Architecture, 2015, section 7).
    """
    targets = optax.smooth_labels(jax.nn.one_hot(labels, logits.shape[-1]), label_smoothing)
    return optax.softmax_cross_entropy(logits, targets)


def distillation(
    loss: Float[jax.Array, " b"],
    logits: Float[jax.Array, "b classes"],
    teacher_logits: Float[jax.Array, "b classes"],
    config: Distillation,
) -> Float[jax.Array, " b"]:
    """Returns each example's loss with the share of the teacher.

    Args:
        loss: of each example, from its label.
        logits: the student's.
        teacher_logits: the teacher's, constants; -inf excludes a class.
        config: the temperature and the share.
    """
    targets = jax.nn.softmax(teacher_logits / config.temperature)
    from_teacher = optax.softmax_cross_entropy(logits / config.temperature, targets)
    # The square makes the gradient about equally large at every temperature.
    return (1 - config.share) * loss + config.share * config.temperature**2 * from_teacher


def prior(labels: Labels, classes: int) -> tuple[float, ...]:
    """Returns the logarithm of each class's share of the examples relative to an equal share.

    Added to the logits in training, it makes them the logits of equally frequent classes (Menon et al.,
    Long-tail learning via logit adjustment, 2021, section 5). 0 for classes without examples.
    """
    counts = np.bincount(labels, minlength=classes)
    equal = len(labels) / np.count_nonzero(counts)
    return tuple(float(np.log(count / equal)) if count else 0.0 for count in counts)


def penalty(params: Tree, config: LossConfig) -> Float[jax.Array, ""]:
    """Returns `l1 * sum |w| + l2 * sum w**2` over all kernels."""
    kernels = [w for w in jax.tree.leaves(params) if is_kernel(w)]
    l1 = sum((jnp.sum(jnp.abs(w)) for w in kernels), jnp.float32(0)) if config.l1 else 0.0
    l2 = sum((jnp.sum(jnp.square(w)) for w in kernels), jnp.float32(0)) if config.l2 else 0.0
    return jnp.float32(config.l1 * l1 + config.l2 * l2)

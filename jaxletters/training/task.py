"""What a training step needs besides its state and its examples."""

from typing import NamedTuple

import optax
from jax.sharding import Mesh

from jaxletters.config.slots import Augmentation, Loss
from jaxletters.core.types import Model


class Task(NamedTuple):
    """The static part of training; `TrainState` is the part that changes.

    Hashable, and therefore a static argument of jit, like `apply_fn` and `tx` of Flax's TrainState.

    Attributes:
        model: the network.
        optimizer: the Optax transformation.
        loss: the loss function and its penalty.
        augment: random transformations of the images, and perhaps of their labels.
        seed: the seed of all random numbers.
        batch_size: examples per step, over all devices of `mesh`.
        ema_decay: decay of the moving average of the variables; 0 for no average.
        mesh: the devices, along one axis named "data".
        trainable: a regular expression over the paths of parameters, as in `params.is_trainable`.
        prior: an offset of each class's logit in training, as in `losses.prior`; () for no offset.
        max_skips: the number of consecutive skipped steps after which no step is taken.
        teacher: the network to learn from besides the labels; None to learn from the labels alone.
    """

    model: Model
    optimizer: optax.GradientTransformation
    loss: Loss
    augment: Augmentation | tuple[Augmentation, ...]
    seed: int
    batch_size: int
    ema_decay: float
    mesh: Mesh
    trainable: str = ".*"
    prior: tuple[float, ...] = ()
    max_skips: int = 10
    teacher: Model | None = None

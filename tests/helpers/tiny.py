"""A task and examples so small that a test can train on them."""

import functools

import jax
import numpy as np

from jaxletters.config.augmentation import AugmentConfig
from jaxletters.config.models import DeeperConfig
from jaxletters.config.slots import ModelConfig
from jaxletters.config.training import LossConfig, OptimizerConfig
from jaxletters.core.types import Model, Variables
from jaxletters.models import networks
from jaxletters.runtime import sharding, xla
from jaxletters.training import optimizers, train_step
from jaxletters.training.device_examples import Examples
from jaxletters.training.task import Task

NETWORKS = {
    cls for cls in ModelConfig.__subclasses__() if cls.__module__ == "jaxletters.config.models"
}
"""The classes of all networks of the package."""

SHAPE = (8, 8)
CLASSES = 5

# BatchNorm, dropout, augmentation, moving average: everything that could break exactness.
DEEPER = DeeperConfig(widths=(2,), kernel_sizes=(3,), depths=(1,), dropout=0.3)
ADAM = OptimizerConfig()
PLAIN_LOSS = LossConfig()
AUGMENT = AugmentConfig(rotation=10, shear=0.1, scale=0.1, shift=1)


def task(
    model: ModelConfig = DEEPER,
    optimizer: OptimizerConfig = ADAM,
    loss: LossConfig = PLAIN_LOSS,
    augment: AugmentConfig = AUGMENT,
    batch_size: int = 8,
    ema_decay: float = 0.9,
    seed: int = 3,
) -> Task:
    return Task(
        model=networks.build(model, CLASSES, SHAPE),
        optimizer=optimizers.build(optimizer, total_steps=100),
        loss=loss,
        augment=augment,
        seed=seed,
        batch_size=batch_size,
        ema_decay=ema_decay,
        mesh=sharding.data_mesh(),
    )


def arrays(n: int = 21, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Random images, each with a bright row that tells its label."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, n).astype(np.int32)
    images = rng.integers(0, 100, (n, *SHAPE)).astype(np.uint8)
    images[np.arange(n), labels] = 255
    return images, labels


def examples(n: int = 21) -> Examples:
    return Examples.on_devices(*arrays(n), sharding.data_mesh())


def variables(model: Model, seed: int = 0) -> Variables:
    """Random parameters and statistics without compiling an initialisation."""
    rng = np.random.default_rng(seed)

    def draw(leaf: jax.ShapeDtypeStruct) -> np.ndarray:
        if len(leaf.shape) == 1:
            return rng.uniform(0.1, 0.5, leaf.shape).astype(np.float32)
        scale = np.sqrt(2 / np.prod(leaf.shape[:-1]))
        return (scale * rng.standard_normal(leaf.shape)).astype(np.float32)

    return jax.tree.map(draw, jax.eval_shape(model.init, jax.random.key(0)))


# What takes time in tests is compiling, not running.
quick_jit = functools.partial(jax.jit, compiler_options=xla.one_time_options())


batch_at = functools.partial(quick_jit, static_argnums=0)(train_step.batch_at)
update = functools.partial(quick_jit, static_argnums=0)(train_step.update)


@functools.partial(quick_jit, static_argnums=(0, 3))
def apply(model: Model, variables: Variables, images: np.ndarray, train: bool, seed: int = 0):
    return model.apply(variables, images, train=train, key=jax.random.key(seed))


def on_host(tree):
    """A copy that nothing done to the devices' memory can change."""
    return jax.tree.map(np.array, tree)


def assert_same_bits(a, b) -> None:
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for (path, x), y in zip(
        jax.tree_util.tree_leaves_with_path(a), jax.tree.leaves(b), strict=True
    ):
        np.testing.assert_array_equal(x, y, err_msg=jax.tree_util.keystr(path), strict=True)

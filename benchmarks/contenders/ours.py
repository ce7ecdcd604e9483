"""This project: the programs that `python launch.py` runs, without the records it keeps.

python benchmarks/contenders/ours.py notebook 128
"""

import argparse

import jax
import networks
import protocol

from jaxletters.config.augmentation import AugmentConfig
from jaxletters.config.training import LossConfig, OptimizerConfig
from jaxletters.evaluation import inference, metrics
from jaxletters.models import networks as models
from jaxletters.runtime import sharding, xla
from jaxletters.training import optimizers, train_step
from jaxletters.training.device_examples import Examples
from jaxletters.training.task import Task


class Jaxletters:
    """A network in training, its images on the device."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Builds and initialises the network that the command line names."""
        _, config = networks.NETWORKS[options.network]
        mesh = sharding.data_mesh()
        images, labels = networks.examples(options.batch)
        self._task = Task(
            model=models.build(config, networks.CLASSES, (networks.EDGE, networks.EDGE)),
            optimizer=optimizers.build(
                OptimizerConfig(name="adam", learning_rate=networks.LEARNING_RATE), total_steps=1
            ),
            loss=LossConfig(),
            augment=AugmentConfig(),
            seed=0,
            batch_size=options.batch,
            ema_decay=0.0,
            mesh=mesh,
        )
        self._examples = Examples.on_devices(images, labels, mesh)
        self._state = train_step.init_state(self._task)
        self._counts = sharding.replicate(metrics.zero(), mesh)
        self._steps = 0
        self._batch = sharding.shard(images[: options.batch], mesh)
        self.parameters = sum(leaf.size for leaf in jax.tree.leaves(self._state.variables.params))

    def train(self, steps_more: int) -> None:
        """Trains for a number of steps and waits for them."""
        self._steps += steps_more
        self._state, self._counts = train_step.run_until(
            self._task, self._state, self._counts, self._examples, self._steps
        )
        jax.block_until_ready(self._state)

    def evaluate(self, calls: int) -> None:
        """Computes the logits of a batch, a number of times, one after the other."""
        variables = train_step.eval_variables(self._state)
        for _ in range(calls):
            jax.block_until_ready(
                inference.compiled_forward()(self._task.model, variables, self._batch)
            )


def main() -> None:
    """Answers the benchmark."""
    options = protocol.parser().parse_args()
    xla.configure()
    protocol.serve(options, Jaxletters(options))


if __name__ == "__main__":
    main()

"""Flax Linen and Optax as their guides use them: `lax` convolutions, JAX's default compilation.

python benchmarks/contenders/plain_flax.py notebook 128
"""

import argparse
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import networks
import numpy as np
import optax
import protocol
from flax import linen as nn

OPTIMIZER = optax.adam(networks.LEARNING_RATE)


class Network(nn.Module):
    """The layers of one network; `train` turns dropout and BatchNorm's batch statistics on."""

    layers: tuple[networks.Layer, ...]
    train: bool

    @nn.compact
    def __call__(self, images: jax.Array) -> jax.Array:
        """Maps uint8 images `[b, h, w]` to float32 logits."""
        x = images[..., None].astype(jnp.float32) / 255
        for layer in self.layers:
            match layer:
                case networks.Conv(width, edge, same, bias, stride):
                    padding = "SAME" if same else "VALID"
                    x = nn.Conv(width, (edge, edge), stride, padding, use_bias=bias)(x)
                case networks.BatchNorm():
                    x = nn.BatchNorm(use_running_average=not self.train)(x)
                case networks.Relu():
                    x = nn.relu(x)
                case networks.MaxPool():
                    x = nn.max_pool(x, (2, 2), (2, 2))
                case networks.Flatten():
                    x = x.reshape(len(x), -1)
                case networks.Dropout(rate):
                    x = nn.Dropout(rate, deterministic=not self.train)(x)
                case networks.Dense(width):
                    x = nn.Dense(width)(x)
        return x


class State(NamedTuple):
    """All that a training step reads and writes."""

    step: jax.Array
    variables: dict[str, Any]
    opt_state: optax.OptState


@functools.partial(jax.jit, static_argnums=0)
def create(network: Network, images: jax.Array) -> State:
    """Returns the state before the first step."""
    variables = network.init(jax.random.key(0), images)
    return State(jnp.int32(0), variables, OPTIMIZER.init(variables["params"]))


@functools.partial(jax.jit, static_argnums=0, donate_argnums=1)
def train_step(network: Network, state: State, images: jax.Array, labels: jax.Array) -> State:
    """Returns the state after one step of Adam."""
    others = {name: tree for name, tree in state.variables.items() if name != "params"}
    dropout = jax.random.fold_in(jax.random.key(1), state.step)

    def objective(params: Any) -> tuple[jax.Array, dict[str, Any]]:
        logits, updated = network.apply(
            {"params": params, **others},
            images,
            rngs={"dropout": dropout},
            mutable=["batch_stats"],
        )
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
        return losses.mean(), updated

    params = state.variables["params"]
    gradient, updated = jax.grad(objective, has_aux=True)(params)
    updates, opt_state = OPTIMIZER.update(gradient, state.opt_state, params)
    params = optax.apply_updates(params, updates)
    return State(state.step + 1, {"params": params, **updated}, opt_state)


@functools.partial(jax.jit, static_argnums=0)
def logits_of(network: Network, variables: dict[str, Any], images: jax.Array) -> jax.Array:
    """Returns the logits of a batch."""
    return network.apply(variables, images)


class PlainFlax:
    """A network in training, its batches on the device."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Builds and initialises the network that the command line names."""
        layers = networks.layers(options.network)
        self._training, self._evaluation = Network(layers, True), Network(layers, False)
        images, labels = networks.examples(options.batch)
        parts = (np.split(images, networks.BATCHES), np.split(labels, networks.BATCHES))
        self._batches = [jax.device_put(batch) for batch in zip(*parts, strict=True)]
        self._state = create(self._evaluation, self._batches[0][0])
        self.parameters = sum(
            leaf.size for leaf in jax.tree.leaves(self._state.variables["params"])
        )

    def train(self, steps: int) -> None:
        """Trains for a number of steps and waits for them."""
        for i in range(steps):
            batch = self._batches[i % networks.BATCHES]
            self._state = train_step(self._training, self._state, *batch)
        jax.block_until_ready(self._state)

    def evaluate(self, calls: int) -> None:
        """Computes the logits of a batch, a number of times, one after the other."""
        images, _ = self._batches[0]
        for _ in range(calls):
            jax.block_until_ready(logits_of(self._evaluation, self._state.variables, images))


def main() -> None:
    """Answers the benchmark."""
    options = protocol.parser().parse_args()
    protocol.serve(options, PlainFlax(options))


if __name__ == "__main__":
    main()

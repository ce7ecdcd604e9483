"""Parts as a user writes them, in a file of their own."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxletters.config.slots import Augmentation, Loss, Metric, Observer, Optimizer, Schedule


@dataclasses.dataclass(frozen=True)
class Darker(Augmentation):
    share: float = 0.5

    def apply(self, key, image):
        return image * (1 - self.share * jax.random.uniform(key))


@dataclasses.dataclass(frozen=True)
class Cropped(Augmentation):
    def apply(self, key, image):
        return image[1:]


@dataclasses.dataclass(frozen=True)
class Relabelled(Augmentation):
    def apply_batch(self, key, images, labels):
        return images, labels / 2


@dataclasses.dataclass(frozen=True)
class Constant(Schedule):
    def build(self, peak, total_steps):
        return lambda step: jnp.float32(peak)


@dataclasses.dataclass(frozen=True)
class Descent(Optimizer):
    learning_rate: float = 0.1
    schedule: Schedule = Constant()

    def build(self, total_steps):
        return optax.sgd(self.rate(total_steps))


@dataclasses.dataclass(frozen=True)
class Rate(Optimizer):
    def build(self, total_steps):
        return optax.sgd(0.1)


@dataclasses.dataclass(frozen=True)
class NoTransformation(Descent):
    def build(self, total_steps):
        return 0.1


@dataclasses.dataclass(frozen=True)
class Brier(Loss):
    def per_example(self, logits, labels):
        return jnp.square(jax.nn.softmax(logits) - jax.nn.one_hot(labels, logits.shape[-1])).sum(-1)


@dataclasses.dataclass(frozen=True)
class Mean(Loss):
    def per_example(self, logits, labels):
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


@dataclasses.dataclass(frozen=True)
class TopTwo(Metric):
    def value(self, labels, logits):
        return np.mean(
            [label in row for label, row in zip(labels, np.argsort(logits)[:, -2:], strict=True)]
        )


@dataclasses.dataclass(frozen=True)
class Words(Metric):
    def value(self, labels, logits):
        return "many"


@dataclasses.dataclass(frozen=True)
class Silent(Observer):
    def record(self, folder, record):
        raise ValueError(record["step"])

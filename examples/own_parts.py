"""Your own parts: augmentation, loss, optimizer, schedule, metric and observer.

    python launch.py --config examples/own_parts.py
    python launch.py --config examples/own_parts.py --config.augment.1.radius=1.2

The package is not edited. The letters are generated, so nothing is downloaded.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxletters as jl


@dataclasses.dataclass(frozen=True)
class Blur(jl.Augmentation):
    """Gaussian blur, like that of a camera out of focus.

    Attributes:
        radius: largest standard deviation, in pixels.
    """

    radius: float = jl.setting(0.7, low=0.01, high=5)

    def apply(self, key: jax.Array, image: jax.Array) -> jax.Array:
        """Returns the blurred image."""
        deviation = jax.random.uniform(key, minval=0.01, maxval=self.radius)
        rows, columns = (self._weights(size, deviation) for size in image.shape)
        return rows @ image @ columns.T

    def _weights(self, size: int, deviation: jax.Array) -> jax.Array:
        places = jnp.arange(size)
        weights = jnp.exp(-(((places[:, None] - places) / deviation) ** 2) / 2)
        return weights / weights.sum(1, keepdims=True)


@dataclasses.dataclass(frozen=True)
class InverseSquareRoot(jl.Schedule):
    """A linear rise, then a fall with the square root of the step.

    Attributes:
        warmup: share of the run during which the rate rises.
    """

    warmup: float = jl.setting(0.1, low=0.001, high=1)

    def build(self, peak: float, total_steps: int) -> optax.Schedule:
        """Returns the rate as a function of the step."""
        rising = max(1.0, self.warmup * total_steps)
        return lambda step: peak * jnp.minimum((step + 1) / rising, jnp.sqrt(rising / (step + 1)))


@dataclasses.dataclass(frozen=True)
class Lion(jl.Optimizer):
    """Signs of averaged gradients (Chen et al., Symbolic Discovery of Optimization Algorithms, 2023)."""

    learning_rate: float = jl.setting(3e-4, low=1e-12)
    weight_decay: float = jl.setting(0.0, low=0)
    schedule: jl.Schedule = InverseSquareRoot()

    def build(self, total_steps: int) -> optax.GradientTransformation:
        """Returns the transformation."""
        return optax.lion(self.rate(total_steps), weight_decay=self.weight_decay)


@dataclasses.dataclass(frozen=True)
class Focal(jl.Loss):
    """Cross-entropy with less weight for well classified examples (Lin et al., Focal Loss, 2017).

    Attributes:
        gamma: strength of the weighting; 0 is cross-entropy.
    """

    gamma: float = jl.setting(1.0, low=0)

    def per_example(self, logits: jax.Array, labels: jax.Array) -> jax.Array:
        """Returns each example's loss."""
        cross_entropy = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
        return (1 - jnp.exp(-cross_entropy)) ** self.gamma * cross_entropy


@dataclasses.dataclass(frozen=True)
class MacroF1(jl.Metric):
    """The mean over classes of the harmonic mean of precision and recall."""

    def value(self, labels: np.ndarray, logits: np.ndarray) -> float:
        """Returns the mean over all classes among the labels and predictions."""
        predicted = logits.argmax(1)
        classes = np.union1d(labels, predicted)
        correct = np.array([np.sum((labels == c) & (predicted == c)) for c in classes])
        total = np.array([np.sum(labels == c) + np.sum(predicted == c) for c in classes])
        return float(np.mean(2 * correct / total))


@dataclasses.dataclass(frozen=True)
class Diary(jl.Observer):
    """Writes a line for each validation and one for the test into a file in the run folder."""

    def record(self, folder: Path, record: Mapping[str, Any]) -> None:
        """Writes a line for each validation."""
        if record["split"] == "validation":
            self._write(folder, f"step {record['step']}: macro F1 {record['macro_f1']:.4f}")

    def finished(self, folder: Path, result: Mapping[str, Any]) -> None:
        """Writes a line for the test."""
        self._write(folder, f"test: macro F1 {result['metrics']['macro_f1']:.4f}")

    def _write(self, folder: Path, line: str) -> None:
        with (folder / "diary.txt").open("a") as file:
            print(line, file=file)


def get_config() -> jl.Config:
    """Returns a short run."""
    return jl.Config(
        dataset=jl.SketchLetters(size=5_200),
        split=jl.Split(validation_per_class=20),
        model=jl.SimpleConvNetConfig(widths=(16, 32)),
        augment=(jl.AugmentConfig(rotation=10, shift=1), Blur(0.7)),
        loss=Focal(1.0),
        optimizer=Lion(1e-3, weight_decay=0.1, schedule=InverseSquareRoot(0.2)),
        metrics=(MacroF1(),),
        observers=(Diary(),),
        training=jl.TrainingConfig(batch_size=64, epochs=4, monitor="macro_f1"),
    )

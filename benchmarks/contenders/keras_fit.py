"""Keras 3 with `fit` and `predict` on arrays in memory.

KERAS_BACKEND=tensorflow python benchmarks/contenders/keras_fit.py notebook 128
"""

import argparse
import time
from typing import Any

import keras
import networks
import numpy as np
import protocol


def layer_of(layer: networks.Layer) -> keras.Layer:
    """Returns Keras' layer for one of a network's."""
    match layer:
        case networks.Conv(width, edge, same, bias, stride):
            padding = "same" if same else "valid"
            return keras.layers.Conv2D(width, edge, stride, padding, use_bias=bias)
        case networks.BatchNorm():
            return keras.layers.BatchNormalization()
        case networks.Relu():
            return keras.layers.ReLU()
        case networks.MaxPool():
            return keras.layers.MaxPooling2D(2)
        case networks.Flatten():
            return keras.layers.Flatten()
        case networks.Dropout(rate):
            return keras.layers.Dropout(rate)
        case networks.Dense(width):
            return keras.layers.Dense(width)


class FromSecondStep(keras.callbacks.Callback):
    """Notes when the first step of a call is done: what a call costs before that is no step's."""

    began: float

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Starts the clock after a training step."""
        self._start(batch, logs)

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        """Starts the clock after a batch of predictions."""
        self._start(batch, logs)

    def _start(self, batch: int, logs: Any) -> None:
        if batch == 0:
            # JAX answers before it is done; a value on the host is there only afterwards.
            for value in logs.values():
                np.asarray(value)
            self.began = time.perf_counter()


class Keras:
    """A network in training, its images in memory as float32 in [0, 1]."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Builds and compiles the network that the command line names."""
        images, labels = networks.examples(options.batch)
        self._images, self._labels = images[..., None].astype(np.float32) / 255, labels
        self._batch = options.batch
        self._network = keras.Sequential(
            [
                keras.Input((networks.EDGE, networks.EDGE, 1)),
                *map(layer_of, networks.layers(options.network)),
            ]
        )
        self._network.compile(
            keras.optimizers.Adam(networks.LEARNING_RATE),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        self.parameters = sum(int(np.prod(w.shape)) for w in self._network.trainable_weights)

    def fit(self, steps: int, *callbacks: keras.callbacks.Callback) -> None:
        """Trains for a number of steps in one epoch."""
        chosen = self._chosen(steps)
        self._network.fit(
            self._images[chosen],
            self._labels[chosen],
            batch_size=self._batch,
            shuffle=False,
            verbose=0,
            callbacks=list(callbacks),
        )

    def train(self, steps: int) -> float:
        """Returns the seconds of a number of steps of `fit`."""
        clock = FromSecondStep()
        self.fit(steps + 1, clock)
        return time.perf_counter() - clock.began

    def evaluate(self, steps: int) -> float:
        """Returns the seconds of a number of batches of `predict`, which is faster than `evaluate`."""
        clock = FromSecondStep()
        images = self._images[self._chosen(steps + 1)]
        self._network.predict(images, batch_size=self._batch, verbose=0, callbacks=[clock])
        return time.perf_counter() - clock.began

    def _chosen(self, steps: int) -> np.ndarray:
        return np.arange(steps * self._batch) % len(self._images)


def main() -> None:
    """Answers the benchmark."""
    options = protocol.parser().parse_args()
    contender = Keras(options)
    contender.fit(1)
    protocol.started(contender.parameters)
    protocol.measure(options.batch, train=contender.train, evaluate=contender.evaluate)


if __name__ == "__main__":
    main()

"""PyTorch, eager, with fused Adam, in either memory format.

python benchmarks/contenders/pytorch.py notebook 128 --channels-last
"""

import argparse
from collections.abc import Iterator

import networks
import protocol
import torch
from torch import nn
from torch.nn import functional


def modules(layers: tuple[networks.Layer, ...]) -> Iterator[nn.Module]:
    """Yields PyTorch's modules for the layers of a network."""
    channels, edge = 1, networks.EDGE
    for layer in layers:
        match layer:
            case networks.Conv():
                padding = _padding(layer, edge) if layer.same else (0, 0)
                even = padding[0] == padding[1]
                if not even:
                    yield nn.ZeroPad2d((*padding, *padding))
                yield nn.Conv2d(
                    channels,
                    layer.width,
                    layer.edge,
                    layer.stride,
                    padding[0] if even else 0,
                    bias=layer.bias,
                )
                channels = layer.width
                edge = (edge + sum(padding) - layer.edge) // layer.stride + 1
            case networks.BatchNorm():
                yield nn.BatchNorm2d(channels)
            case networks.Relu():
                yield nn.ReLU(inplace=True)
            case networks.MaxPool():
                yield nn.MaxPool2d(2)
                edge //= 2
            case networks.Flatten():
                yield nn.Flatten()
                channels *= edge**2
            case networks.Dropout(rate):
                yield nn.Dropout(rate)
            case networks.Dense(width):
                yield nn.Linear(channels, width)


def _padding(layer: networks.Conv, edge: int) -> tuple[int, int]:
    """The pixels that XLA's SAME adds before and after an axis of `edge` pixels."""
    outputs = -(-edge // layer.stride)
    total = max((outputs - 1) * layer.stride + layer.edge - edge, 0)
    return total // 2, total - total // 2


class PyTorch:
    """A network in training, its images in memory as uint8."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Builds the network that the command line names."""
        format_ = torch.channels_last if options.channels_last else torch.contiguous_format
        images, labels = map(torch.from_numpy, networks.examples(options.batch))
        # As they lie, in both formats: images of one channel with the strides of channels-last make the
        # first layer slower, and Chollet's convnet by a third.
        images = images[:, None]
        self._batches = list(
            zip(images.split(options.batch), labels.long().split(options.batch), strict=True)
        )
        self._network = nn.Sequential(*modules(networks.layers(options.network)))
        self._network.to(memory_format=format_)
        self._optimizer = torch.optim.Adam(
            self._network.parameters(), lr=networks.LEARNING_RATE, fused=True
        )
        self.parameters = sum(p.numel() for p in self._network.parameters())

    def train(self, steps: int) -> None:
        """Trains for a number of steps."""
        self._network.train()
        for i in range(steps):
            images, labels = self._batches[i % networks.BATCHES]
            self._optimizer.zero_grad(set_to_none=True)
            functional.cross_entropy(self._network(images.float() / 255), labels).backward()
            self._optimizer.step()

    def evaluate(self, calls: int) -> None:
        """Computes the logits of a batch, a number of times."""
        self._network.eval()
        images, _ = self._batches[0]
        with torch.inference_mode():
            for _ in range(calls):
                self._network(images.float() / 255)


def main() -> None:
    """Answers the benchmark."""
    parser = protocol.parser()
    parser.add_argument("--channels-last", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(protocol.CORES)
    protocol.serve(options, PyTorch(options))


if __name__ == "__main__":
    main()

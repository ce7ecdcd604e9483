import jax
import pytest

from jaxletters.config.models import ConvNetConfig, DeeperConfig, MLPConfig, SimpleConvNetConfig
from jaxletters.models import networks, summary
from jaxletters.models.summary import LayerRow


@pytest.mark.slow
@pytest.mark.parametrize(
    "config",
    [
        MLPConfig(),
        MLPConfig(hidden=()),
        SimpleConvNetConfig(),
        ConvNetConfig(),
        DeeperConfig(),
        DeeperConfig(widths=(3,) * 3, depths=(10, 1, 2), hidden=(4, 5), dropout=0.5),
        DeeperConfig(batch_norm=False, pooling="stride"),
    ],
    ids=lambda config: type(config).__name__,
)
def test_the_parameters_add_up_to_the_network_s(config):
    rows = summary.layers(config, 27, (28, 28))
    shapes = jax.eval_shape(networks.build(config, 27, (28, 28)).init, jax.random.key(0))
    assert sum(row.parameters for row in rows) == sum(
        leaf.size for leaf in jax.tree.leaves(shapes.params)
    )


def test_multiply_adds_by_hand():
    assert summary.layers(ConvNetConfig(widths=(4, 6)), 10, (28, 28)) == [
        # Each of 26 x 26 positions and 4 channels is a sum over 3 x 3 pixels.
        LayerRow("conv1", "Conv 3x3, pooled", (13, 13, 4), 9 * 4 + 4, 26 * 26 * 4 * 9),
        LayerRow("conv2", "Conv 3x3", (11, 11, 6), 9 * 4 * 6 + 6, 11 * 11 * 6 * 9 * 4),
        LayerRow("logits", "Dense", (10,), 11 * 11 * 6 * 10 + 10, 11 * 11 * 6 * 10),
    ]


def test_layers_come_in_the_order_of_computation():
    config = DeeperConfig(widths=(2, 3), kernel_sizes=(3, 5), depths=(2, 10), hidden=(4,))
    rows = summary.layers(config, 5, (8, 8))
    convs = ["stage1_conv1", "stage1_conv2", *(f"stage2_conv{i}" for i in range(1, 11))]
    expected = [name for c in convs for name in (c, c.replace("conv", "norm"))]
    assert [row.name for row in rows] == [*expected, "hidden1", "logits"]
    assert rows[0].kind == "Conv 3x3"
    assert rows[1] == LayerRow("stage1_norm1", "BatchNorm", (8, 8, 2), 4, 0)
    assert rows[4].output_shape == (4, 4, 3)


def test_a_strided_convolution_computes_only_what_it_keeps():
    config = DeeperConfig(widths=(2,), kernel_sizes=(3,), depths=(1,), pooling="stride")
    row = summary.layers(config, 5, (8, 8))[0]
    assert (row.output_shape, row.macs) == ((4, 4, 2), 4 * 4 * 2 * 9)

"""ONNX models, read by ONNX Runtime, which knows nothing of JAX."""

import collections
import json

import jax.numpy as jnp
import numpy as np
import onnx
import onnxruntime
import pytest
import tiny
from jax import lax

from jaxletters.config.models import (
    ACTIVATIONS,
    NORM_POSITIONS,
    PADDINGS,
    POOLINGS,
    ConvNetConfig,
    DeeperConfig,
    LetterNetConfig,
    MLPConfig,
    SimpleConvNetConfig,
)
from jaxletters.export import stablehlo
from jaxletters.export.onnx import translation
from jaxletters.export.onnx.primitives import UntranslatableError
from jaxletters.models import networks

# Odd, so that poolings drop something; higher than wide, so that axes cannot be mistaken.
SHAPE, NAMES = (23, 22), ("A", "B", "Ä", "D", "E")


def deeper(**changes):
    return DeeperConfig(widths=(3, 4), kernel_sizes=(3, 4), depths=(1, 2), **changes)


NETWORKS = [
    MLPConfig(hidden=(8,)),
    SimpleConvNetConfig(widths=(4, 5)),
    ConvNetConfig(widths=(4, 5, 6)),
    LetterNetConfig(widths=(4, 6, 8)),
    LetterNetConfig(widths=(4, 6), crop=0, blocks=2),
    *(deeper(activation=activation) for activation in ACTIVATIONS),
    *(
        deeper(pooling=pooling, norm_position=position, padding=padding)
        for pooling in POOLINGS
        for position, padding in zip(NORM_POSITIONS, PADDINGS, strict=True)
    ),
    deeper(norm_position="after_pooling"),
    deeper(padding="valid"),
    deeper(batch_norm=False, hidden=(7,)),
]


def described(config):
    """A name that tells a network's settings, as far as they are not the usual ones."""
    usual = type(config)()
    own = [str(value) for name, value in vars(config).items() if value != getattr(usual, name)]
    return " ".join((type(config).__name__, *own))


def run(model, images):
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return [session.run(["logits"], {"images": part})[0] for part in images]


def pixels(count, seed):
    return np.random.default_rng(seed).integers(0, 256, (count, *SHAPE), np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize("config", NETWORKS, ids=described)
def test_onnx_runtime_computes_what_the_network_does_for_any_number_of_images(config):
    model = networks.build(config, len(NAMES), SHAPE)
    read = stablehlo.logits_fn(model, tiny.variables(model))
    batches = [pixels(5, 0), pixels(1, 1)]
    found = run(translation.translate(read, SHAPE, NAMES), batches)
    for images, logits in zip(batches, found, strict=True):
        expected = np.asarray(tiny.quick_jit(read)(images))
        assert logits.dtype == np.float32
        np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_every_kind_of_network_is_translated():
    assert {type(config) for config in NETWORKS} == tiny.NETWORKS


def parts(model):
    return collections.Counter(node.op_type for node in onnx.load_from_string(model).graph.node)


@pytest.mark.slow
@pytest.mark.parametrize("config", [NETWORKS[3], deeper(activation="gelu")], ids=described)
def test_images_are_turned_to_channels_first_once_and_back_once(config):
    model = networks.build(config, len(NAMES), SHAPE)
    found = parts(
        translation.translate(stablehlo.logits_fn(model, tiny.variables(model)), SHAPE, NAMES)
    )
    assert found["Conv"] >= 3
    assert found["Transpose"] == 2


@pytest.mark.slow
def test_what_does_not_depend_on_the_images_is_computed_already():
    weights = np.ones((22, 5), np.float32)

    def read(images):
        return jnp.sum(images.astype(jnp.float32), 1) @ (jnp.sqrt(4 * jnp.asarray(weights)) - 1)

    model = translation.translate(read, SHAPE, NAMES)
    assert set(parts(model)) == {"Cast", "ReduceSum", "MatMul", "Identity"}
    images = pixels(3, 0)
    np.testing.assert_allclose(run(model, [images])[0], read(images), rtol=1e-6)


def test_a_model_tells_its_classes_and_that_the_batch_may_have_any_size():
    model = networks.build(MLPConfig(hidden=()), len(NAMES), SHAPE)
    read = stablehlo.logits_fn(model, tiny.variables(model))
    model = translation.translate(read, SHAPE, NAMES, non_letter=1, unused=(0, 3))
    found = onnx.load_from_string(model)
    assert {entry.key: json.loads(entry.value) for entry in found.metadata_props} == {
        "class_names": list(NAMES),
        "non_letter": 1,
        "unused": [0, 3],
    }
    (images,), (logits,) = found.graph.input, found.graph.output
    ends = [
        [size.dim_param or size.dim_value for size in end.type.tensor_type.shape.dim]
        for end in (images, logits)
    ]
    assert ends == [["batch", *SHAPE], ["batch", len(NAMES)]]


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        (lambda x: jnp.sort(x), "'sort'"),
        (lambda x: lax.slice_in_dim(x, 0, 20, 2, axis=1), "a slice with steps"),
        (lambda x: jnp.broadcast_to(x[:, None], (x.shape[0], 2, *SHAPE)).sum(1), "a repetition"),
        (lambda x: jnp.einsum("bij,bik->bjk", x, x), "a product over"),
    ],
)
def test_what_has_no_translation_is_named(operation, name):
    with pytest.raises(UntranslatableError, match=f"no translation of {name}"):
        translation.translate(lambda images: operation(images / 255.0), SHAPE, NAMES)

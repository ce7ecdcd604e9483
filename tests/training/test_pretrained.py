"""Beginning with other weights, and training only some: nothing is taken, skipped or moved silently."""

import jax
import numpy as np
import pytest
import tiny

from jaxletters.config.models import DeeperConfig
from jaxletters.config.training import LossConfig, OptimizerConfig
from jaxletters.core.errors import UserError
from jaxletters.core.types import Batch
from jaxletters.models import networks
from jaxletters.models.params import path_name, trainable_mask
from jaxletters.training import optimizers, pretrained, train_step

NETWORK = DeeperConfig(widths=(2, 3), kernel_sizes=(3, 3), depths=(1, 1), hidden=(4,))
SMALLER_HEAD = DeeperConfig(widths=(2, 3), kernel_sizes=(3, 3), depths=(1, 1))


def variables(network, seed):
    return tiny.variables(networks.build(network, tiny.CLASSES, tiny.SHAPE), seed)


def test_what_matches_is_taken_and_everything_is_accounted_for():
    fresh, base = variables(NETWORK, 0), variables(SMALLER_HEAD, 1)
    found, report = pretrained.transfer(fresh, base, "stage")
    for stage in (1, 2):
        for name in (f"stage{stage}_conv1", f"stage{stage}_norm1"):
            tiny.assert_same_bits(found.params[name], base.params[name])
        norm = f"stage{stage}_norm1"
        tiny.assert_same_bits(found.batch_stats[norm], base.batch_stats[norm])
    for name in ("hidden1", "logits"):
        tiny.assert_same_bits(found.params[name], fresh.params[name])
    paths = {path_name(p) for p, _ in jax.tree_util.tree_leaves_with_path(fresh.params)}
    assert {*report.taken, *report.new} >= paths
    assert set(report.new) == {p for p in paths if not p.startswith("stage")}
    assert report.left == ["logits/bias", "logits/kernel"]
    assert pretrained.report_lines(report)[2] == "left: logits"


def test_a_shape_that_does_not_fit_is_named_with_the_other():
    with pytest.raises(
        UserError, match=r"logits/kernel is \[12, 5\] in the base and \[4, 5\] here"
    ):
        pretrained.transfer(
            variables(NETWORK, 0), variables(SMALLER_HEAD, 1), "stage|logits/kernel"
        )


def test_a_pattern_that_matches_nothing_is_refused():
    with pytest.raises(UserError, match=r"config\.base\.take: 'block' matches none .*stage1_conv1"):
        pretrained.transfer(variables(NETWORK, 0), variables(NETWORK, 1), "block")
    with pytest.raises(UserError, match=r"stages\.0: 'conv1' matches none .*stage1_conv1"):
        trainable_mask(variables(NETWORK, 0).params, "conv1", "stages.0")


@pytest.mark.slow
@pytest.mark.parametrize(
    "optimizer",
    [OptimizerConfig("adamw", weight_decay=0.1), OptimizerConfig("nesterov", clip_norm=0.1)],
)
def test_frozen_layers_stay_and_the_others_learn_as_if_alone(optimizer):
    pattern = "stage2|logits"
    loss = LossConfig(l2=0.1, l1=0.1)
    task = tiny.task(SMALLER_HEAD, loss=loss, augment=tiny.AUGMENT)._replace(
        model=networks.build(SMALLER_HEAD, tiny.CLASSES, tiny.SHAPE, pattern),
        optimizer=optimizers.build(optimizer, 100, pattern),
        trainable=pattern,
    )
    start = variables(SMALLER_HEAD, 0)
    state = train_step.init_state(task, start)
    tiny.assert_same_bits(tiny.on_host(state.variables), tiny.on_host(start))
    images, labels = tiny.arrays(8)
    batch = Batch(images.astype(np.float32) / 255, labels)
    for _ in range(3):
        state, _ = tiny.update(task, state, batch)
    after = tiny.on_host(state.variables)
    for name, value in start.params.items():
        same = [np.array_equal(value[k], after.params[name][k]) for k in value]
        assert same == [not name.startswith(("stage2", "logits"))] * len(value), name
    tiny.assert_same_bits(after.batch_stats["stage1_norm1"], start.batch_stats["stage1_norm1"])
    moved = after.batch_stats["stage2_norm1"]["mean"]
    assert not np.array_equal(moved, start.batch_stats["stage2_norm1"]["mean"])
    # What is frozen takes no place in the optimizer's memory either.
    sizes = {leaf.size for leaf in jax.tree.leaves(state.opt_state) if leaf.ndim == 4}
    assert sizes == {start.params["stage2_conv1"]["kernel"].size}


@pytest.mark.slow
def test_a_frozen_norm_uses_its_running_statistics_in_training():
    images, _ = tiny.arrays(8)
    x = images.astype(np.float32) / 255
    start = variables(SMALLER_HEAD, 0)
    frozen = networks.build(SMALLER_HEAD, tiny.CLASSES, tiny.SHAPE, "logits")
    free = networks.build(SMALLER_HEAD, tiny.CLASSES, tiny.SHAPE)
    (trained, _), (evaluated, _) = (tiny.apply(frozen, start, x, train) for train in (True, False))
    np.testing.assert_allclose(trained, evaluated, rtol=1e-5, atol=1e-6)
    assert np.abs(tiny.apply(free, start, x, True)[0] - evaluated).max() > 0.01

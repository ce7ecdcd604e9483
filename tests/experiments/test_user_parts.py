"""Parts of users, found wrong before anything is loaded, and in the same places as the package's."""

import jax
import jax.numpy as jnp
import messages
import numpy as np
import pytest
import tiny
from parts_of_users import (
    Brier,
    Constant,
    Cropped,
    Darker,
    Descent,
    Mean,
    NoTransformation,
    Rate,
    Relabelled,
    Silent,
    TopTwo,
    Words,
)

from jaxletters.config import user_code, validation
from jaxletters.config.augmentation import AugmentConfig
from jaxletters.config.builtin_sources import SketchLetters
from jaxletters.config.fingerprints import fingerprint
from jaxletters.config.schema import Config, StageConfig
from jaxletters.config.training import OptimizerConfig, TrainingConfig
from jaxletters.core import rng
from jaxletters.core.errors import UserError
from jaxletters.core.types import Batch
from jaxletters.experiments import user_parts
from jaxletters.training import augment, observers, optimizers, train_step

LETTERS = SketchLetters(size=260)


@pytest.fixture(autouse=True)
def known():
    """Marks their classes as a user's, as loading a config file does."""
    changes, measured = (Darker(), Cropped(), Relabelled()), (TopTwo(), Words())
    for config in (
        Config(augment=changes, loss=Brier(), metrics=measured, observers=(Silent(),)),
        Config(loss=Mean(), optimizer=OptimizerConfig(schedule=Constant())),
        *(Config(optimizer=part) for part in (Descent(), Rate(), NoTransformation())),
    ):
        user_code.attach_code(config)


def check(**parts):
    user_parts.check(Config(**parts), tiny.CLASSES, tiny.SHAPE)


def test_parts_that_do_what_they_should_are_accepted():
    check(augment=(AugmentConfig(shift=1), Darker()), loss=Brier(), optimizer=Descent())
    check(metrics=(TopTwo(),))
    check(optimizer=OptimizerConfig(schedule=Constant()))


@pytest.mark.parametrize(
    ("parts", "named"),
    [
        (
            {"augment": Cropped()},
            ("config.augment: ", "float32 [8, 8]", "found float32 [7, 8]"),
        ),
        ({"augment": (Darker(), Cropped())}, ("config.augment.1: ", "found float32 [7, 8]")),
        ({"augment": Relabelled()}, ("config.augment: ", "int32 [2]", "found float32 [2]")),
        (
            {"loss": Mean()},
            ("config.loss: ", "float32 [2]", "found float32 []"),
        ),
        ({"optimizer": Rate()}, ("config.optimizer: ", "Rate")),
        (
            {"optimizer": NoTransformation()},
            ("config.optimizer: ", "Optax", "found float"),
        ),
        ({"metrics": (TopTwo(), Words())}, ("config.metrics.1: ", "number", "found str")),
        ({"stages": (StageConfig(optimizer=Rate()),)}, ("config.stages.0.optimizer: ", "Rate")),
    ],
)
def test_what_is_wrong_with_a_part_is_one_line_that_names_it(parts, named):
    with pytest.raises(UserError) as caught:
        check(**parts)
    (line,) = str(caught.value).splitlines()
    messages.assert_names(line, *named)


@pytest.mark.slow
def test_changes_follow_one_another_and_each_has_keys_of_its_own():
    images = jnp.asarray(np.random.default_rng(0).random((4, 8, 8), np.float32))
    key, first = jax.random.key(0), AugmentConfig(shift=1)

    def change(parts):
        return augment.augment(key, images, jnp.arange(4), parts)[0]

    alone = change(first)
    np.testing.assert_array_equal(change((first,)), alone)
    np.testing.assert_array_equal(change(()), images)
    both = change((first, Darker()))
    shares = [np.unique(np.round((both / alone)[i][alone[i] > 0.1], 5)) for i in range(4)]
    assert all(len(share) == 1 for share in shares)
    assert len({float(share[0]) for share in shares}) == 4
    twice = change((Darker(), Darker()))
    once = change((Darker(),))
    assert not np.allclose(twice * images, once * once)


@pytest.mark.slow
def test_a_user_s_loss_and_optimizer_train_as_optax_says():
    task = tiny.task(loss=Brier(), augment=())._replace(optimizer=optimizers.build(Descent(), 100))
    images, labels = tiny.arrays(8)
    batch = Batch(images.astype(np.float32) / 255, labels)
    variables = tiny.variables(task.model)
    state, _ = tiny.update(task, train_step.init_state(task, variables), batch)

    def objective(params):
        logits, _ = task.model.apply(
            variables._replace(params=params),
            batch.images,
            train=True,
            key=rng.key(task.seed, rng.Stream.DROPOUT, 0),
        )
        return jnp.square(jax.nn.softmax(logits) - np.eye(tiny.CLASSES)[labels]).sum(-1).mean()

    gradient = jax.jit(jax.grad(objective))(variables.params)
    expected = jax.tree.map(lambda w, g: w - 0.1 * g, variables.params, gradient)
    for found, wanted in zip(
        jax.tree.leaves(state.variables.params), jax.tree.leaves(expected), strict=True
    ):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


def test_a_metric_of_a_name_can_be_monitored_and_is_checked():
    training = TrainingConfig(monitor="top_two")
    validation.check(Config(dataset=LETTERS, metrics=(TopTwo(),), training=training), 1)
    with pytest.raises(UserError, match=r"monitor: .*'top_two'.*accuracy, loss$"):
        validation.check(Config(dataset=LETTERS, training=training), 1)
    mistyped = TrainingConfig(monitor="top_too")
    with pytest.raises(UserError, match=r"did you mean 'top_two'"):
        validation.check(Config(dataset=LETTERS, metrics=(TopTwo(),), training=mistyped), 1)
    with pytest.raises(UserError, match="top_two twice"):
        validation.check(Config(dataset=LETTERS, metrics=(TopTwo(), TopTwo())), 1)


def test_an_observer_that_fails_is_told_nothing_more(tmp_path, capsys):
    for step in (1, 2):
        observers.record((Silent(),), tmp_path, {"step": step})
    (line,) = capsys.readouterr().out.splitlines()
    assert "Silent" in line
    assert line.endswith("ValueError: 1")
    assert fingerprint(Config(observers=(Silent(),))) == fingerprint(Config())

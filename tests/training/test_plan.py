import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxletters.config.schema import Config
from jaxletters.config.training import CheckpointConfig, TrainingConfig
from jaxletters.core.errors import UserError
from jaxletters.training.plan import Plan

sizes = st.integers(1, 60).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n)))
plans = st.builds(
    lambda size, epochs, log_every, save_every: Plan(*size, epochs, log_every, save_every),
    sizes,
    st.integers(1, 6),
    st.integers(1, 40),
    st.integers(1, 40),
)


def ends_of_epochs(plan):
    """The steps after which each epoch is complete, by going through every example seen."""
    seen, ends, step = 0, [], 0
    while len(ends) < plan.epochs:
        step += 1
        for _ in range(plan.batch_size):
            seen += 1
            if seen % plan.examples == 0 and len(ends) < plan.epochs:
                ends.append(step)
    return ends


def boundaries(plan):
    step, found = 0, []
    while step < plan.total_steps:
        step = plan.next_boundary(step)
        found.append(step)
    return found


@given(plans)
def test_epochs_end_where_their_last_example_is_seen(plan):
    ends = ends_of_epochs(plan)
    assert [plan.epoch_end(e) for e in range(1, plan.epochs + 1)] == ends
    assert plan.total_steps == ends[-1]
    for step in range(1, plan.total_steps + 1):
        assert plan.ends_epoch(step) == (step in ends)
        if step < plan.total_steps:
            assert plan.epochs_done(step) == sum(end <= step for end in ends)
    assert not plan.ends_epoch(0)


@given(plans)
def test_a_run_stops_at_every_boundary_once(plan):
    found = boundaries(plan)
    assert all(a < b for a, b in itertools.pairwise([0, *found]))
    expected = set(ends_of_epochs(plan))
    for every in (plan.log_every, plan.save_every):
        expected |= set(range(every, plan.total_steps, every))
    assert set(found) == expected


@given(plans, st.data())
def test_the_next_boundary_is_the_same_from_wherever_a_run_resumes(plan, data):
    step = data.draw(st.integers(0, plan.total_steps - 1))
    assert plan.next_boundary(step) == min(b for b in boundaries(plan) if b > step)


@pytest.mark.slow
@given(plans, st.integers(1, 100))
def test_a_run_has_at_most_20_anchors_evenly_among_the_ends_of_its_epochs(plan, epochs):
    plan = plan._replace(epochs=epochs)
    ends = ends_of_epochs(plan)
    found = [step for step in range(plan.total_steps + 1) if plan.is_anchor(step)]
    assert found == ends[(every := -(-epochs // 20)) - 1 :: every]
    assert len(found) <= 20
    assert epochs > 20 or found == ends


def test_a_plan_says_what_its_config_says():
    config = Config(
        training=TrainingConfig(batch_size=128, epochs=10),
        checkpoint=CheckpointConfig(every_steps=500),
        log_every_steps=100,
    )
    plan = Plan.of(config, 104_000)
    assert plan == Plan(104_000, 128, 10, log_every=100, save_every=500)
    assert plan.total_steps == 8125


@pytest.mark.parametrize(
    ("training", "key", "limit"),
    [
        (TrainingConfig(batch_size=101), "config.training.batch_size", "at most the 100 "),
        (
            TrainingConfig(epochs=10**8, batch_size=10),
            "config.training.epochs",
            "at most 42,949,672",
        ),
    ],
)
def test_what_the_data_order_cannot_do_is_said(training, key, limit):
    with pytest.raises(UserError) as caught:
        Plan.of(Config(training=training), 100)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{key}: expected {limit}")


def test_the_longest_run_allowed_stays_within_its_data_order():
    config = Config(training=TrainingConfig(batch_size=64, epochs=(2**32 - 1 - 64) // 100))
    plan = Plan.of(config, 100)
    assert plan.total_steps * plan.batch_size < 2**32

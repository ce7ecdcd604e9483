"""EMNIST Letters with the small residual network, which also learns from three others.

    python launch.py --config configs/emnist_letternet_s_seeds.py
    python launch.py --config configs/emnist_letternet_s_distilled.py

The first command trains the teachers, the second three students. Everything but the loss, the epochs and
the seeds is from configs/emnist_letternet_s.py.
"""

import dataclasses
from pathlib import Path

import jaxletters as jl


def get_config() -> jl.SeedsConfig:
    """Returns the experiment of three students of one ensemble."""
    one = jl.load_config(Path(__file__).with_name("emnist_letternet_s.py"))
    assert isinstance(one, jl.Config)
    # Common values, chosen before the first run and not tuned: one validation run could not tell them from
    # similar ones.
    loss = jl.Distillation(
        prior=1.0,
        teacher=jl.FinishedRun("configs/emnist_letternet_s_seeds.py"),
        temperature=2.0,
        share=0.8,
    )
    # Students are usually trained longer than their teachers; this was not tuned either.
    training = dataclasses.replace(one.training, epochs=30)
    # The teachers have the seeds 0 to 2.
    student = dataclasses.replace(one, seed=3, loss=loss, training=training)
    return jl.over_seeds(student, 3)

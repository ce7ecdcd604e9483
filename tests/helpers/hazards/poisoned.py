"""launch.py with images that are not numbers at some steps: python poisoned.py FIRST COUNT HALVINGS ...

They are so until the learning rate was halved HALVINGS times.
"""

import sys

import jax.numpy as jnp

import launch
from jaxletters.training import steps

first, count, halvings = (int(word) for word in sys.argv[1:4])
sys.argv[1:4] = []
wholesome = steps.train_step


def train_step(task, state, batch):
    """The step, with a batch that is not a number where it is to be poisoned."""
    bad = (state.step >= first) & (state.step < first + count) & (state.halvings < halvings)
    return wholesome(task, state, batch._replace(images=jnp.where(bad, jnp.nan, batch.images)))


steps.train_step = train_step
sys.exit(launch.main())

"""launch.py with images that are not numbers at some steps: python poisoned.py FIRST COUNT HALVINGS ...

They are so until the learning rate was halved HALVINGS times.
"""

import sys

import jax.numpy as jnp

import launch
from jaxletters.training import train_step

first, count, halvings = (int(word) for word in sys.argv[1:4])
sys.argv[1:4] = []
wholesome = train_step.update


def update(task, state, batch):
    """The step, with a batch that is not a number where it is to be poisoned."""
    bad = (state.step >= first) & (state.step < first + count) & (state.halvings < halvings)
    return wholesome(task, state, batch._replace(images=jnp.where(bad, jnp.nan, batch.images)))


train_step.update = update
sys.exit(launch.main())

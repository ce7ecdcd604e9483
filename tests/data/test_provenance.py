from types import MappingProxyType

import pytest

from jaxletters.config import DATASETS
from jaxletters.data import provenance
from jaxletters.data.digests import SplitDigest
from jaxletters.sources import Arrays

OTHER = SplitDigest(20_800, "0" * 64, "0" * 64)
UNKNOWN = MappingProxyType({"train": OTHER, "test": OTHER})
REBUILT = provenance.REBUILT["emnist_letters"]
MNIST = provenance.PUBLISHED["mnist"]


@pytest.mark.parametrize(
    ("name", "digests", "from_published_files", "note"),
    [
        ("emnist_letters", UNKNOWN, True, ""),
        ("emnist_letters", UNKNOWN, False, "split not verified"),
        ("emnist_letters", REBUILT, False, "rebuilt split"),
        # As many examples as in the rebuilt split, but others: counts prove nothing.
        ("emnist_letters", {**REBUILT, "test": OTHER}, False, "split not verified"),
        ("emnist_letters", {"train": REBUILT["train"]}, False, "rebuilt split"),
        ("mnist", MNIST, False, ""),
        ("mnist", {**MNIST, "train": OTHER}, False, "not the published data"),
        ("mnist", UNKNOWN, True, ""),
        ("alpha_letters", provenance.PUBLISHED["alpha_letters"], False, ""),
        ("alpha_letters", {"train": OTHER}, False, "not the published data"),
        ("sketch_letters", UNKNOWN, False, "generated data"),
    ],
)
def test_what_must_be_said_is_said(name, digests, from_published_files, note):
    assert name in DATASETS
    assert provenance.note(TODO_(), digests, from_published_files) == note


def test_other_files_and_other_examples_to_test_on_are_named():
    config = Arrays("/somewhere/mine.npz")  # SPLIT Split(test_on="validation")
    expected = "from mine.npz, tested on the validation examples"
    assert provenance.note(config, MNIST, False) == expected

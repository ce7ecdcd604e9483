from types import MappingProxyType

import pytest

from jaxletters.config.slots import SplitDigest
from jaxletters.data.sources import provenance

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
    ],
)
def test_what_must_be_said_is_said(name, digests, from_published_files, note):
    assert provenance.note(name, digests, from_published_files) == note


def test_a_rebuilt_split_is_known_by_its_content_wherever_it_comes_from():
    assert provenance.by_content({"test": REBUILT["test"]}) == "rebuilt split"
    assert provenance.by_content(MNIST) == provenance.by_content(UNKNOWN) == ""

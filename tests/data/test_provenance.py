import pytest

from jaxletters import config
from jaxletters.data import provenance


@pytest.mark.parametrize(
    ("name", "train", "test", "note"),
    [
        ("emnist_letters", 124_800, 20_800, ""),
        ("emnist_letters", 116_573, 20_800, "rebuilt split"),
        ("emnist_letters", 88_800, 14_800, "rebuilt split"),
        ("mnist", 60_000, 10_000, ""),
        ("mnist", 60_000, 9_999, "rebuilt split"),
        ("sketch_letters", 10_400, 2_080, "generated data"),
        ("alpha_letters", 1_014, 0, ""),
    ],
)
def test_what_must_be_said_is_said(name, train, test, note):
    assert name in config.DATASETS
    assert provenance.note(config.DatasetConfig(name), lambda: (train, test)) == note

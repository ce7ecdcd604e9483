import pytest

from jaxletters.config import composition
from jaxletters.config.schema import Config
from jaxletters.core.errors import UserError


def test_a_grid_has_every_combination():
    found = composition.grid("both", {"seed": (0, 1), "optimizer.learning_rate": (0.1, 0.2)})
    assert [v.overrides for v in found] == [
        (f"seed={seed}", f"optimizer.learning_rate={rate}")
        for seed in (0, 1)
        for rate in (0.1, 0.2)
    ]
    assert found[1].name == "seed=0 learning_rate=0.2"


def test_a_grid_of_one_setting_is_named_by_its_values():
    found = composition.grid("dropout", {"model.dropout": (0.25, 0.5)})
    assert [v.name for v in found] == ["0.25", "0.5"]
    assert [v.overrides for v in found] == [("model.dropout=0.25",), ("model.dropout=0.5",)]


@pytest.mark.parametrize("compose", [composition.cross_validated, composition.over_seeds])
def test_only_a_single_run_is_composed(compose):
    assert composition.plain(compose(Config(), 3)) == Config()
    with pytest.raises(UserError, match="CrossvalConfig"):
        compose(composition.cross_validated(Config(), 3), 2)

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxletters.core.errors import UserError
from jaxletters.report import paired

EXAMPLES = ("digest", b"labels")


def of_run(name, correct, examples):
    return paired.Tested(name, examples, np.array(correct, bool))


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_the_test_is_mcnemars_exact_one(outcomes):
    first, second = np.array(outcomes).T
    (pair,) = paired.with_first([of_run("a", first, EXAMPLES), of_run("b", second, EXAMPLES)])
    only_first = sum(a and not b for a, b in outcomes)
    only_second = sum(b and not a for a, b in outcomes)
    assert (pair["only_first"], pair["only_second"]) == (only_first, only_second)
    # Twice the probability of so few heads or fewer among the tosses of a fair coin.
    n, k = only_first + only_second, min(only_first, only_second)
    tail = sum(math.comb(n, i) for i in range(k + 1)) / 2**n
    assert pair["p"] == pytest.approx(min(1.0, 2 * tail))


def test_only_runs_with_the_test_examples_of_the_first_are_paired():
    first, same = of_run("a", [1, 0], EXAMPLES), of_run("b", [0, 0], EXAMPLES)
    other = of_run("c", [1, 1], ("another", b"labels"))
    (pair,) = paired.with_first([first, other, same])
    assert (pair["first"], pair["second"], pair["examples"]) == ("a", "b", 2)
    assert paired.with_first([first]) == []
    # The first run has no predictions.
    assert paired.with_first([None, first, same]) == []


def flip(content):
    middle = len(content) // 3
    return content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]


@pytest.mark.parametrize(
    "damage",
    [flip, lambda content: content[:-40], lambda _: b"", lambda _: b"PK", lambda _: b"other"],
)
def test_damaged_predictions_are_named(tmp_path, damage):
    (tmp_path / "report").mkdir()
    file = tmp_path / "report" / "predictions.npz"
    labels = np.arange(50, dtype=np.int32)
    np.savez(file, labels=labels, logits=np.eye(50, dtype=np.float32))
    data = {"splits": {}, "division": "of examples"}
    assert paired.load("a", tmp_path, data).correct.all()
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(UserError, match=r"predictions\.npz"):
        paired.load("a", tmp_path, data)

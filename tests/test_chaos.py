"""A short, seeded portion of benchmarks/chaos.py, where every kind of thing is tried by the hundred."""

import random

import chaos
import pytest
import vanishing
from interruptions import Trial
from subjects import Place

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return Place(tmp_path_factory.mktemp("place"))


@pytest.mark.parametrize(("name", "count"), [("damage", 25), ("inputs", 15), ("preparation", 1)])
def test_nothing_is_lost(place, name, count):
    trials = [
        trial
        for number in range(count)
        for trial in chaos.SCENARIOS[name][0](random.Random(f"suite {name} {number}"), place)
    ]
    assert len(trials) >= count
    assert not [trial for trial in trials if trial.why]


def test_a_disk_whose_daemon_is_killed_costs_no_bit(place):
    if why := vanishing.unavailable():
        pytest.skip(why)
    (trial,) = vanishing.disk_gone(random.Random("suite disk gone 1"), place)
    assert not trial.why


def test_the_table_counts_and_shows_the_worst_case():
    trials = [
        Trial("SIGTERM while training", seconds=0.25, lost=0),
        Trial("SIGTERM while training", seconds=1.5, lost=2),
        Trial("bad npz", why="accepted"),
    ]
    assert chaos.table(trials)[2:] == [
        "| SIGTERM while training | 2 | 2 | gone after 1.50 s (99%: 1.49 s), 2 steps taken again |",
        "| bad npz | 1 | 0 |  |",
        "| **all** | 3 | 2 | |",
    ]

"""Processes end together: on request, on loss, and with the code of the first."""

import json

import pytest

from jaxletters.runtime import preemption, watch
from jaxletters.runtime.coordination import Gone
from jaxletters.runtime.watch import Watch


class Ended(BaseException):
    """The process has ended, with a code."""


class FakeStore:
    """The store of a coordination service in this process."""

    def __init__(self):
        self.values = {}
        self.gone = False

    def set(self, key, value, overwrite=False):
        assert overwrite
        if self.gone:
            raise Gone
        self.values[key] = value

    def folder(self, name):
        if self.gone:
            raise Gone
        return {key.removeprefix(f"{name}/"): value for key, value in self.values.items()}


@pytest.fixture
def clock(monkeypatch):
    """The time of the watches, which tests set."""
    now = [0.0]
    monkeypatch.setattr(watch.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(watch.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    return now


@pytest.fixture
def ends(monkeypatch):
    """What the processes print and request, and the codes with which they end."""
    found = []

    def end(code):
        found.append(code)
        raise Ended(code)

    monkeypatch.setattr(preemption, "exit_now", end)
    monkeypatch.setattr(preemption, "print_stderr", found.append)
    monkeypatch.setattr(preemption, "request", found.append)
    return found


@pytest.fixture
def team(clock, ends, monkeypatch):  # noqa: ARG001, they replace what watches use
    """Three watches that share a store and take a turn only when told to."""
    store = FakeStore()
    monkeypatch.setattr(watch.threading.Thread, "start", lambda _: None)
    watches = [Watch(store, index, 3) for index in range(3)]
    for each in watches:
        each.start()
    return store, watches


def turn(each):
    """What the thread of a watch does twice a second."""
    each._publish()
    each._act(each._statuses())


def test_nothing_ends_while_all_live(team, clock, ends):
    _, watches = team
    for _ in range(100):
        clock[0] += 1
        for each in watches:
            turn(each)
    assert ends == []


def test_a_process_that_is_silent_for_half_a_minute_ends_all(team, clock, ends):
    store, watches = team
    for _ in range(29):
        clock[0] += 1
        turn(watches[0])
        turn(watches[1])
    assert ends == []
    clock[0] += 2
    with pytest.raises(Ended):
        turn(watches[0])
    line, code = ends
    assert "Process 3 of 3" in line
    assert code == preemption.EXIT_CODE
    with pytest.raises(Ended):
        turn(watches[1])
    assert ends[2:] == [line, preemption.EXIT_CODE]
    assert json.loads(store.values["status/1"])["left"]


def test_a_process_that_loses_the_first_ends(team, clock, ends):
    _, watches = team
    for _ in range(29):
        clock[0] += 1
        turn(watches[1])
    assert ends == []
    clock[0] += 2
    with pytest.raises(Ended):
        turn(watches[1])
    assert "Process 1 of 3" in ends[0]
    assert ends[1] == preemption.EXIT_CODE


def test_a_process_whose_store_is_gone_ends(team, ends):
    store, watches = team
    store.gone = True
    watches[2]._closed.wait = lambda _: False
    with pytest.raises(Ended):
        watches[2]._work()
    assert "Process 1 of 3" in ends[0]


def test_a_signal_to_any_process_is_a_request_to_the_first(team, ends):
    _, watches = team
    watches[2].ask_to_stop("SIGTERM")
    turn(watches[1])
    assert ends == []
    turn(watches[0])
    assert ends == ["SIGTERM to process 3"]


def test_the_first_waits_for_the_others_but_not_for_ever(team, clock, ends):
    _, watches = team
    watches[0].end_all(2)
    assert 5 <= clock[0] < 7
    for each in watches[1:]:
        with pytest.raises(Ended):
            turn(each)
    assert ends == [2, 2]
    before = clock[0]
    watches[0].end_all(2)
    assert clock[0] - before < 1

import logging
import sys
import threading

from jaxletters.data.sources import records
from jaxletters.runtime import log_filter

LOGGERS = ("absl", "asyncio")


def state():
    return sys.unraisablehook, [logging.getLogger(name).level for name in LOGGERS]


def test_the_process_is_afterwards_what_it_was():
    before = state()
    with log_filter.installed():
        assert state()[1] == [logging.CRITICAL] * 2
        with log_filter.installed():
            pass
        assert state()[1] == [logging.CRITICAL] * 2
    assert state() == before


def test_reading_a_dataset_does_not_end_it():
    with log_filter.installed():
        with records.silence_tfds():
            pass
        assert state()[1] == [logging.CRITICAL] * 2


def test_threads_end_it_in_any_order():
    before = state()
    entered, go = threading.Event(), threading.Event()

    def other():
        with log_filter.installed():
            entered.set()
            go.wait()

    thread = threading.Thread(target=other)
    with log_filter.installed():
        thread.start()
        entered.wait()
    assert state() != before
    go.set()
    thread.join()
    assert state() == before


def test_only_reports_of_a_closed_loop_are_left_out(monkeypatch):
    reported = []
    monkeypatch.setattr(sys, "unraisablehook", reported.append)

    class Found:
        def __init__(self, text):
            self.exc_value = RuntimeError(text)

    with log_filter.installed():
        sys.unraisablehook(Found("Event loop is closed"))
        sys.unraisablehook(other := Found("something else"))
    assert reported == [other]


def test_who_sets_a_hook_meanwhile_keeps_it(monkeypatch):
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    with log_filter.installed():
        sys.unraisablehook = theirs = print
    assert sys.unraisablehook is theirs

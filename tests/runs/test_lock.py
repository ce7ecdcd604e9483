"""One process at a time in a run folder."""

import errno
import fcntl
import os
import platform
import subprocess
import sys

import pytest

from jaxletters.core.errors import UserError
from jaxletters.runs import lock
from jaxletters.runtime.files import write_bytes

HOLD = """if True:
    import pathlib, sys
    from jaxletters.runs import lock
    with lock.hold(pathlib.Path(sys.argv[1])):
        print("locked", flush=True)
        sys.stdin.read()
"""


def holder(folder):
    """A process that has the lock of a folder until it is told to go, or killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "locked\n"
    return process


@pytest.mark.slow
def test_a_second_process_is_refused_and_told_of_the_first(tmp_path):
    folder = tmp_path / "run"
    write_bytes(folder / "config.json", b"{}")
    process = holder(folder)
    expected = rf"run: in use by process {process.pid} on {platform.node()}; .*--workdir"
    with pytest.raises(UserError, match=expected), lock.hold(folder):
        pytest.fail("both are in")
    # Killed, it leaves its name in the file; the system takes the lock from it.
    process.kill()
    process.communicate()
    with lock.hold(folder):
        pass
    with lock.hold(folder):
        pass


def test_what_came_to_nothing_leaves_no_folder(tmp_path):
    folder = tmp_path / "a" / "run"
    with lock.hold(folder):
        assert folder.exists()
    assert not folder.exists()


def test_a_folder_of_other_files_is_not_written_to(tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"")
    with lock.hold(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]


ASK = """if True:
    import pathlib, sys
    from jaxletters.runs import lock
    print("asking", flush=True)
    while True:
        lock.is_held(pathlib.Path(sys.argv[1]))
"""


@pytest.mark.slow
def test_asking_whether_a_folder_is_in_use_makes_no_start_fail(tmp_path):
    folder = tmp_path / "run"
    write_bytes(folder / "config.json", b"{}")
    with subprocess.Popen(
        [sys.executable, "-c", ASK, str(folder)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "asking\n"
        try:
            for _ in range(2000):
                with lock.hold(folder):
                    pass
        finally:
            process.kill()


@pytest.mark.slow
def test_a_process_in_a_folder_is_seen(tmp_path):
    folder = tmp_path / "run"
    write_bytes(folder / "config.json", b"{}")
    assert not lock.is_held(folder)
    process = holder(folder)
    assert lock.is_held(folder)
    process.kill()
    process.communicate()
    assert not lock.is_held(folder)


def test_a_file_system_without_locks_stops_no_run(tmp_path, monkeypatch):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with lock.hold(tmp_path / "run"):
        assert not lock.is_held(tmp_path / "run")

"""The store that processes share."""

import socket
import subprocess
import sys
from pathlib import Path

from jaxletters.runtime import coordination

# Each process runs this; the second part needs values of the first.
PROGRAM = """
import sys
from jaxletters.runtime import coordination
index, address = int(sys.argv[1]), sys.argv[2]
coordination._PART_BYTES = 1000
store = coordination.connect(
    process_id=index, num_processes=2, coordinator_address=address, cluster_detection_method="deactivate"
)
large = bytes(range(256)) * 10
if index == 0:
    store.set("a/x", b"1")
    store.set("a/y", b"")
    store.set("a/x", b"2", overwrite=True)
    store.set_large("large", large)
    store.set_large("small", b"s")
store.barrier("first", 60)
assert store.get("a/x") == b"2"
assert store.folder("a") == {"x": b"2", "y": b""}, store.folder("a")
assert store.folder("nothing") == {}
assert store.get_large("large") == large
assert store.get_large("small") == b"s"
store.barrier("second", 60)
if index == 0:
    store.delete("large")
    assert store.folder("large") == {}
    assert store.get("a/x") == b"2"
    try:
        store.barrier("alone", 0.2)
    except TimeoutError:
        print("late")
store.barrier("third", 60)
"""


def test_two_processes_share_values():
    with socket.create_server(("localhost", 0)) as free:
        address = f"localhost:{free.getsockname()[1]}"
    root = Path(coordination.__file__).parents[2]
    team = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(i), address],
            cwd=root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for i in (0, 1)
    ]
    texts = [process.communicate() for process in team]
    assert [process.returncode for process in team] == [0, 0], texts
    assert texts[0][0] == "late\n"

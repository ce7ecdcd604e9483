"""The page's server: what it reads, what it refuses, and that it stays up."""

import argparse
import base64
import functools
import io
import re
import signal
import socket
from pathlib import Path

import httpx
import likeness
import numpy as np
import pytest
import runs
import served
from demo_server import serving_with
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from jaxletters.cli import command_line
from jaxletters.cli.commands import demo
from jaxletters.core.errors import UserError
from jaxletters.data import images
from jaxletters.demo import serving
from jaxletters.reading import loader
from jaxletters.reading.classifier import Classifier


@functools.cache
def picture(text="C", kind="PNG", **options):
    """Writing, dark on light paper, as the bytes of a file."""
    file = io.BytesIO()
    Image.fromarray(likeness.picture_of(text)).save(file, kind, **options)
    return file.getvalue()


@pytest.fixture(scope="module")
def network():
    return likeness.Likeness()


@pytest.fixture(scope="module")
def client(network):
    with serving_with(network) as found:
        yield found


def works(client):
    return client.post("/read", content=picture()).json()["text"] == "C"


def test_the_page_names_the_run_and_needs_nothing_else(client):
    response = client.get("/")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "<b>small</b> reads" in response.text
    assert not re.findall(r"(?:src|href)=|@import|url\(|https?:", response.text)


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("JPEG", {"quality": 95}), ("BMP", {})])
def test_lines_of_words_of_characters_are_read(client, network, kind, options):
    network.batches.clear()
    answer = client.post("/read", content=picture("SON C\nZU", kind, **options)).json()
    assert answer["text"] == "SON C\nZU"
    assert [[len(word) for word in line] for line in answer["lines"]] == [[3, 1], [2]]
    characters = [c for line in answer["lines"] for word in line for c in word]
    images = np.concatenate(network.batches)
    for character, letter in zip(characters, "SONCZU", strict=True):
        left, top, right, bottom = character["box"]
        assert 0 <= left < right
        assert 0 <= top < bottom
        assert character["letter"] == letter == character["best"][0]["letter"]
        assert character["cut"] in (True, False)
        shares = [guess["probability"] for guess in character["best"]]
        assert len(shares) == 5
        assert shares == sorted(shares, reverse=True)
        encoded = character["seen"].removeprefix("data:image/png;base64,")
        seen = np.array(Image.open(io.BytesIO(base64.b64decode(encoded))))
        assert (seen == images).all((1, 2)).any()


def test_where_nothing_is_written_nothing_is_read(client):
    blank = io.BytesIO()
    Image.new("RGB", (90, 26), "white").save(blank, "PNG")
    answer = client.post("/read", content=blank.getvalue()).json()
    assert answer == {"text": "", "lines": [], "not_read": []}


def test_ink_that_is_not_read_is_answered_with_its_place(client):
    dotted = likeness.picture_of("SON")
    dotted[-30:-15, 10:25] = 0
    file = io.BytesIO()
    Image.fromarray(dotted).save(file, "PNG")
    answer = client.post("/read", content=file.getvalue()).json()
    assert answer["text"] == "SON"
    (ink,) = answer["not_read"]
    expected = (10, len(dotted) - 30, 25, len(dotted) - 15)
    np.testing.assert_allclose(ink["box"], expected, atol=3)
    assert ink["reason"]


def test_several_pages_are_not_read_as_the_first(client):
    pages = [Image.fromarray(likeness.picture_of(text)) for text in ("C", "S")]
    file = io.BytesIO()
    pages[0].save(file, "TIFF", save_all=True, append_images=pages[1:])
    response = client.post("/read", content=file.getvalue())
    assert response.status_code == 422
    assert "several pages" in response.json()["error"]


@pytest.mark.parametrize(("name", "told"), [("a", True), ("B", False)])
def test_the_page_says_that_case_is_not_told(name, told):
    with serving_with(likeness.Likeness(), names=("A", name)) as client:
        assert ("Upper and lower case are not told apart" in client.get("/").text) != told


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "expected"),
    [
        ("GET", "/read", {}, 405, "Method Not Allowed: GET /read"),
        ("PUT", "/read", {}, 405, "PUT"),
        ("POST", "/", {}, 405, "POST"),
        ("GET", "/nothing%0Ahere", {}, 404, r"Not Found: GET '/nothing\nhere'"),
        ("POST", "/read", {}, 422, "expected a picture"),
        ("GET", "/", {"host": "rebound.example"}, 400, "an address as the host"),
        ("GET", "/", {"host": "[::1"}, 400, "an address as the host"),
        ("GET", "/", {"host": ""}, 400, "an address as the host"),
        ("GET", "/", {"origin": "http://["}, 403, "own page"),
        ("POST", "/read", {"origin": "http://other.example"}, 403, "another's"),
        ("POST", "/read", {"origin": "null"}, 403, "another's"),
    ],
)
def test_what_is_refused_is_answered_by_one_line(client, method, path, headers, status, expected):
    response = client.request(method, path, headers=headers)
    assert response.status_code == status
    (line,) = response.json().values()
    assert expected in line
    assert len(line.splitlines()) == 1
    assert works(client)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1:8000", "[::1]:8000"])
def test_its_own_names_are_answered(client, host):
    own = {"host": host, "origin": f"http://{host}"}
    assert client.post("/read", content=picture(), headers=own).json()["text"] == "C"


@pytest.fixture
def small_bound(monkeypatch):
    monkeypatch.setattr(images, "MOST_BYTES", 2**20)


@pytest.mark.usefixtures("small_bound")
@pytest.mark.parametrize("chunked", [False, True])
def test_what_is_too_large_is_refused_however_it_is_sent(client, chunked):
    body = b"\0" * (2**20 + 1)
    # What comes from an iterator has no Content-Length.
    response = client.post("/read", content=iter([body[:9], body[9:]]) if chunked else body)
    assert response.status_code == 413
    assert "at most 1 MiB" in response.json()["error"]
    assert works(client)


@pytest.mark.usefixtures("small_bound")
@pytest.mark.parametrize(
    ("declared", "sent", "status"),
    [(2**30, 2**20 + 1, b"413"), (10, 2**16, b"422"), ("ten", 10, b"400"), (2**30, 10, b"")],
    ids=["never all of it", "more than declared", "no number", "hung up"],
)
def test_a_length_that_lies_is_not_believed(client, declared, sent, status):
    where = (client.base_url.host, client.base_url.port)
    with socket.create_connection(where) as connection:
        head = f"POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: {declared}\r\n\r\n"
        connection.sendall(head.encode() + b"\0" * sent)
        if status:
            assert connection.recv(64).split(b" ")[1] == status
    assert works(client)


@pytest.mark.slow
@given(
    st.binary(max_size=300)
    | st.tuples(st.integers(0, 3000), st.binary(min_size=1, max_size=9)).map(
        lambda damage: (whole := picture())[: damage[0]] + damage[1] + whole[damage[0] + 9 :]
    )
)
def test_garbage_is_answered_and_leaves_the_server_up(client, garbage):
    response = client.post("/read", content=garbage)
    assert response.status_code in (200, 422)
    assert ("error" in response.json()) == (response.status_code == 422)
    assert client.get("/").status_code == 200


# A server sets up logging, on which occasion absl's handler closes what was stderr before `capfd`; so there
# has been one before.
@pytest.mark.usefixtures("client")
def test_an_error_of_its_own_is_answered_too(capfd):
    broken = []

    def call(batch):
        if broken:
            raise ValueError("broken")
        return likeness.Likeness()(batch)

    with serving_with(call) as client:
        broken.append(True)
        response = client.post("/read", content=picture())
        assert response.status_code == 500
        assert "terminal" in response.json()["error"]
        assert response.headers["connection"] == "close"
        broken.clear()
        assert works(client)
    assert "ValueError: broken" in capfd.readouterr().err


@pytest.mark.slow
def test_the_command_serves_until_ctrl_c(finished_run):
    with served.start(finished_run, "--port", "0") as process:
        address = served.address(process)
        with httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
            assert "<b>small</b> reads" in client.get("/").text
            ((word,),) = client.post("/read", content=picture("SO")).json()["lines"]
            assert len(word) == 2
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate()
    assert (process.returncode, errors) == (0, "")


def fails(*arguments):
    """The one line that the command ends with."""
    process = served.start(runs.ROOT, *arguments)
    output, errors = process.communicate()
    assert (process.returncode, output) == (2, ""), errors
    (line,) = errors.splitlines()
    return line


@pytest.mark.slow
def test_a_busy_port_is_named():
    with serving.listen("127.0.0.1", 0) as busy:
        port = busy.getsockname()[1]
        assert f"error: --port {port}: expected a port that is free" in fails("--port", str(port))


@pytest.mark.parametrize("port", ["65536", "-1", "http", "²", "9" * 5000])
def test_what_is_no_port_is_refused(port):
    parser = command_line.Parser()
    demo.add_arguments(parser)
    with pytest.raises(UserError, match="argument --port: expected a port from 0 to 65535"):
        parser.parse_args(["run", f"--port={port}"])


@pytest.mark.slow
def test_a_host_of_another_machine_is_refused():
    assert "error: --host 192.0.2.1: expected a name or an address" in fails("--host", "192.0.2.1")


@pytest.mark.slow
def test_no_host_is_not_every_host():
    assert "error: --host: expected a name or an address of this machine, found" in fails(
        "--host", ""
    )


@pytest.mark.slow
def test_what_is_no_run_is_refused():
    assert "expected a finished run, found no result" in fails("--port", "0")


def test_a_network_of_other_images_is_refused(monkeypatch):
    monkeypatch.setattr(
        loader, "load", lambda _: Classifier("low", likeness.NAMES, (20, 16), likeness.Likeness())
    )
    with pytest.raises(UserError, match="low: expected a network that reads handwriting of 28x28"):
        demo.run(argparse.Namespace(run=Path("low"), host="127.0.0.1", port=0, corrections=None))

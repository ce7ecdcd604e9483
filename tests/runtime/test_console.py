import contextlib
import io
import itertools
import re
from types import SimpleNamespace

import pytest

from jaxletters.models import summary
from jaxletters.models.summary import LayerRow
from jaxletters.runtime import console
from jaxletters.runtime.console import (
    Console,
    format_duration,
    print_results,
    print_table_with_total,
    time_left,
)

LONG_PATH = "/content/drive/My Drive/[letters]/" + "a_long_folder_name/" * 8 + "report"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """A terminal of 80 columns, standard output only within the context that it gives."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    return contextlib.redirect_stdout(Terminal())


def train(shown):
    for step in range(1, 21):
        shown.update(step, 3412.3, 0.5, 0.9, 8e-4)
    shown.epoch(
        1, 10, {"loss": 0.81234, "accuracy": 0.7512}, {"loss": 0.3, "accuracy": 0.9}, True, 41
    )
    shown.notice(f"Saved [bold]{LONG_PATH}[/bold] :smile: 3 of 4")
    shown.epoch(
        2, 20, {"loss": 0.4, "accuracy": 0.88}, {"loss": 0.31, "accuracy": 1.0}, False, 4000
    )


def test_lines_in_a_pipe(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")
    with Console(total_steps=20_000, steps_per_epoch=10) as shown:
        train(shown)
    assert capsys.readouterr().out.splitlines() == [
        "                   training          validation",
        "epoch    step     loss  accuracy     loss  accuracy     time",
        "    1      10   0.8123    75.12%   0.3000    90.00%     0:41  best",
        f"Saved [bold]{LONG_PATH}[/bold] :smile: 3 of 4",
        "    2      20   0.4000    88.00%   0.3100   100.00%  1:06:40",
    ]


def test_bar_in_a_terminal(terminal, monkeypatch):
    clock = itertools.count(1.0)
    monkeypatch.setattr(console, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    with terminal as out, Console(total_steps=50, steps_per_epoch=10.0) as shown:
        train(shown)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue())
    frame = re.search(r"(epoch 2 of 5 .*20 of 50 steps.*)\n([^\r]*)", text)
    assert frame is not None
    assert frame[1].rstrip().endswith("20 of 50 steps  0:30 left")  # a step a second
    assert frame[2] == "loss 0.5000  accuracy 90.00%  learning rate 8.0e-04  images/s 3,412"
    assert len(frame[1]) <= 80
    assert "    1  10   0.8123    75.12%" in text
    assert LONG_PATH in text


def test_terminal_gets_its_cursor_back_after_an_error(terminal):
    def interrupted():
        with Console(total_steps=20, steps_per_epoch=10) as shown:
            shown.update(1, 1.0, 1.0, 1.0, 1.0)
            raise KeyboardInterrupt

    with terminal as out, pytest.raises(KeyboardInterrupt):
        interrupted()
    hidden, restored = (out.getvalue().rfind(code) for code in ("\x1b[?25l", "\x1b[?25h"))
    assert 0 <= hidden < restored


def test_quick_updates_are_not_all_drawn(terminal, monkeypatch):
    monkeypatch.setattr(console, "time", SimpleNamespace(monotonic=lambda: 5.0))
    with terminal as out, Console(total_steps=20, steps_per_epoch=10) as shown:
        for step in range(1, 20):
            shown.update(step, 1.0, 1.0, 1.0, 1.0)
    assert " 1 of 20 steps" in out.getvalue()
    assert " 2 of 20 steps" not in out.getvalue()


def test_dumb_terminal_gets_lines(terminal, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    with terminal as out, Console(total_steps=20, steps_per_epoch=10) as shown:
        train(shown)
    assert "\x1b" not in out.getvalue()
    assert len(out.getvalue().splitlines()) == 5


def test_model_table_adds_up(capsys):
    layers = [
        LayerRow("stage1/conv1", "Conv 3x3", (28, 28, 32), 288, 225_792),
        LayerRow("stage1/norm1", "BatchNorm", (28, 28, 32), 64, 0),
        LayerRow("logits", "Dense", (27,), 1_354_779, 1_354_752),
    ]
    print_table_with_total(*summary.table(layers))
    assert capsys.readouterr().out.splitlines() == [
        "layer         kind       output shape  parameters  MMAC",
        "stage1/conv1  Conv 3x3   28 x 28 x 32         288  0.23",
        "stage1/norm1  BatchNorm  28 x 28 x 32          64",
        "logits        Dense                27   1,354,779  1.35",
        "total                                   1,355,131  1.58",
        "",
    ]


def test_result_table_keeps_paths_whole(capsys):
    print_results({"test accuracy": "95.01%", "report": LONG_PATH})
    assert capsys.readouterr().out.splitlines() == [
        "",
        "test accuracy  95.01%",
        f"report         {LONG_PATH}",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0:00"),
        (59.6, "1:00"),
        (61, "1:01"),
        (3599.4, "59:59"),
        (3600, "1:00:00"),
        (90_061, "25:01:01"),
    ],
)
def test_duration(seconds, text):
    assert format_duration(seconds) == text


def test_time_left():
    assert time_left(0.0, 0, 100) is None
    assert time_left(5.0, 10, 100) == 50.0


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [("ascii", "\\xe9 \\udce9"), ("latin-1", "\xe9 \\udce9"), ("utf-8", "\xe9 \\udce9")],
)
def test_what_the_terminal_cannot_show_is_escaped(encoding, shown):
    out = io.BytesIO()
    with contextlib.redirect_stdout(io.TextIOWrapper(out, encoding, write_through=True)):
        name = "\xe9 \udce9"
        console.notice(name)
        console.print_results({"run": name})
        console.print_table(("name",), [(name,)], left=1)
        with Console(total_steps=50, steps_per_epoch=10) as running:
            running.notice(name)
    lines = [line.split(maxsplit=1) for line in out.getvalue().decode(encoding).splitlines()]
    assert [line for line in lines if len(line) == 2] == [
        shown.split(),
        ["run", shown],
        shown.split(),
        shown.split(),
    ]

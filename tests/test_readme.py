"""What the README promises is there, and its figures are those that the benchmarks wrote."""

import re
import runpy

import pytest
import runs

README = (runs.ROOT / "README.md").read_text()


def test_the_tables_are_the_benchmarks_own():
    filled = runpy.run_path(str(runs.ROOT / "benchmarks" / "readme.py"))["filled"]
    assert filled(README) == README, "run: python benchmarks/readme.py"
    assert len(re.findall(r"<!-- begin \S+ -->\n\S", README)) == 15


@pytest.mark.parametrize(
    "path",
    sorted(set(re.findall(r"\b(?:tests|configs|benchmarks|notebooks|docs)/[\w/.]*\w", README))),
)
def test_every_path_named_exists(path):
    assert (runs.ROOT / path).exists()


def test_every_config_line_uses_settings_that_exist():
    from jaxletters.cli import command_line

    lines = re.findall(
        r"^python launch\.py (.*?)(?<!\\)$", README.replace("\\\n", " "), re.MULTILINE
    )
    assert len(lines) >= 2
    for line in lines:
        # Of the config that `jaxletters new` writes, tests/cli/test_main.py has a test.
        if "--config kana.py" not in line:
            command_line.parse(line.split())

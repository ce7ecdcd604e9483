"""Inserts the tables of benchmarks/results/ into the README, between their markers.

python benchmarks/readme.py
"""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
_MARKED = re.compile(r"(<!-- begin (\S+) -->\n).*?(<!-- end \2 -->)", re.DOTALL)


def filled(readme: str) -> str:
    """Returns the README with the content of the named file between each pair of markers."""
    return _MARKED.sub(lambda m: m[1] + (ROOT / m[2]).read_text() + m[3], readme)


if __name__ == "__main__":
    path = ROOT / "README.md"
    path.write_text(filled(path.read_text()))

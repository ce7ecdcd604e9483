"""The notebook does from top to bottom what it says; here without Colab, on generated data."""

import importlib.util
import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
import runs
from IPython.core.inputtransformer2 import TransformerManager

# In a separate process, because warnings are errors here and Jupyter's libraries cause some.
EXECUTE = """
import sys, nbclient, nbformat
notebook = nbformat.read(sys.argv[1], as_version=4)
nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3").execute(cwd=sys.argv[2])
nbformat.write(notebook, sys.argv[1])
"""
SMALL = "--config.dataset.size=2600 --config.training.epochs=2"


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """What each cell shows: text and the kinds of what is displayed, by the cell's id."""
    folder = tmp_path_factory.mktemp("notebook")
    for name in ("launch.py", "configs"):
        (folder / name).symlink_to(runs.ROOT / name)
    text = (runs.ROOT / "notebooks" / "colab.ipynb").read_text()
    changed = text.replace('CONFIG = \\"emnist_deeper\\"', 'CONFIG = \\"quickstart\\"')
    changed = changed.replace('SETTINGS = \\"\\"', f'SETTINGS = \\"{SMALL}\\"')
    assert changed.count("quickstart") == text.count("quickstart") + 1
    assert SMALL in changed
    file = folder / "colab.ipynb"
    file.write_text(changed)
    done = subprocess.run(
        [sys.executable, "-c", EXECUTE, str(file), str(folder)],
        capture_output=True,
        text=True,
        cwd=runs.ROOT,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return {cell["id"]: cell.get("outputs", []) for cell in json.loads(file.read_text())["cells"]}


def printed(outputs):
    return "".join("".join(o["text"]) for o in outputs if o["output_type"] == "stream")


def shown(outputs):
    return [o for o in outputs if "image/png" in o.get("data", {})]


@pytest.mark.slow
def test_every_cell_does_what_it_says(outputs):
    assert "1 CPU cpu" in printed(outputs["device"])
    assert "test accuracy" in printed(outputs["train"])
    assert "test accuracy" in printed(outputs["report"])
    assert len(shown(outputs["report"])) == 3
    (line,) = printed(outputs["read"]).split()
    assert len(line) == 4
    assert line.isupper()
    assert len(shown(outputs["read"])) == 1


@pytest.mark.parametrize("installed", [True, False])
def test_a_runtime_without_tensorboard_goes_on_with_a_line(
    installed, tmp_path, monkeypatch, capsys
):
    """As on Colab's TPU runtime; the kernel above is not on Colab, and skips the cell."""
    cells = json.loads((runs.ROOT / "notebooks" / "colab.ipynb").read_text())["cells"]
    (source,) = ["".join(cell["source"]) for cell in cells if cell["id"] == "watch"]
    magics = []
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: installed or None)
    ipython = SimpleNamespace(run_line_magic=lambda *words: magics.append(words[0]))
    names = {"on_colab": True, "workdir": tmp_path / "run", "importlib": importlib}
    code = TransformerManager().transform_cell(source)
    exec(code, {**names, "get_ipython": lambda: ipython})
    assert magics == (["load_ext", "tensorboard"] if installed else [])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == (0 if installed else 1)
    assert all("TensorBoard is not installed" in line for line in lines)


def test_the_notebook_is_kept_without_outputs():
    cells = json.loads((runs.ROOT / "notebooks" / "colab.ipynb").read_text())["cells"]
    assert all(not cell.get("outputs") and not cell.get("execution_count") for cell in cells)

"""The examples, as their users run them: killed, resumed, and opened when the file they are from is gone."""

import shutil
import signal
import subprocess
import sys
from subprocess import PIPE

import numpy as np
import processes
import pytest
import runs
from PIL import Image

from jaxletters.data.synthetic import sketch
from jaxletters.reading import loader

pytestmark = pytest.mark.slow

SHORT = (
    "--config.split.validation_per_class=2",
    "--config.training.batch_size=32",
    "--config.training.epochs=2",
    "--config.log_every_steps=1",
    "--config.checkpoint.every_steps=3",
)


def drawn(file):
    """What makes the dataset of an example small; the pictures of own_images.py are drawn first."""
    if file.name != "own_images.py":
        return "--config.dataset.size=390"
    subprocess.run([sys.executable, file, file.parent / "letters"], cwd=runs.ROOT, check=True)
    return f"--config.dataset.path={file.parent / 'letters'}"


@pytest.mark.parametrize(
    "name", sorted(path.name for path in (runs.ROOT / "examples").glob("*.py"))
)
def test_an_example_keeps_every_promise_of_a_run(name, tmp_path):
    file = tmp_path / "elsewhere" / name
    file.parent.mkdir()
    shutil.copy(runs.ROOT / "examples" / name, file)
    words = (*SHORT, drawn(file))

    def command(folder):
        return [sys.executable, runs.LAUNCH, f"--config={file}", *words, f"--workdir={folder}"]

    def finish(folder):
        done = processes.run(command(folder), cwd=runs.ROOT)
        assert done.returncode == 0, done.stderr
        return done.stdout

    whole, parts = tmp_path / "whole", tmp_path / "parts"
    finish(whole)
    process = processes.Popen(command(parts), cwd=runs.ROOT, stdout=PIPE, stderr=PIPE, text=True)
    runs.stop_at(process, parts, 8, signal.SIGKILL)
    assert "Resumed from step" in finish(parts)
    assert runs.outcome(parts) == runs.outcome(whole)

    shutil.rmtree(file.parent)
    images, _ = sketch.draw(5, "test", 1)
    letter, bundle, page = (tmp_path / name for name in ("letter.png", "bundle", "page"))
    Image.fromarray(255 - images[0]).save(letter)
    for words in (
        ("predict", parts, letter),
        ("export", parts, "--to", bundle),
        ("report", parts, whole, "--to", page),
    ):
        done = runs.jaxletters(*words)
        assert done.returncode == 0, done.stderr
    assert (page / "index.html").exists()
    np.testing.assert_allclose(
        loader.load(bundle).logits(images), loader.load(parts).logits(images), rtol=1e-4, atol=1e-4
    )

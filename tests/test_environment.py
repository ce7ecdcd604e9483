import importlib.metadata
import json
import subprocess
import sys

import jax
import pytest

from jaxletters import environment
from jaxletters.files import read_json, write_json


def test_environment_says_what_the_numbers_depend_on():
    found = json.loads(json.dumps(environment.describe()))
    assert found["versions"]["jax"] == jax.__version__
    assert found["versions"]["python"] == sys.version.split()[0]
    assert found["versions"]["orbax-checkpoint"] == importlib.metadata.version("orbax-checkpoint")
    assert found["devices"] == len(jax.devices())
    assert found["device_kind"] == jax.devices()[0].device_kind


def test_environment_needs_no_slow_import():
    slow = (
        "tensorflow",
        "tensorflow_datasets",
        "tensorboardX",
        "orbax",
        "matplotlib",
        "rich",
        "scipy",
    )
    program = f"""if True:
        import sys
        import jax
        before = set(sys.modules)
        from jaxletters import environment
        environment.describe()
        print(*({{*{slow}}} & (set(sys.modules) - before)))
    """
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


def test_commit_of_a_checkout(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    assert environment._commit(tmp_path) is None

    def git(*arguments):
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        command = ("git", "-C", tmp_path, *identity, *arguments)
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    git("init", "--quiet")
    assert environment._commit(tmp_path) is None
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "--quiet", "--message", "first")
    git("tag", "-a", "v1", "-m", "v1")
    assert environment._commit(tmp_path) == git("rev-parse", "HEAD")
    (tmp_path / "file").write_text("two")
    assert environment._commit(tmp_path) == git("rev-parse", "HEAD") + "-dirty"
    nested = tmp_path / "site-packages"
    nested.mkdir()
    assert environment._commit(nested) is None


def begun(folder, **changed):
    """A run folder with a checkpoint, from another environment."""
    (folder / "steps" / "7").mkdir(parents=True)
    old = environment.describe()
    versions = {**old["versions"], **changed.pop("versions", {})}
    write_json(folder / "env.json", {**old, "versions": versions, **changed})


def test_what_changed_since_a_run_began_is_said_and_kept(tmp_path):
    begun(tmp_path, versions={"jaxlib": "0.0.1"}, devices=64)
    lines = []
    environment.record(tmp_path, lines.append)
    (line,) = lines
    now = environment.describe()
    assert f"jaxlib 0.0.1 is now {now['versions']['jaxlib']}" in line
    assert f"devices 64 {now['device_kind']} is now" in line
    assert "last bit" in line
    written = read_json(tmp_path / "env.json")
    (earlier,) = written.pop("earlier")
    assert written == now
    assert earlier["versions"]["jaxlib"] == "0.0.1"
    # Said once; kept for good.
    environment.record(tmp_path, pytest.fail)
    assert len(read_json(tmp_path / "env.json")["earlier"]) == 1


def test_another_python_or_place_changes_no_number(tmp_path):
    begun(tmp_path, versions={"python": "3.0"}, platform="elsewhere", cpus=1)
    environment.record(tmp_path, pytest.fail)
    assert read_json(tmp_path / "env.json") == environment.describe()


def test_a_run_that_saved_nothing_has_not_begun(tmp_path):
    write_json(tmp_path / "env.json", {"versions": {"jax": "0.0.1"}})
    environment.record(tmp_path, pytest.fail)
    assert read_json(tmp_path / "env.json") == environment.describe()

import importlib.metadata
import json
import os
import subprocess
import sys

import jax
import pytest

from jaxletters.runtime import environment


def test_environment_says_what_the_numbers_depend_on():
    found = json.loads(json.dumps(environment.describe()))
    assert found["versions"]["jax"] == jax.__version__
    assert found["versions"]["python"] == sys.version.split()[0]
    assert found["versions"]["orbax-checkpoint"] == importlib.metadata.version("orbax-checkpoint")
    assert found["devices"] == len(jax.devices())
    assert found["device_kind"] == jax.devices()[0].device_kind
    assert len(found["source"]) == 64
    assert found["cpu"]["model"]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs to choose its cores")
def test_cores_are_those_that_the_process_may_use():
    program = """if True:
        import os
        from jaxletters.runtime import environment
        os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
        print(environment.describe()["cpus"])
    """
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1"]


@pytest.mark.slow
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
        from jaxletters.runtime import environment
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


NOW = environment.describe()


def changed(**others):
    """What was described where something else was used."""
    versions = {**NOW["versions"], **others.pop("versions", {})}
    return {**NOW, "versions": versions, **others}


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ({"versions": {"jaxlib": "0.0.1"}}, f"jaxlib 0.0.1 is now {NOW['versions']['jaxlib']}"),
        ({"devices": 64}, f"devices 64 {NOW['device_kind']} is now"),
        ({"devices": 64, "processes": 4}, f"devices 64 {NOW['device_kind']} in 4 processes is now"),
        ({"cpus": 64}, f"usable cores 64 is now {NOW['cpus']}"),
        ({"cpu": {**NOW["cpu"], "model": "Z80"}}, "CPU Z80 is now"),
        (
            {
                "cpu": {
                    **NOW["cpu"],
                    "vector_extensions": [*NOW["cpu"]["vector_extensions"], "mmx2"],
                }
            },
            "gone vector extensions mmx2",
        ),
        ({"flags": {"XLA_FLAGS": "--xla_no"}}, "XLA_FLAGS --xla_no is now"),
        ({"source": "abcdef" * 10}, "code abcdefabcdef is now"),
    ],
)
def test_what_may_change_bits_is_named(before, expected):
    (line,) = environment.differences(changed(**before), NOW)
    assert line.startswith(expected)


def test_another_python_or_place_changes_no_number():
    before = changed(versions={"python": "3.0"}, platform="elsewhere", commit="abc", cpu_quota=0.5)
    assert environment.differences(before, NOW) == []

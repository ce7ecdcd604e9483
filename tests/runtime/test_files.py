import errno
import json
import math
import os
from pathlib import Path

import pytest

from jaxletters.core.errors import UserError
from jaxletters.runtime import files
from jaxletters.runtime.files import (
    atomic_folder,
    disk_error,
    load_json,
    to_json,
    write_bytes,
    write_json,
)


def test_json_comes_back_in_its_order(tmp_path):
    value = {"z": [1, 2.5, None], "a": {"→": True}}
    write_json(tmp_path / "new" / "value.json", value)
    assert list(load_json(tmp_path / "new" / "value.json").items()) == list(value.items())


def test_strict_json_has_no_nan():
    text = to_json({"a": math.nan, "b": [math.inf, (-math.inf, 1.0)]})
    assert json.loads(text, parse_constant=pytest.fail) == {"a": None, "b": [None, [None, 1.0]]}


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_bytes(path, b"old")

    def no_space(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(UserError, match=r"file: cannot be written \(No space left on device\)"):
        write_bytes(path, b"new")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("file", b"old")]


def tree(folder):
    return {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("before", [None, [], ["old", "both"]])
def test_a_folder_takes_the_place_of_another_as_a_whole(tmp_path, before):
    path = tmp_path / "above" / "folder"
    if before is not None:
        path.mkdir(parents=True)
    for name in before or []:
        (path / name).write_text("old")
    with atomic_folder(path) as new:
        (new / "both").write_text("new")
        assert tree(path) == dict.fromkeys(before or [], "old")
    assert tree(tmp_path) == {"above/folder/both": "new"}
    assert [p.name for p in path.parent.iterdir()] == ["folder"]


def written_but_not_to_the_end(path):
    with atomic_folder(path) as new:
        (new / "file").write_text("new")
        raise KeyboardInterrupt


def test_a_folder_that_is_not_written_to_the_end_leaves_the_old_one(tmp_path):
    path = tmp_path / "folder"
    for there in ([], ["old"]):
        for name in there:
            path.mkdir()
            (path / name).write_text(name)
        with pytest.raises(KeyboardInterrupt):
            written_but_not_to_the_end(path)
        assert tree(tmp_path) == {f"folder/{name}": name for name in there}


def test_a_folder_that_cannot_be_moved_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "folder"
    path.mkdir()
    (path / "file").write_text("old")
    rename = Path.rename

    def only_away(self, target):
        if self != path and target == path and "former" not in self.name:
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", only_away)
    with pytest.raises(PermissionError), atomic_folder(path) as new:
        (new / "file").write_text("new")
    assert tree(tmp_path) == {"folder/file": "old"}


def test_folder_that_is_a_file_is_the_users_to_mend(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot be written \(.*file is not a folder\)"):
        write_json(tmp_path / "file" / "value.json", 1)


@pytest.mark.parametrize("below", ["value.json", "run/report/value.json"])
def test_a_link_to_a_drive_that_is_not_there_says_so(tmp_path, below):
    (tmp_path / "link").symlink_to(tmp_path / "drive" / "runs")
    expected = rf"link is a link to {tmp_path}/drive/runs, which is not there; is the drive mounted"
    with pytest.raises(UserError, match=expected):
        write_json(tmp_path / "link" / below, 1)
    assert not (tmp_path / "drive").exists()


def test_a_name_that_is_not_utf_8_is_kept_in_json(tmp_path):
    name = os.fsdecode(b"caf\xe9 \xc3\xa9")
    write_json(tmp_path / "value.json", {"name": name})
    assert files.load_json(tmp_path / "value.json") == {"name": name}
    assert (tmp_path / "value.json").read_bytes() == b'{\n  "name": "caf\\udce9 \xc3\xa9"\n}\n'


def test_a_folder_whose_name_is_not_utf_8_is_refused(tmp_path):
    files.check_encoding(tmp_path / "caf\xe9")
    with pytest.raises(UserError, match=r"caf\\udce9/run': expected a folder whose path is UTF-8"):
        files.check_encoding(tmp_path / os.fsdecode(b"caf\xe9") / "run")


def test_a_home_folder_is_filled_in_and_one_that_nobody_has_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert files.expand_user("~/runs") == tmp_path / "runs"
    assert files.expand_user("runs/~x") == Path("runs/~x")
    with pytest.raises(UserError, match="~nobody_of_that_name/x: expected ~nobody_of_that_name to"):
        files.expand_user("~nobody_of_that_name/x")


@pytest.mark.parametrize("content", [b"", b"<html>", b'{"a": 1', b"\xff\xfe\x00"])
def test_unreadable_json_is_named(tmp_path, content):
    path = tmp_path / "config.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"config\.json: expected JSON"):
        load_json(path)


def test_missing_json_is_named(tmp_path):
    with pytest.raises(UserError, match=r"gone\.json: cannot be read \(No such file"):
        load_json(tmp_path / "gone.json")


FULL = os.strerror(errno.ENOSPC)


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (OSError(errno.ENOSPC, "any text"), FULL),
        (PermissionError(errno.EACCES, "any text"), os.strerror(errno.EACCES)),
        # As TensorStore puts it.
        (ValueError(f"Failed to write: {FULL} [os_error_code='{errno.ENOSPC}']"), FULL),
        (FileNotFoundError(errno.ENOENT, "any text"), None),
        (ValueError("a bug of ours"), None),
        (OSError("without a number"), None),
    ],
)
def test_what_is_wrong_with_a_disk_is_told_from_bugs(error, what):
    assert disk_error(error) == what
    outer = RuntimeError("while saving")
    outer.__cause__ = error
    assert disk_error(outer) == what

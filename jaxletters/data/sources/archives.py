"""A dataset's original files: found in the user's folder or in TFDS's downloads, or else downloaded."""

import base64
import functools
import http.client
import os
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple, TypeAlias

from jaxletters.core.errors import UserError
from jaxletters.data.sources import downloads
from jaxletters.data.sources.downloads import Remote
from jaxletters.runtime import files

ENVIRONMENT = "JAXLETTERS_ARCHIVES"

# How many levels of subfolders are searched: TFDS unpacks to downloads/extracted/ZIP.x/gzip.
_DEPTH = 3


class Archive(NamedTuple):
    """The original files of a dataset."""

    description: str  # for messages
    files: tuple[str, ...]  # their published names
    remotes: tuple[Remote, ...]  # the downloads
    bundle: str = ""  # the zip file that holds all files, unless they are published separately


class OriginalFile(NamedTuple):
    """A file on disk, or a member of a zip file on disk."""

    path: Path
    member: str = ""

    @property
    def name(self) -> str:
        """The name for messages."""
        return f"{self.path}:{self.member}" if self.member else str(self.path)

    def sibling(self, name: str) -> "OriginalFile":
        """Returns another file of the same folder or zip file."""
        if self.member:
            return OriginalFile(self.path, name)
        return OriginalFile(self.path.with_name(name))

    def exists(self) -> bool:
        """Returns whether the file exists."""
        if not self.member:
            return self.path.exists()
        with zipfile.ZipFile(self.path) as archive:
            return self._info(archive) is not None

    def open(self) -> IO[bytes]:
        """Returns the file, open for reading.

        Raises:
            UserError: the file does not exist, or the zip file is damaged or lacks the member.
        """
        try:
            if not self.member:
                return self.path.open("rb")
            # An open member keeps the zip file open.
            with zipfile.ZipFile(self.path) as archive:
                if info := self._info(archive):
                    return archive.open(info)
        # zipfile: RuntimeError for an encrypted member, NotImplementedError for an unknown method.
        except (OSError, ValueError, RuntimeError, zipfile.BadZipFile) as error:
            raise _unreadable(self.path, str(error)) from error
        raise UserError(
            f"{self.path}: expected a zip file with {self.member}, found no such member; fetch it again"
        )

    def _info(self, archive: zipfile.ZipFile) -> zipfile.ZipInfo | None:
        members = archive.infolist()
        return next((m for m in members if PurePosixPath(m.filename).name == self.member), None)


Originals: TypeAlias = Mapping[str, OriginalFile]
"""The files of an archive by their published names."""


def locate(dataset: str, archive: Archive, named: str, downloads_folder: Path) -> Path:
    """Returns a folder that holds an archive's files; downloads them if no folder has them.

    Args:
        dataset: its name, for messages.
        archive: the files.
        named: the only folder to search, as named by the user; "" to search the usual ones.
        downloads_folder: TFDS's; this function downloads into a subfolder of it.

    Raises:
        UserError: the named folder lacks the files, or no folder has them and the download fails.
    """
    if named:
        return _folder(find(archive, files.expand_user(named)))
    roots = [downloads_folder]
    if environment := os.environ.get(ENVIRONMENT):
        roots.insert(0, files.expand_user(environment))
        if not roots[0].is_dir():
            raise UserError(
                f"{ENVIRONMENT}: expected a folder, found no folder {roots[0]}; correct or unset it"
            )
    for root in roots:
        if originals := _search(archive, root):
            return _folder(originals)
    try:
        return _download(archive, downloads_folder / "jaxletters")
    except (OSError, http.client.HTTPException) as error:
        raise UserError(
            f"{dataset}: expected {archive.description} in {' or '.join(map(str, roots))}, found no such "
            f"files, and the download failed ({error}); name a folder that has the files "
            f"(--config.dataset.archives=DIR or {ENVIRONMENT}=DIR), or a TFDS folder with the "
            "dataset prepared (--config.dataset.data_dir=DIR), or connect to the network; for "
            "generated letters: python launch.py --config configs/quickstart.py"
        ) from error


def find(archive: Archive, root: Path) -> Originals:
    """Returns an archive's files from the first folder at or below `root` that has all of them.

    Raises:
        UserError: no folder has all of them.
    """
    if not root.is_dir():
        found = "a file" if root.exists() else "nothing"
        raise UserError(f"{root}: expected a folder with {archive.description}, found {found}")
    if originals := _search(archive, root):
        return originals
    raise UserError(
        f"{root}: expected {archive.description}, in it or at most {_DEPTH} folders below, "
        f"found no folder with them; put them there or name another folder"
    )


def digests(archive: Archive, root: Path) -> dict[str, str]:
    """Returns the SHA-256, in hex, of each file that `find` returns, or of the zip file that holds them.

    Raises:
        UserError: as `find`, or a file cannot be read.
    """
    paths = {archive.bundle if o.member else n: o.path for n, o in find(archive, root).items()}
    return {name: _digest(path) for name, path in paths.items()}


def _digest(path: Path) -> str:
    try:
        status = path.stat()
        return _digest_of_version(path, status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise _unreadable(path, error.strerror) from error


@functools.lru_cache(maxsize=16)
def _digest_of_version(path: Path, size: int, modified: int) -> str:  # noqa: ARG001, part of the key
    # EMNIST's zip file has half a gigabyte, and every split asks for its digest.
    return files.sha256(path)


def _unreadable(path: Path, reason: str | None) -> UserError:
    return UserError(f"{path}: expected a readable file, found: {reason}; fetch it again")


def _search(archive: Archive, root: Path) -> Originals:
    # Files of several folders are never mixed: they may be of different splits of the same data.
    for path, subfolders, names in os.walk(root):
        folder = Path(path)
        subfolders.sort()
        if len(folder.relative_to(root).parts) == _DEPTH:
            subfolders.clear()
        on_disk = {name: _name_on_disk(archive, name, names) for name in archive.files}
        if all(on_disk.values()):
            return {name: OriginalFile(folder / file) for name, file in on_disk.items()}
        if archive.bundle and (bundle := _name_on_disk(archive, archive.bundle, names)):
            return {name: OriginalFile(folder / bundle, name) for name in archive.files}
    return {}


def _folder(originals: Originals) -> Path:
    return next(iter(originals.values())).path.parent


def _name_on_disk(archive: Archive, name: str, names: Collection[str]) -> str:
    """Returns which of `names` is the published file `name`, or "" if none is."""
    # Browsers and file managers unpack compressed files.
    for spelling in (name, name.removesuffix(".gz")):
        if spelling in names:
            return spelling
    for remote in archive.remotes:
        if remote.name == name:
            # TFDS puts the SHA-256 of a download, in URL-safe base 64, into its name.
            digest = base64.urlsafe_b64encode(bytes.fromhex(remote.sha256)).decode().rstrip("=")
            ending = digest + PurePosixPath(name).suffix
            return next((n for n in sorted(names) if n.endswith(ending)), "")
    return ""


def _download(archive: Archive, folder: Path) -> Path:
    files.remove_stale(folder, "*.part")
    for remote in archive.remotes:
        if not (folder / remote.name).exists():
            downloads.fetch(remote, folder)
    return folder

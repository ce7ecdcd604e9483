"""Where a dataset's original files come from: a folder of the user's, TFDS's own, a download."""

import base64
import functools
import hashlib
import http.client
import os
import queue
import threading
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Collection
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from jaxletters.core.errors import UserError
from jaxletters.runtime import files

ENVIRONMENT = "JAXLETTERS_ARCHIVES"

# How many folders below the given one are searched: TFDS unpacks to downloads/extracted/ZIP.x/gzip.
_DEPTH = 3
# Seconds until a host must have answered, and the longest pause within a download.
_PATIENCE = 8.0
_CHUNK_BYTES = 2**20


class Remote(NamedTuple):
    """A published file: where it is, its size in bytes and its SHA-256 in hex."""

    url: str
    size: int
    sha256: str

    @property
    def name(self) -> str:
        """The last part of the URL's path."""
        return urllib.parse.urlsplit(self.url).path.rsplit("/", 1)[-1]


class Archive(NamedTuple):
    """The files that a dataset is made from.

    Attributes:
        wanted: what to look for, in words.
        files: their names, as published.
        remotes: what to download.
        bundle: the zip file that holds them, if they are published in one.
    """

    wanted: str
    files: tuple[str, ...]
    remotes: tuple[Remote, ...]
    bundle: str = ""


class Source(NamedTuple):
    """One original file: a file on disk, or a member of a zip file on disk."""

    path: Path
    member: str = ""

    @property
    def name(self) -> str:
        """What to call the file in an error."""
        return f"{self.path}:{self.member}" if self.member else str(self.path)

    def beside(self, name: str) -> "Source":
        """Returns another file of the same folder or zip file."""
        return Source(self.path, name) if self.member else Source(self.path.with_name(name))

    def exists(self) -> bool:
        """Returns whether there is such a file."""
        if not self.member:
            return self.path.exists()
        with zipfile.ZipFile(self.path) as archive:
            return any(PurePosixPath(name).name == self.member for name in archive.namelist())

    def open(self) -> IO[bytes]:
        """Returns the file, open for reading.

        Raises:
            UserError: there is no such file, or it is no zip file with that member.
        """
        try:
            if not self.member:
                return self.path.open("rb")
            # An open member keeps the zip file open.
            with zipfile.ZipFile(self.path) as archive:
                for info in archive.infolist():
                    if PurePosixPath(info.filename).name == self.member:
                        return archive.open(info)
        # zipfile: RuntimeError for an encrypted member, NotImplementedError for an unknown method.
        except (OSError, ValueError, RuntimeError, zipfile.BadZipFile) as error:
            raise UserError(
                f"{self.path}: expected a readable file, found: {error}; fetch it again"
            ) from error
        raise UserError(
            f"{self.path}: expected a zip file with {self.member}, found none in it; fetch it again"
        )


_MNIST = "https://storage.googleapis.com/cvdf-datasets/mnist/"


def emnist(subset: str) -> Archive:
    """Returns the files of a part of EMNIST, such as "letters"; all are published in one zip file."""
    return Archive(
        wanted=f"gzip.zip or emnist-{subset}-{{train,test}}-{{images-idx3,labels-idx1}}-ubyte.gz",
        files=tuple(
            f"emnist-{subset}-{split}-{kind}-ubyte.gz"
            for split in ("train", "test")
            for kind in ("images-idx3", "labels-idx1")
        ),
        remotes=(
            Remote(
                "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip",
                561_753_746,
                "fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e",
            ),
        ),
        bundle="gzip.zip",
    )


MNIST = Archive(
    wanted="{train,t10k}-{images-idx3,labels-idx1}-ubyte.gz",
    files=(
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
        "t10k-images-idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz",
    ),
    remotes=(
        Remote(
            _MNIST + "train-images-idx3-ubyte.gz",
            9_912_422,
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        ),
        Remote(
            _MNIST + "train-labels-idx1-ubyte.gz",
            28_881,
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        ),
        Remote(
            _MNIST + "t10k-images-idx3-ubyte.gz",
            1_648_877,
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        ),
        Remote(
            _MNIST + "t10k-labels-idx1-ubyte.gz",
            4_542,
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
    ),
)
ALPHA_DIGITS = Archive(
    wanted="binaryalphadigs.mat",
    files=("binaryalphadigs.mat",),
    remotes=(
        Remote(
            "https://cs.nyu.edu/~roweis/data/binaryalphadigs.mat",
            532_304,
            "3ee9392e64e4e3bb7b35502b69bf2555a0b4197c1b31048c4189b84bc0bc6ea7",
        ),
    ),
)


def locate(dataset: str, archive: Archive, given: str, downloads: Path) -> Path:
    """Returns a folder that holds the archive's files, after a download if nothing else has them.

    Args:
        dataset: whose files they are, for messages.
        archive: the files.
        given: the folder that the user named, or "". If given, nothing else is looked at.
        downloads: TFDS's folder of downloads; ours go into a folder in it.

    Raises:
        UserError: they are not in the given folder, or nowhere here and cannot be downloaded.
    """
    if given:
        return _folder(sources(archive, files.expand_user(given)))
    roots = [downloads]
    if environment := os.environ.get(ENVIRONMENT):
        named = files.expand_user(environment)
        if not named.is_dir():
            raise UserError(
                f"{ENVIRONMENT}: expected a folder, found none: {named}; mend or unset it"
            )
        roots.insert(0, named)
    for root in roots:
        if found := _search(archive, root):
            return _folder(found)
    try:
        return _download(archive, downloads / "jaxletters")
    except (OSError, http.client.HTTPException) as error:
        raise UserError(
            f"{dataset}: expected {archive.wanted} in {' or '.join(map(str, roots))}, found none, "
            f"and the download failed ({error}); name a folder that has the files "
            f"(--config.dataset.archives=DIR or {ENVIRONMENT}=DIR), or a TFDS folder with the "
            "dataset prepared (--config.dataset.data_dir=DIR), or connect to the network; for "
            "generated letters: python launch.py --config configs/quickstart.py"
        ) from error


def sources(archive: Archive, root: Path) -> dict[str, Source]:
    """Returns the archive's files by name, all from one folder: the first at or below `root`.

    Raises:
        UserError: no folder has them all.
    """
    if not root.is_dir():
        found = "a file" if root.exists() else "nothing"
        raise UserError(f"{root}: expected a folder with {archive.wanted}, found {found}")
    if result := _search(archive, root):
        return result
    raise UserError(
        f"{root}: expected {archive.wanted}, in it or at most {_DEPTH} folders below, "
        f"found no folder with them; put them there or name another folder"
    )


def digests(archive: Archive, root: Path) -> dict[str, str]:
    """Returns the SHA-256, in hex, of each file that `sources` finds: the archive's, or the zip file's.

    Raises:
        UserError: as `sources`, or a file cannot be read.
    """
    found = sources(archive, root)
    paths = {archive.bundle if s.member else name: s.path for name, s in found.items()}
    return {name: _digest(path) for name, path in paths.items()}


def are_published(archive: Archive, found: dict[str, str]) -> bool:
    """Returns whether the digests of an archive's files are those of the published ones."""
    return found == {remote.name: remote.sha256 for remote in archive.remotes}


def _digest(path: Path) -> str:
    try:
        about = path.stat()
        return _digest_of_version(path, about.st_size, about.st_mtime_ns)
    except OSError as error:
        raise UserError(
            f"{path}: expected a readable file, found: {error.strerror}; fetch it again"
        ) from error


@functools.lru_cache(maxsize=16)
def _digest_of_version(path: Path, size: int, modified: int) -> str:  # noqa: ARG001, part of the key
    # EMNIST's zip file has half a gigabyte, and every split asks for it.
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _search(archive: Archive, root: Path) -> dict[str, Source]:
    # Files of several folders are never mixed: they may be of different splits of the same data.
    for path, below, names in os.walk(root):
        folder = Path(path)
        below.sort()
        if len(folder.relative_to(root).parts) == _DEPTH:
            below.clear()
        found = {name: _pick(archive, name, names) for name in archive.files}
        if all(found.values()):
            return {name: Source(folder / file) for name, file in found.items()}
        if archive.bundle and (bundle := _pick(archive, archive.bundle, names)):
            return {name: Source(folder / bundle, name) for name in archive.files}
    return {}


def _folder(found: dict[str, Source]) -> Path:
    return next(iter(found.values())).path.parent


def _pick(archive: Archive, name: str, names: Collection[str]) -> str:
    """Returns which of the names on disk is the published file `name`, "" if none is."""
    # Browsers and file managers unpack what is compressed.
    for spelling in (name, name.removesuffix(".gz")):
        if spelling in names:
            return spelling
    for remote in archive.remotes:
        if remote.name == name:
            # TFDS's own downloads carry their SHA-256, in URL-safe base 64, in their names.
            digest = base64.urlsafe_b64encode(bytes.fromhex(remote.sha256)).decode().rstrip("=")
            ending = digest + PurePosixPath(name).suffix
            return next((n for n in sorted(names) if n.endswith(ending)), "")
    return ""


def _download(archive: Archive, folder: Path) -> Path:
    files.remove_stale(folder, "*.part")
    for remote in archive.remotes:
        if not (folder / remote.name).exists():
            _fetch(remote, folder)
    return folder


def _fetch(remote: Remote, folder: Path) -> None:
    """Downloads one file; it is in the folder afterwards only if it is the published one."""
    from rich.console import Console
    from rich.progress import Progress

    digest = hashlib.sha256()
    size = 0
    with _connect(remote.url) as response, Progress(console=Console(stderr=True)) as progress:
        folder.mkdir(parents=True, exist_ok=True)
        task = progress.add_task(remote.name, total=remote.size)
        with files.atomic_file(folder / remote.name) as file:
            # One byte too many is enough to know that this is another file, however long it is.
            while size <= remote.size and (chunk := response.read(_CHUNK_BYTES)):
                size += len(chunk)
                digest.update(chunk)
                file.write(chunk)
                progress.advance(task, len(chunk))
            if digest.hexdigest() != remote.sha256:
                raise UserError(
                    f"{remote.url}: expected {remote.size:,} bytes with SHA-256 {remote.sha256}, "
                    f"found {size:,} with {digest.hexdigest()}; try again, or fetch it by other "
                    f"means into {folder}"
                )


def _connect(url: str) -> IO[bytes]:
    """Opens a URL, or raises TimeoutError after `_PATIENCE` seconds in all.

    A thread does it, because looking up a host's address knows no time-out and each of its
    addresses gets one of its own.
    """
    answers: queue.SimpleQueue[IO[bytes] | Exception] = queue.SimpleQueue()
    request = urllib.request.Request(url, headers={"User-Agent": "jaxletters"})

    def attempt() -> None:
        try:
            answers.put(urllib.request.urlopen(request, timeout=_PATIENCE))
        except Exception as error:
            answers.put(error)

    threading.Thread(target=attempt, daemon=True).start()
    host = urllib.parse.urlsplit(url).hostname
    try:
        answer = answers.get(timeout=_PATIENCE)
    except queue.Empty:
        raise TimeoutError(f"{host} did not answer within {_PATIENCE:.0f} seconds") from None
    if isinstance(answer, Exception):
        raise OSError(f"{host}: {answer}") from answer
    return answer

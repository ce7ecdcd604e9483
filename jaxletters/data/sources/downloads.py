"""Downloads of published files, each complete and verified by its SHA-256 or not there at all."""

import hashlib
import queue
import threading
import urllib.parse
import urllib.request
from pathlib import Path
from typing import IO, NamedTuple

from jaxletters.core.errors import UserError
from jaxletters.runtime import files

# For a host to answer, and for the longest pause within a download.
_TIMEOUT_SECONDS = 8.0
_CHUNK_BYTES = 2**20


class Remote(NamedTuple):
    """A published file: its URL, its size in bytes and its SHA-256 in hex."""

    url: str
    size: int
    sha256: str

    @property
    def name(self) -> str:
        """The last part of the URL's path."""
        return urllib.parse.urlsplit(self.url).path.rsplit("/", 1)[-1]


def fetch(remote: Remote, folder: Path) -> None:
    """Downloads a file into a folder; shows the progress on stderr.

    Raises:
        UserError: the content is not the published one.
        OSError: the host does not answer, or the disk is full.
        http.client.HTTPException: the connection breaks.
    """
    from rich.console import Console
    from rich.progress import Progress

    digest = hashlib.sha256()
    size = 0
    with _connect(remote.url) as response, Progress(console=Console(stderr=True)) as progress:
        folder.mkdir(parents=True, exist_ok=True)
        task = progress.add_task(remote.name, total=remote.size)
        with files.atomic_file(folder / remote.name) as file:
            # One byte too many proves that this is another file; an endless one must not fill the disk.
            while size <= remote.size and (chunk := response.read(_CHUNK_BYTES)):
                size += len(chunk)
                digest.update(chunk)
                file.write(chunk)
                progress.advance(task, len(chunk))
            if digest.hexdigest() != remote.sha256:
                raise UserError(
                    f"{remote.url}: expected {remote.size:,} bytes with SHA-256 {remote.sha256}, found "
                    f"{size:,} with {digest.hexdigest()}; try again, or put the published file into {folder}"
                )


def _connect(url: str) -> IO[bytes]:
    """Opens a URL; raises TimeoutError after `_TIMEOUT_SECONDS` in all.

    It runs in a thread, because name resolution has no time-out and urllib's applies to each address alone.
    """
    answers: queue.SimpleQueue[IO[bytes] | Exception] = queue.SimpleQueue()
    request = urllib.request.Request(url, headers={"User-Agent": "jaxletters"})

    def attempt() -> None:
        try:
            answers.put(urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS))
        except Exception as error:
            answers.put(error)

    threading.Thread(target=attempt, daemon=True).start()
    host = urllib.parse.urlsplit(url).hostname
    try:
        answer = answers.get(timeout=_TIMEOUT_SECONDS)
    except queue.Empty:
        raise TimeoutError(f"{host} did not answer within {_TIMEOUT_SECONDS:.0f} seconds") from None
    if isinstance(answer, Exception):
        raise OSError(f"{host}: {answer}") from answer
    return answer

"""Archives, arrays and settings that are not what they should be: one clear error, and nothing left."""

import dataclasses
import functools
import gzip
import io
import random
import shutil
import string
import struct
import subprocess
import sys
import uuid
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import scipy.io
from interruptions import Trial
from subjects import ROOT, Place

from jaxletters.config import overrides, serialization, validation
from jaxletters.config.builtin_sources import BUILTIN, Mnist
from jaxletters.config.schema import Config
from jaxletters.config.sources import Arrays
from jaxletters.core.errors import UserError
from jaxletters.data import datasets
from jaxletters.data.formats import alphabets

_PAGE = b"<!DOCTYPE html><html><body>404 Not Found</body></html>"
_EMNIST = "emnist-letters-{}-{}-ubyte.gz"


def bad_input(draw: random.Random, place: Place) -> Iterator[Trial]:
    """Yields one trial of a kind drawn."""
    name, tried = draw.choice(tuple(_KINDS.items()))
    folder = place.folder / "inputs" / uuid.uuid4().hex
    folder.mkdir(parents=True)
    yield Trial(f"bad {name}", tried(draw, folder))
    shutil.rmtree(folder)


def idx(array: np.ndarray, magic: bytes = b"\0\0\x08") -> bytes:
    """Returns a uint8 array as the bytes of an idx file."""
    header = magic + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


def _read_from(images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What EMNIST's files, whose images lie on their side, are read as."""
    return images.transpose(0, 2, 1), labels.astype(np.int32)


def _letters(count: int = 52) -> tuple[np.ndarray, np.ndarray]:
    images = np.random.default_rng(0).integers(0, 256, (count, 28, 28)).astype(np.uint8)
    return images, (np.arange(count) % 26 + 1).astype(np.uint8)


def _archive(draw: random.Random, folder: Path) -> str:
    """Damages one file of EMNIST's, or makes it something else."""
    images, labels = _letters()
    for split in ("train", "test"):
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            (folder / _EMNIST.format(split, kind)).write_bytes(gzip.compress(idx(array)))
    victims = [_EMNIST.format("train", kind) for kind in ("images-idx3", "labels-idx1")]
    file = folder / draw.choice(victims)
    good = file.read_bytes()
    label = "labels" in file.name
    foreign = {
        "truncated": good[: draw.randrange(len(good))],
        "a web page": _PAGE,
        "empty": b"",
        "noise": draw.randbytes(draw.randint(1, 5000)),
        "gzip of noise": gzip.compress(draw.randbytes(draw.randint(1, 5000))),
        "gzip of a web page": gzip.compress(_PAGE),
        "another magic number": gzip.compress(idx(labels if label else images, draw.randbytes(3))),
        "one item less": gzip.compress(idx((labels if label else images)[:-1])),
        "labels out of range": gzip.compress(idx(labels + 200 if label else images[:, :27])),
        "a bomb": _bomb(2**30 + draw.randrange(2**20), label),
        "more after the end": good + draw.randbytes(9),
        "a flipped bit": _flipped(draw, good),
    }
    what = draw.choice(tuple(foreign))
    file.write_bytes(foreign[what])
    if what == "a flipped bit":
        return _refused_or(
            folder, lambda: _load(folder, "emnist_letters"), _read_from(images, labels)
        )
    return _refused(folder, lambda: _load(folder, "emnist_letters"))


def _bomb(size: int, label: bool) -> bytes:
    """A gzip file of a few hundred kilobytes that claims, and holds, a gigabyte."""
    return _bomb_of(size // 784 * 784, label)


@functools.lru_cache(maxsize=2)
def _bomb_of(size: int, label: bool) -> bytes:
    count = size if label else size // 784
    shape = (count,) if label else (count, 28, 28)
    head = b"\0\0\x08" + bytes([len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts = [
        packer.compress(head),
        *(packer.compress(bytes(2**20)) for _ in range(64)),
        packer.flush(),
    ]
    return b"".join(parts)


def _zip(draw: random.Random, folder: Path) -> str:
    """NIST's zip file, with members that escape from it, are missing, damaged or encrypted."""
    images, labels = _letters()
    escaped = folder.parent / f"{folder.name}-escaped"
    names = {
        "escaping": f"../{escaped.name}/" + "{}",
        "absolute": str(escaped) + "/{}",
        "missing": "other/{}",
    }
    what = draw.choice((*names, "damaged", "a web page"))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for split in ("train", "test"):
            for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
                name = _EMNIST.format(split, kind)
                if what == "missing" and draw.random() < 0.7:
                    continue
                file.writestr(names.get(what, "gzip/{}").format(name), gzip.compress(idx(array)))
    content = buffer.getvalue()
    if what == "damaged":
        content = content[: draw.randrange(len(content))]
    (folder / "gzip.zip").write_bytes(_PAGE if what == "a web page" else content)
    # A member is read where it is, whatever its name says, so a path that escapes leads nowhere.
    why = _refused_or(folder, lambda: _load(folder, "emnist_letters"), _read_from(images, labels))
    return why or ("a member was written where its name says" if escaped.exists() else "")


def _npz(draw: random.Random, folder: Path) -> str:
    """NumPy archives with pickles, other shapes, other numbers, damage and bombs."""
    images, labels = _letters()
    path = folder / "letters.npz"
    what = draw.choice(
        ("pickled", "shape", "count", "range", "text", "truncated", "page", "bomb", "bit")
    )
    arrays = {"images": images, "labels": labels}
    if what == "pickled":
        arrays["images"] = np.array([{"a": 1}] * len(labels), object)
    if what == "shape":
        arrays["images"] = images.reshape(len(images), -1)[:, : draw.randint(700, 780)]
    if what == "count":
        arrays["labels"] = labels[: draw.randint(0, 51)]
    if what == "range":
        arrays["labels"] = labels + draw.randint(100, 200)
    if what == "text":
        arrays["images"] = images.astype(str)
    np.savez_compressed(path, **arrays)
    good = path.read_bytes()
    if what == "bomb":
        path.write_bytes(_zip_bomb())
    if what == "truncated":
        path.write_bytes(good[: draw.randrange(len(good))])
    if what == "page":
        path.write_bytes(_PAGE)
    if what == "bit":
        path.write_bytes(_flipped(draw, good))

    def load() -> tuple[np.ndarray, np.ndarray]:
        found = datasets.load(Arrays(path, class_names=alphabets.LETTERS), "train")
        return found.images, found.labels

    return _refused_or(folder, load, (images, labels)) if what == "bit" else _refused(folder, load)


@functools.cache
def _zip_bomb() -> bytes:
    """A megabyte that holds, as it says, more than a gigabyte of images."""
    buffer = io.BytesIO()
    shape = (1_400_000, 28, 28)
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("images.npy", "w", force_zip64=True) as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            for _ in range(shape[0] // 1400):
                file.write(bytes(1400 * 28 * 28))
        with archive.open("labels.npy", "w") as file:
            np.lib.format.write_array(file, np.ones(shape[0], np.uint8))
    return buffer.getvalue()


def _mat(draw: random.Random, folder: Path) -> str:
    """Binary AlphaDigits with other cells, other numbers and damage."""
    cells = np.empty((36, 39), object)
    for place in np.ndindex(*cells.shape):
        cells[place] = np.random.default_rng(place[0]).integers(0, 2, (20, 16)).astype(np.uint8)
    what = draw.choice(("cells", "ink", "size", "name", "truncated", "page", "noise", "bomb"))
    if what == "cells":
        cells = cells[: draw.randint(1, 35)]
    if what == "ink":
        cells[draw.randrange(36), draw.randrange(39)] = np.full(
            (20, 16), draw.randint(2, 255), np.uint8
        )
    if what == "size":
        cells[draw.randrange(36), draw.randrange(39)] = np.zeros((16, 20), np.uint8)
    if what == "bomb":
        cells[0, 0] = np.zeros((2**14, 2**13), np.uint8)
    path = folder / "binaryalphadigs.mat"
    key = "other" if what == "name" else "dat"
    scipy.io.savemat(path, {key: cells}, do_compression=what == "bomb" or draw.random() < 0.5)
    good = path.read_bytes()
    if what == "truncated":
        path.write_bytes(good[: draw.randrange(len(good))])
    if what == "page":
        path.write_bytes(_PAGE)
    if what == "noise":
        path.write_bytes(draw.randbytes(draw.randint(1, 5000)))
    return _refused(folder, lambda: _load(folder, "alpha_letters"))


_IMPOSSIBLE = (
    "training.batch_size=-3",
    "training.batch_size=0",
    "training.epochs=0",
    "training.epochs=many",
    "seed=-1",
    "optimizer.learning_rate=-0.1",
    "optimizer.learning_rate=nan",
    "optimizer.learning_rate=inf",
    "optimizer.learning_rate=fast",
    "optimizer.name=adamm",
    "optimizer.schedule.name=cosin",
    "dataset.subset=letters",
    "split.validation_per_class=-1",
    "model.with=3",
    "model.dropout=1.5",
    "model.widths=(64,0)",
    "model.widths=64",
    "model.kernel_sizes=(3,)",
    "model.activation=relUU",
    "augment.rotation=400",
    "loss.label_smoothing=2",
    "training.ema_decay=1",
    "training.patience=-2",
    "checkpoint.every_steps=0",
    "time_limit=soon",
    "model.widths=(8,8,8,8,8,8,8,8,8)",
)


def _settings(draw: random.Random, folder: Path) -> str:
    """Settings that cannot be, alone or several at once; one in ten through the real command."""
    keys = [key for key, *_ in serialization.leaves(Config())]
    words = draw.sample(_IMPOSSIBLE, draw.randint(1, 3))
    if draw.random() < 0.5:
        key = list(draw.choice(keys))
        key[draw.randrange(len(key))] = draw.choice(string.ascii_lowercase + "._")
        if (misspelt := "".join(key)) not in keys:
            words.append(f"{misspelt}=1")
    flags = [f"--config.{word}" for word in words]
    if draw.random() < 0.1:
        return _command(flags, folder)

    def check() -> None:
        config = overrides.apply(Config(dataset=Mnist()), flags)
        validation.check(config, 1)
        from jaxletters.experiments import fitting

        fitting.check(config, config.dataset.info())

    return _refused(folder, check)


def _command(flags: list[str], folder: Path) -> str:
    workdir = folder / "run"
    command = ["launch.py", "--config=configs/mnist_convnet.py", f"--workdir={workdir}", *flags]
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True)
    lines = done.stderr.splitlines()
    if done.returncode != 2 or not lines or not all(line.startswith("error: ") for line in lines):
        return f"{flags}: exit code {done.returncode}: {done.stderr[-300:]}"
    return f"{flags}: left a folder behind" if workdir.exists() else ""


def _load(folder: Path, dataset: str) -> tuple[np.ndarray, np.ndarray]:
    where = {"archives": str(folder), "data_dir": str(folder / "prepared")}
    found = datasets.load(dataclasses.replace(BUILTIN[dataset], **where), "train")
    return found.images, found.labels


def _refused(folder: Path, action: Callable[[], object]) -> str:
    """Returns "" if an action ends in a UserError whose lines say something, and leaves nothing."""
    before = {*folder.rglob("*")}
    try:
        action()
    except UserError as error:
        if not str(error).strip():
            return "an error without a word"
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:300]
    else:
        return f"accepted, of {sorted(p.name for p in before)}"
    left = [p for p in {*folder.rglob("*")} - before if p.is_file()]
    return f"left {left[0]}" if left else ""


def _refused_or(
    folder: Path,
    action: Callable[[], tuple[np.ndarray, np.ndarray]],
    expected: tuple[np.ndarray, np.ndarray],
) -> str:
    """The same, but what is read may also be exactly what was written."""
    try:
        found = action()
    except UserError:
        return _refused(folder, action)
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:300]
    same = all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))
    return "" if same else "other numbers were read"


def _flipped(draw: random.Random, data: bytes) -> bytes:
    flipped = bytearray(data)
    flipped[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    return bytes(flipped)


_KINDS: dict[str, Callable[[random.Random, Path], str]] = {
    "gzip or idx": _archive,
    "zip": _zip,
    "npz": _npz,
    "mat": _mat,
    "settings": _settings,
}

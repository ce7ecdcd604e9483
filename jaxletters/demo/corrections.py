"""Corrected letters: their images in a folder for each class, which `jaxletters teach` learns from."""

import io
import re
import uuid
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from jaxletters.core.errors import UserError, printable
from jaxletters.data import naming
from jaxletters.reading.classifier import Classifier
from jaxletters.reading.letter_image import SIDE
from jaxletters.runtime import files

# A PNG of 28x28 grey pixels has about 1 KB without compression.
MOST_BYTES = 2**14
# Names that are a visible folder on every system.
_FOLDER_NAME = re.compile(r'[^\s./\\:*?"<>|][^/\\:*?"<>|]*(?<![\s.])')


def names(classifier: Classifier) -> tuple[str, ...]:
    """Returns the classes that a correction may name: answers whose name may be a folder's."""
    excluded = {*classifier.unused, classifier.non_letter}
    return tuple(
        name
        for label, name in enumerate(classifier.class_names)
        if label not in excluded and name.isprintable() and _FOLDER_NAME.fullmatch(name)
    )


class Corrections:
    """The folder of corrected letters, and which of them were saved since the start."""

    def __init__(self, folder: Path, class_names: tuple[str, ...]) -> None:
        """Makes no folder yet.

        Args:
            folder: gets a folder for each class that a letter is saved for, named by `naming.folders`.
            class_names: the classes that a letter may be saved for.
        """
        self._folder = folder.absolute()
        self._folders = naming.folders(class_names)
        self._saved: dict[str, Path] = {}

    def save(self, png: bytes, class_name: str) -> str:
        """Saves an image in a new file, and returns the file's name without its suffix.

        Args:
            png: a PNG of 28x28 grey pixels, white ink on black.
            class_name: the right one.

        Raises:
            UserError: the bytes are something else, the network has no such class, or the file cannot be
                written.
        """
        if class_name not in self._folders:
            raise UserError(
                f"class: expected one of {', '.join(self._folders)}, found {printable(class_name)!r}; "
                "choose one of them"
            )
        # Encoded again, so that the file holds only the pixels.
        file = io.BytesIO()
        Image.fromarray(_decode(png)).save(file, "PNG")
        name = uuid.uuid4().hex
        path = self._folder / self._folders[class_name] / f"{name}.png"
        files.write_bytes(path, file.getvalue())
        self._saved[name] = path
        return name

    def remove(self, name: str) -> bool:
        """Deletes a file that `save` wrote; returns whether it wrote one of this name.

        Raises:
            UserError: the file cannot be deleted.
        """
        path = self._saved.get(name)
        if path is None:
            return False
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise UserError(
                f"{path}: cannot be deleted ({error.strerror}); check its permissions"
            ) from error
        self._saved.pop(name, None)
        return True


def _decode(png: bytes) -> NDArray[np.uint8]:
    """Returns the pixels of a PNG of 28x28 grey pixels: uint8 `[28, 28]`."""
    try:
        with (
            warnings.catch_warnings(action="ignore"),
            Image.open(io.BytesIO(png), formats=["PNG"]) as image,
        ):
            found = f"{image.width}x{image.height} {image.mode}"
            # Before the pixels are decoded: a small file may have very many.
            if found == f"{SIDE}x{SIDE} L" and not getattr(image, "is_animated", False):
                return np.array(image)
    # On damaged files Pillow's decoders raise nearly any type.
    except Exception as error:
        raise UserError(
            "image: expected a PNG, found another or a damaged file; send what /read returned"
        ) from error
    raise UserError(
        f"image: expected a PNG of {SIDE}x{SIDE} grey pixels, found {found}; send what /read returned"
    )

"""The calibration of a finished run, in a file beside its result."""

from pathlib import Path

from jaxletters.core.errors import UserError
from jaxletters.evaluation import conformal
from jaxletters.evaluation.conformal import Calibration
from jaxletters.runtime.files import encode_utf8, load_json, to_json, write_bytes

FILE = Path("report", "calibration.json")


def save(folder: Path, calibration: Calibration) -> None:
    """Writes the calibration of the run in a folder.

    Raises:
        UserError: the file cannot be written.
    """
    write_bytes(folder / FILE, encode_utf8(f"{to_json(calibration.as_dict())}\n"))


def load(folder: Path, classes: int) -> Calibration | None:
    """Returns the calibration of a run; None if it had no validation examples or an earlier version wrote it.

    Args:
        folder: of the run.
        classes: the number of its classes.

    Raises:
        UserError: the file is damaged.
    """
    path = folder / FILE
    if not path.exists():
        return None
    calibration = conformal.parse(load_json(path), classes)
    if calibration is None:
        raise UserError(
            f"{path}: expected the calibration of a network of {classes} classes, found something else; "
            "restore the file, or delete it to read without a calibration"
        )
    return calibration

"""The classes of EMNIST's datasets, in the order of their labels (Cohen et al. 2017, arXiv:1702.05373)."""

import string

# The class name of an unused label.
UNUSED = "N/A"
_SIZE = (28, 28)
DIGITS = tuple(string.digits)
CAPITALS = tuple(string.ascii_uppercase)
LETTERS = (UNUSED, *CAPITALS)
# Digits, capitals, and the small letters that differ from their capitals.
_MERGED = (*DIGITS, *CAPITALS, *"abdefghnqrt")
EMNIST: dict[str, tuple[str, ...]] = {
    "letters": LETTERS,
    "balanced": _MERGED,
    "byclass": (*DIGITS, *CAPITALS, *string.ascii_lowercase),
    "bymerge": _MERGED,
    "digits": DIGITS,
    "mnist": DIGITS,
}


def unused(names: tuple[str, ...]) -> tuple[int, ...]:
    """Returns the labels that no image has, according to the names of the classes."""
    return tuple(label for label, name in enumerate(names) if name == UNUSED)


def fit(names: tuple[str, ...], shape: tuple[int, ...], emnist: bool = False) -> str:
    """Returns how pictures are fitted to images of these classes and this shape: one of `slots.FITS`.

    EMNIST centres digits differently from MNIST, so `emnist` says whether the images are its own.
    """
    if shape != _SIZE or names not in (CAPITALS, *EMNIST.values()):
        return "stretch"
    return "mnist" if names == DIGITS and not emnist else "emnist"


def of_file(name: str) -> tuple[str, ...]:
    """Returns the classes of the EMNIST dataset in the name of a file; () if the name has no dataset."""
    start, *rest = name.lower().split("-")
    return EMNIST.get(rest[0].partition(".")[0], ()) if start == "emnist" and rest else ()


def of_mapping(rows: list[list[int]]) -> tuple[str, ...]:
    """Returns the classes in NIST's mapping: rows of a label and the codes of one or two characters.

    Raises:
        ValueError: the labels do not count up from 0 or 1, or a code is not a printable character.
    """
    classes = {label: chr(code) for label, code, *_ in rows}
    first = min(classes)
    if first not in (0, 1) or sorted(classes) != list(range(first, first + len(rows))):
        raise ValueError("a mapping whose labels are not 0 or 1 and up, each once")
    if not all(name.isprintable() and not name.isspace() for name in classes.values()):
        raise ValueError("a mapping with codes of no characters")
    return (UNUSED,) * first + tuple(classes[label] for label in sorted(classes))

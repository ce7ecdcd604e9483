"""What a person should check in a reading: doubtful characters, and whether upper and lower case are told."""

from collections.abc import Sequence

from jaxletters.reading.recognition import Character, Reading

# Characters with less confidence are doubtful.
_CONFIDENT = 0.9
# A class with a smaller probability is no alternative, where no conformal set says which are.
_MIN_PROBABILITY = 0.05


def is_doubtful(character: Character) -> bool:
    """Returns whether a character is "?", has little confidence, or may be one of several."""
    return (
        bool(character.reason) or len(character.candidates) > 1 or character.confidence < _CONFIDENT
    )


def alternatives(reading: Reading, character: Character, count: int) -> list[str]:
    """Returns at most `count` classes that a character may be instead, best first.

    They are the other classes of its conformal set, or else the other probable classes.
    """
    names: Sequence[str] = character.candidates or [
        name for name, p in reading.best(character, count + 1) if p >= _MIN_PROBABILITY
    ]
    return [name for name in names if name != character.name][:count]


def tells_case(class_names: Sequence[str]) -> bool:
    """Returns whether a network tells upper from lower case: False if its letters are all of one case."""
    letters = [name for name in class_names if len(name) == 1 and name.lower() != name.upper()]
    return not letters or len({name.isupper() for name in letters}) == 2

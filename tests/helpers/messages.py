"""Checks of messages that leave their wording free."""


def assert_names(line: str, start: str, *parts: str) -> None:
    """Asserts that a message begins with what it is about and names every part."""
    assert line.startswith(start)
    assert [part for part in parts if part not in line] == [], line

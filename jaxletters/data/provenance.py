"""What must be said of a dataset wherever a figure on it stands."""

# Examples in the files as their authors published them: (train, test).
_PUBLISHED = {"emnist_letters": (124_800, 20_800), "mnist": (60_000, 10_000)}


def note(name: str, train_examples: int, test_examples: int) -> str:
    """Returns "generated data", "rebuilt split" where the counts are not the published ones, or ""."""
    if name == "sketch_letters":
        return "generated data"
    published = _PUBLISHED.get(name)
    return "" if published in (None, (train_examples, test_examples)) else "rebuilt split"

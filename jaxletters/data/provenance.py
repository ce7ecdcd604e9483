"""What must be said of a dataset wherever a figure on it stands."""

from jaxletters.config import DatasetConfig

# Examples in the files as their authors published them: (train, test).
_PUBLISHED = {"emnist_letters": (124_800, 20_800), "mnist": (60_000, 10_000)}


def note(config: DatasetConfig, counts: tuple[int, ...]) -> str:
    """Returns "generated data", "rebuilt split" where the counts are not the published ones, or "".

    Args:
        config: the dataset.
        counts: the examples in each of its splits.
    """
    if config.npz:
        return f"from {config.npz.rpartition('/')[2]}"
    if config.name == "sketch_letters":
        return "generated data"
    published = _PUBLISHED.get(config.name)
    return "" if published in (None, counts) else "rebuilt split"

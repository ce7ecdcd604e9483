"""What must be said of a dataset wherever a figure on it stands."""

from collections.abc import Callable

from jaxletters.config import DatasetConfig

# Examples in the files as their authors published them: (train, test).
_PUBLISHED = {"emnist_letters": (124_800, 20_800), "mnist": (60_000, 10_000)}


def note(config: DatasetConfig, counts: Callable[[], tuple[int, ...]]) -> str:
    """Returns "generated data", "rebuilt split" where the counts are not the published ones, or "".

    Args:
        config: the dataset.
        counts: returns the examples in each of its splits; called only where that decides.
    """
    if config.npz:
        return f"from {config.npz.rpartition('/')[2]}"
    if config.name == "sketch_letters":
        return "generated data"
    published = _PUBLISHED.get(config.name)
    return "" if published is None or published == counts() else "rebuilt split"

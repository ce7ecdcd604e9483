"""Notes and remarks on datasets that are known by name or by content: published, rebuilt, incomplete."""

from collections.abc import Mapping

from jaxletters.config.slots import SplitDigest

# Digests of the published splits, upright. EMNIST's are known only by NIST's zip file.
PUBLISHED: dict[str, dict[str, SplitDigest]] = {
    "mnist": {
        "train": SplitDigest(
            60000,
            "157fe16da1dbced4a1376f4be5df2d665d51d11177dcaf7aa4848b1ff033343f",
            "fd301c96571a62c9f4326bbc289ff94fa403521e0f5142ab865bff062f021222",
        ),
        "test": SplitDigest(
            10000,
            "fbf9701b11f5659e6366884b0bbf01ea129fb049e3239251eddb226ada72239e",
            "b15787ccc35f28b20f46e33f73bd8bdeae345d14a6ea87a670577740c8f4fcd9",
        ),
    },
    "alpha_letters": {
        "train": SplitDigest(
            1014,
            "98637b66916c7f83d377f17bf3697c4afb9d1b511b2f9e2375a445fbc7008d40",
            "1ea3eb6b5a8302b09e19036c6b1dcaf8ffadd4eef18678e1c42899de784d6432",
        ),
    },
}
# Genuine EMNIST images with their official labels, but not NIST's division into splits.
REBUILT: dict[str, dict[str, SplitDigest]] = {
    "emnist_letters": {
        "train": SplitDigest(
            116573,
            "74db0725fbca76a18be850a271afda1377ffe3eb6a75522f6e414ec8a3aab4c9",
            "ee0731d0bb2d0c91c617e39fd651d3279506e80bd0d0196326d6c7cf832c31d5",
        ),
        "test": SplitDigest(
            20800,
            "edefb50ca45e53224d1ded050d39d1ab79cfe57d51e53c51273d2217615b899e",
            "63b12f49e64138ef6226a939af7fc8290358e43ccd729fe8de419ced272d5cec",
        ),
    },
}


def note(dataset: str, digests: Mapping[str, SplitDigest], from_published_files: bool) -> str:
    """Returns "" for published data, else what the data are: "rebuilt split", "not the published data" ...

    `digests` are those of the splits that the figure depends on.
    """
    if from_published_files or _match(digests, PUBLISHED.get(dataset, {})):
        return ""
    if known := by_content(digests):
        return known
    # Only NIST's zip file could tell whether a split of EMNIST is the published one.
    return "not the published data" if dataset in PUBLISHED else "split not verified"


def by_content(digests: Mapping[str, SplitDigest]) -> str:
    """Returns "rebuilt split" for the images and labels of a known rebuilt split, else ""."""
    rebuilt = any(_match(digests, known) for known in REBUILT.values())
    return "rebuilt split" if rebuilt else ""


def _match(digests: Mapping[str, SplitDigest], known: Mapping[str, SplitDigest]) -> bool:
    return all(digest == known.get(split) for split, digest in digests.items())

"""The spaces between words: gaps that are wide among the gaps of a page."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Gaps in heights of their line. The first threshold, the least, and a gap that is always a space.
_FIRST, _LEAST, _ALWAYS = 0.35, 0.22, 1.5
# The spaces of a page are at least this many times as wide as its other gaps, this much wider, and this wide
# on average: letters that are all far apart have no spaces between them.
_RATIO, _DIFFERENCE, _SPACE = 1.7, 0.1, 0.35
# Narrower spaces are found in regular writing: with this many other gaps at least, none wider than this share
# of the narrowest space, and spaces that are this wide on average.
_REGULAR_GAPS, _REGULAR_RATIO, _REGULAR_SPACE = 6, 0.55, 0.25
_ROUNDS = 5


def threshold(gaps: Sequence[float]) -> float:
    """Returns the width from which a gap is a space between words, in heights of a line.

    The gaps are divided into two groups by 2-means, which starts at a usual threshold (Lloyd 1982).

    Args:
        gaps: all gaps between neighbouring characters of a page, in heights of their lines.
    """
    widths: NDArray[np.float64] = np.clip(np.array(gaps, np.float64), 0, 1.0)
    # Half of the widest gap where all are narrow.
    found = min(_FIRST, float(widths.max(initial=0)) / 2)
    for _ in range(_ROUNDS):
        narrow, wide = widths[widths < found], widths[widths >= found]
        if not len(narrow) or not len(wide):
            return _ALWAYS
        found = max(float(narrow.mean() + wide.mean()) / 2, _LEAST)
    narrow, wide = widths[widths < found], widths[widths >= found]
    if not len(narrow) or not len(wide):
        return _ALWAYS
    if wide.mean() >= max(_RATIO * narrow.mean() + _DIFFERENCE, _SPACE):
        return found
    is_regular = len(narrow) >= _REGULAR_GAPS and narrow.max() <= _REGULAR_RATIO * wide.min()
    return found if is_regular and wide.mean() >= _REGULAR_SPACE else _ALWAYS

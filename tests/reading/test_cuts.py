"""Cuts of strokes, against the cheapest paths of SciPy."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from jaxletters.reading import cuts
from jaxletters.reading.lines import Blob, Line


def discs(*centres, radius=20, size=(44, 120)):
    """Filled circles: float32 `[h, w]`."""
    y, x = np.ogrid[: size[0], : size[1]]
    inside = [np.hypot(y - 22, x - centre) < radius for centre in centres]
    return np.any(inside, axis=0).astype(np.float32)


def test_two_letters_that_touch_are_cut_where_they_touch():
    ink = np.zeros((40, 70), np.float32)
    ink[:, :30] = ink[:, 40:] = 1
    ink[18:22, 30:40] = 1
    seams = cuts.find_seams(ink, 40.0)
    assert 30 <= seams.columns[np.argmin(seams.ink)][19] <= 40


def test_narrow_strokes_and_thick_places_are_not_cut():
    assert len(cuts.find_seams(discs(13, radius=10, size=(44, 26)), 40.0).ink) == 0
    assert len(cuts.find_seams(np.ones((40, 100), np.float32), 40.0).ink) == 0


@pytest.mark.parametrize("seed", range(5))
def test_a_cut_is_the_cheapest_path_through_its_column_of_the_middle_row(seed):
    rng = np.random.default_rng(seed)
    rows, columns = 9, 40
    ink = rng.choice([0.0, 0.5, 1.0], (rows, columns), p=[0.6, 0.2, 0.2]).astype(np.float32)
    seams = cuts.find_seams(ink, 20.0)
    assert len(seams.ink)
    for path, crossed in zip(seams.columns, seams.ink, strict=True):
        assert (np.abs(np.diff(path)) <= 1).all()
        assert crossed == pytest.approx(ink[np.arange(rows), path].sum())
        reached = [
            _cheapest(half, path[rows // 2])
            for half in (ink[: rows // 2 + 1], ink[rows // 2 :][::-1])
        ]
        sideways = cuts.SIDEWAYS * np.abs(np.diff(path)).sum()
        assert crossed + sideways == pytest.approx(
            sum(reached) - ink[rows // 2, path[rows // 2]], abs=1e-4
        )


def _cheapest(ink, column):
    """The cost of the cheapest path from the first row to a column of the last, by Dijkstra's algorithm."""
    rows, columns = ink.shape
    # Older versions of SciPy take no other indices.
    node = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    edges = []
    for step in (-1, 0, 1):
        start = node[:-1, max(-step, 0) : columns - max(step, 0)]
        end = node[1:, max(step, 0) : columns + min(step, 0)]
        cost = ink[1:].ravel()[end.ravel() - columns] + cuts.SIDEWAYS * abs(step)
        edges.append((start.ravel(), end.ravel(), cost + 1e-9))
    start, end, cost = (np.concatenate(parts) for parts in zip(*edges, strict=True))
    graph = csr_array((cost, (start, end)), shape=(node.size, node.size))
    distance = dijkstra(graph, indices=node[0])[:, node[-1, column]]
    return float((distance + ink[0]).min())


def test_the_pieces_of_a_line_cover_its_ink_once():
    ink = discs(22, 61, 100)
    labels = (ink > 0.4).astype(np.int32)
    line = Line((Blob((1,), (2, 3, 120, 42)),), 40.0)
    pieces = np.zeros(labels.shape, np.int32)
    found = cuts.cut_line(ink, labels, line, pieces)
    window = np.s_[3:42, 2:120]
    np.testing.assert_array_equal(pieces[window] > 0, labels[window] > 0)
    assert [piece.number for piece in found] == sorted({*np.unique(pieces)} - {0})
    lefts = [piece.box[0] for piece in found]
    assert lefts == sorted(lefts)
    assert found[0].cut == 0
    assert all(piece.cut > 0 for piece in found[1:])
    for piece in found:
        rows, columns = np.nonzero(pieces == piece.number)
        assert piece.box == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)

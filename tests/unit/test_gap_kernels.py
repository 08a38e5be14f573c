"""Runs joined into patches, against scipy's labelling of the same cells."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from circle15.measure.gap_kernels import patches

EIGHT = np.ones((3, 3), dtype=int)


def measured(values, *, share=None, holder=None):
    values = np.asarray(values, dtype=float)
    rows = len(values)
    cut = np.argwhere(share > 0) if share is not None else np.empty((0, 2), dtype=int)
    slot = np.full(values.shape, -1, dtype=np.int32)
    slot[cut[:, 0], cut[:, 1]] = np.arange(len(cut))
    shares = np.zeros((len(cut), 3))
    shares[:, 0] = share[cut[:, 0], cut[:, 1]] if share is not None else 0
    base = np.zeros(values.shape, dtype=np.uint8)
    whole = np.zeros(values.shape, dtype=np.int32) if holder is None else holder.astype(np.int32)
    area = np.broadcast_to(np.full((rows, 1), 2.0), values.shape)
    return patches(values, area, whole, base=base, slot=slot, shares=shares)


def test_diagonal_neighbours_are_one_patch():
    sums, seat, (top, bottom, left, right) = measured([[5, 0, 0, 1], [0, 7, 0, 0], [0, 0, 0, 2]])
    assert sums.tolist() == [[12, 4, 2, 7], [1, 2, 1, 1], [2, 2, 1, 2]]
    assert seat.tolist() == [5, 3, 11]
    assert top.tolist() == [0, -1, -1, 1]
    assert bottom.tolist() == [-1, -1, -1, 2]
    assert left.tolist() == [0, -1, -1]
    assert right.tolist() == [1, -1, 2]


def test_covered_cells_and_cells_outside_do_not_count():
    share = np.array([[0.25, 1.0, 0.0]])
    sums, _, _ = measured([[8, 9, 10]], share=share, holder=np.array([[0, 0, -1]]))
    assert sums.tolist() == [[6, 1.5, 1, 6]]


def test_nobody_makes_no_patch():
    sums, seat, sides = measured(np.zeros((4, 5)))
    assert len(sums) == len(seat) == 0
    assert all((side == -1).all() for side in sides)


@settings(max_examples=60)
@given(seed=st.integers(0, 10_000), rows=st.integers(1, 40), columns=st.integers(1, 40), fill=st.floats(0.1, 0.9))
def test_scipy_labels_the_same(seed, rows, columns, fill):
    rng = np.random.default_rng(seed)
    values = np.where(rng.random((rows, columns)) < fill, rng.uniform(1, 9, (rows, columns)), 0)
    sums, seat, (top, bottom, left, right) = measured(values)
    label, count = ndimage.label(values > 0, EIGHT)
    assert len(sums) == count
    assert sorted(sums[:, 0]) == pytest.approx(sorted(ndimage.sum_labels(values, label, range(1, count + 1))))
    # a patch's seat lies in it, and the sides name the same patches
    of = {label.ravel()[cell]: n for n, cell in enumerate(seat)}
    assert len(of) == count
    of[0] = -1
    for side, cells in ((top, label[0]), (bottom, label[-1]), (left, label[:, 0]), (right, label[:, -1])):
        assert side.tolist() == [of[n] for n in cells]

"""Pieces that places cut off of cells, against GEOS: areas, areas under circles, and whose the middle of a cell is."""

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from circle15.measure.cells import depth_fractions, pack_geometries
from circle15.measure.grid import Block
from circle15.measure.grid_places import lay_places, outlines_on
from circle15.measure.piece_kernels import centres_held, piece_depths
from circle15.project.lattice import Lattice
from circle15.schema import CRS

STEP = 1 / 1200
LATTICE = Lattice((STEP, 0, 105, 0, -STEP, 36))
SIDE = 40


def star(rng, x, y, reach):
    """A ragged outline about a point, in columns and rows, with a hole and an island."""
    angle = np.sort(rng.uniform(0, 2 * np.pi, 30))
    radius = rng.uniform(0.3, 1.0, 30) * reach
    ring = np.column_stack([x + radius * np.cos(angle), y + radius * np.sin(angle)])
    island = shapely.box(x + reach, y + reach, x + reach + 0.4, y + reach + 2.7)
    return shapely.union(shapely.Polygon(ring).buffer(0).difference(shapely.Point(x, y).buffer(reach / 8)), island)


def laid(shape):
    """The place on a block that it may reach beyond, and its cells astride."""
    ground = shapely.transform(shape, lambda xy: np.column_stack(LATTICE.degrees(xy[:, 0], xy[:, 1])))
    table = gpd.GeoDataFrame({"id": ["A"], "level": ["district"]}, geometry=[ground], crs=CRS)
    outlines = outlines_on(table, LATTICE)
    block = Block(np.ones((SIDE, SIDE)), LATTICE, 3, 5)
    return ground, outlines, block, lay_places(block, outlines, np.array([0]))


def cells_of(block, cell):
    r, c = np.divmod(cell, SIDE)
    return LATTICE.quads(r + block.row, c + block.column)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), radius_m=st.floats(60, 3000))
def test_pieces_under_circles_are_what_geos_cuts(seed, radius_m):
    rng = np.random.default_rng(seed)
    ground, outlines, block, found = laid(star(rng, *rng.uniform(0, 45, 2), rng.uniform(2, 40)))
    pieces = shapely.intersection(cells_of(block, found.cell), ground)
    lon, lat = LATTICE.degrees(rng.uniform(5, 45, 5), rng.uniform(3, 43, 5))
    k = len(found.cell)
    every = np.arange(0, 5 * k + 1, 5), np.tile(np.arange(5), k)
    areas, area = piece_depths(
        outlines.rings, (found.cell, found.owner, np.arange(k)), origin=block.origin, lattice=block.corners,
        discs=(*every, lon, lat), radius_m=radius_m, depths=3,
    )  # fmt: skip
    flat = [shapely.union_all([p for p in shapely.get_parts(piece) if p.area > 0]) for piece in pieces]
    packed = pack_geometries(np.array(flat, dtype=object), np.ones(k), widest_m=np.inf)
    whole, slow = np.zeros(k), np.zeros((k, 3))
    whole[packed.row] = packed.area_m2
    slow[packed.row] = depth_fractions(packed, lon, lat, radius_m=radius_m, depths=3) * packed.area_m2[:, None]
    # a side of a cell, straight in degrees, strays by 0.2 mm from the chord between the vertices that stand on it
    np.testing.assert_allclose(area, whole, rtol=1e-6, atol=0.02)
    np.testing.assert_allclose(areas, slow, rtol=1e-6, atol=0.02)


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000))
def test_the_middle_of_a_cell_lies_where_geos_says(seed):
    rng = np.random.default_rng(seed)
    ground, outlines, block, found = laid(star(rng, *rng.uniform(0, 45, 2), rng.uniform(2, 40)))
    held = centres_held(outlines.rings, (found.cell, found.owner), origin=block.origin, shape=(SIDE, SIDE))
    r, c = np.divmod(found.cell, SIDE)
    lon, lat = LATTICE.degrees(c + block.column + 0.5, r + block.row + 0.5)
    assert (held == shapely.intersects_xy(ground, lon, lat)).all()


@pytest.mark.parametrize("middle", [(10.5, 12.5), (10.5, 12.0), (10.0, 12.5)])
def test_a_border_through_the_middle_of_cells_belongs_to_the_place(middle):
    shape = shapely.box(*middle, 30.25, 30.25)
    _, outlines, block, found = laid(shape)
    held = centres_held(outlines.rings, (found.cell, found.owner), origin=block.origin, shape=(SIDE, SIDE))
    r, c = np.divmod(found.cell, SIDE)
    x, y = c + block.column + 0.5, r + block.row + 0.5
    expected = (x >= middle[0]) & (y >= middle[1]) & (x <= 30.25) & (y <= 30.25)
    assert held.tolist() == expected.tolist()
    assert expected.any()
    assert not expected.all()

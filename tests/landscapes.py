"""Random residents on grids of every kind, with institutions and places, as numbers and as polygons at once."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from circle15.project.lattice import Lattice
from circle15.schema import CRS, GridCells, Population

STEP = 1 / 1200
DEGREES = Lattice((STEP, 0, 105, 0, -STEP, 36))
NORTHWARDS = Lattice((STEP, 0, 105, 0, STEP, 36))
HIGH = Lattice((STEP, 0, 25, 0, -STEP, 68))
PLANE = Lattice((100, 0, 434000, 0, -100, 4183500), "EPSG:4544")
SLANTED = Lattice((95, 30, 434000, 20, -90, 4183500), "EPSG:4544")
MOLLWEIDE = Lattice((100, 0, 8_800_000, 0, -100, 4_183_500), "ESRI:54009")
COARSE = Lattice((1000, 0, 434000, 0, -1000, 4183500), "EPSG:4544")
GRIDS = {
    "degrees": DEGREES, "northwards": NORTHWARDS, "high": HIGH, "plane": PLANE, "slanted": SLANTED,
    "mollweide": MOLLWEIDE, "coarse": COARSE,
}  # fmt: skip


def quads(lattice, rows, columns):
    lon, lat = (np.asarray(v) for v in lattice.corners(rows, columns))
    r, c = (v.ravel() for v in np.mgrid[:rows, :columns])
    around = ((r + 1, c), (r + 1, c + 1), (r, c + 1), (r, c), (r + 1, c))
    return shapely.polygons(np.stack([np.column_stack([lon[at], lat[at]]) for at in around], axis=1))


def landscape(lattice, *, seed, rows=50, columns=60, discs=40, gone=0.1):
    """Random residents with holes of no data, random institutions in and about the grid."""
    rng = np.random.default_rng(seed)
    values = np.where(rng.random((rows, columns)) < 0.3, 0.0, rng.uniform(0.1, 50, (rows, columns)))
    values[rng.random(values.shape) < gone] = np.nan
    geometry = quads(lattice, rows, columns)
    some = values.ravel() > 0
    cells = gpd.GeoDataFrame({"residents": values.ravel()[some]}, geometry=geometry[some], crs=CRS)
    land = shapely.union_all(geometry[~np.isnan(values.ravel())], grid_size=1e-12)
    people = Population(cells, land, "grid", 100.0, GridCells(values, lattice.transform, lattice.system))
    lon, lat = lattice.degrees(rng.uniform(-9, columns + 9, discs), rng.uniform(-9, rows + 9, discs))
    register = gpd.GeoDataFrame(
        {
            "id": [f"P{i}" for i in range(discs)], "name": "", "service": rng.choice(["pharmacy", "outpatient"], discs),
            "tags": "", "beds": np.nan,
        },
        geometry=shapely.points(lon, lat), crs=CRS,
    )  # fmt: skip
    return people, register, places_on(lattice, rows, columns, rng)


def places_on(lattice, rows, columns, rng):
    """A ragged border from top to bottom, a hole, and a place that reaches beyond the grid."""
    y = np.linspace(-5, rows + 5, 12)
    x = columns / 2 + rng.uniform(-9, 9, 12)
    border = list(zip(x, y, strict=True))
    west = shapely.Polygon([(-5, -5), *border, (-5, rows + 5)])
    east = shapely.Polygon([(columns - 1.5, 0.5), *border, (columns - 1.5, rows - 2.25)])
    lake = shapely.Point(columns / 4, rows / 2).buffer(5.3)
    shapes = [shapely.union(west, east), west.difference(lake), east]

    def moved(xy):
        return np.column_stack(lattice.degrees(xy[:, 0], xy[:, 1]))

    level = ["city", "district", "district"]
    return gpd.GeoDataFrame(
        {"id": ["C", "W", "E"], "name": ["c", "w", "e"], "level": level, "parent": ["", "C", "C"], "residents": np.nan,
         "class": "", "settings": ""},
        geometry=shapely.transform(shapes, moved), crs=CRS,
    )  # fmt: skip


def assert_same(fast, slow, **tolerance):
    for column in slow.columns:
        if pd.api.types.is_float_dtype(slow[column]):
            np.testing.assert_allclose(fast[column], slow[column], **tolerance, err_msg=column)
        else:
            assert (fast[column] == slow[column]).all(), column


class Numbers(Population):
    """A population that makes no polygons of its cells."""

    def __init__(self, grid):
        self.__dict__ |= {"grid": grid, "kind": "grid", "cell_m": 100.0, "land": None}

    @property
    def cells(self):
        pytest.fail("a grid's cells were asked for as polygons")

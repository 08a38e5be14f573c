"""Drawings of a plan: residents under them, as numbers of a grid or as polygons."""

import re
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import pytest
import shapely
from landscapes import GRIDS, Numbers, landscape

from circle15.draw.shades import COLOURS, shade_paths
from circle15.schema import CRS, Population


@dataclass
class Plane:
    """A view on which a degree is so many pixels."""

    bounds: tuple[float, float, float, float]
    pixels: float

    def __post_init__(self):
        west, south, east, north = self.bounds
        self.wide, self.high = (east - west) * self.pixels, (north - south) * self.pixels

    def xy(self, lon, lat):
        return (lon - self.bounds[0]) * self.pixels, (self.bounds[3] - lat) * self.pixels


def view_of(people, *, across):
    """The middle of the cells, `across` pixels a cell."""
    west, south, east, north = people.cells.total_bounds
    x, y = (east - west) / 4, (north - south) / 4
    size = float(np.median(shapely.bounds(people.cells.geometry.array)[:, 2] - people.cells.geometry.bounds["minx"]))
    return Plane((west + x, south + y, east - x, north - y), across / size)


def boxes(paths):
    return [tuple(map(float, m)) for p in paths for m in re.findall(r"M(\S+) (\S+?)H(\S+?)V(\S+?)H", p)]


@pytest.mark.parametrize("name", ["degrees", "plane", "slanted"])
@pytest.mark.parametrize("across", [0.3, 6.0])
def test_a_grid_is_drawn_as_its_cells_are(name, across):
    people, _, _ = landscape(GRIDS[name], seed=21)
    view = view_of(people, across=across)
    drawn = shade_paths(Numbers(people.grid), view)
    assert len(drawn) > 1
    assert drawn == shade_paths(replace(people, grid=None), view)


def test_cells_finer_than_a_pixel_are_painted_once_and_the_darkest_shows():
    cells = [shapely.box(105 + i * 0.001, 37, 105.001 + i * 0.001, 37.001) for i in range(20)]
    km2 = 0.088 * 0.111
    residents = [200 * km2] * 10 + [20_000 * km2] + [200 * km2] * 9
    table = gpd.GeoDataFrame({"residents": residents}, geometry=cells, crs=CRS)
    paths = shade_paths(Population(table, None, "grid", 100.0), Plane((105, 37, 105.02, 37.001), 500.0))
    assert [p.split('"')[1] for p in paths] == [COLOURS[0], COLOURS[3]]
    assert boxes(paths) == [(0, 0, 5, 1), (6, 0, 10, 1), (5, 0, 6, 1)]

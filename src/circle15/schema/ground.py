"""What one assessment looks at 评估对象: residents, streets, and the city that holds them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

from circle15.schema.tables import standing_on

if TYPE_CHECKING:
    import datetime as dt

    import geopandas as gpd
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from circle15.schema.tables import Source


class GridValues(Protocol):
    """Numbers of a grid that are read where they are asked for: an array, or a raster on disk."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns."""

    def __getitem__(self, part: tuple[slice, slice], /) -> NDArray[Any]:
        """A window as an array."""


@dataclass(frozen=True)
class GridCells:
    """A regular grid as plain numbers 人口格网, beside or instead of its cells as geometries.

    Parameters
    ----------
    values
        (rows, columns) residents, float32 or float64; NaN where the source has no data.
    transform
        (a, b, c, d, e, f): x = a·column + b·row + c, y = d·column + e·row + f, of cell corners.
    system
        Reference system of x and y in any form that PROJ reads; "" for degrees of WGS 84 or CGCS2000.
    """

    values: GridValues
    transform: tuple[float, float, float, float, float, float]
    system: str = ""


@dataclass(frozen=True)
class Population:
    """Residents on the ground 人口: cells of a grid, areas, or points.

    Parameters
    ----------
    cells
        GeoDataFrame, EPSG:4326: `residents` (people in the cell) and geometry (polygon, or point when kind is "point").
        Only cells with residents > 0 are kept.
    land
        Ground that the source covers (EPSG:4326), nodata left out; None where the source cannot tell (points).
    kind
        "grid" (cells of one size), "area" (places with residents) or "point".
    cell_m
        Typical width of a cell in metres (NaN for points).
    grid
        The same cells as numbers where they come from a raster: what is measured on them is measured far faster, with
        the same result. A table that changes residents leaves it out.
    """

    cells: gpd.GeoDataFrame
    land: BaseGeometry | None
    kind: Literal["grid", "area", "point"]
    cell_m: float
    grid: GridCells | None = None

    def blocks(self) -> Iterator[Population]:
        """Itself as the only block, so that a city and a streamed raster are measured by the same code."""
        yield self


class PopulationBlocks:
    """A population too large to hold: blocks are read anew at each pass.

    Each cell stands in exactly one block. `open_blocks` is called for every pass and yields `Population` pieces;
    `grid` holds all cells as numbers that are read where they are asked for.
    """

    def __init__(self, open_blocks: Iterable[Population], *, cell_m: float, grid: GridCells | None = None) -> None:
        self._open = open_blocks
        self.cell_m = cell_m
        self.grid = grid
        self.kind: Literal["grid"] = "grid"

    def blocks(self) -> Iterator[Population]:
        """One pass over all blocks."""
        yield from self._open


@dataclass(frozen=True)
class Streets:
    """Ways that people may walk 步行路网: nodes, edges between them, and the course of each edge; arrays are read-only.

    Every edge is walked both ways and stands once. Parameters (n nodes, m edges, s vertices):

    lon, lat
        (n,) nodes, degrees WGS 84.
    u, v
        (m,) nodes at both ends of each edge; equal for a loop.
    length_m
        (m,) geodesic length along the vertices.
    shape_lon, shape_lat
        (s,) vertices of all edges, each edge from its u to its v, both ends included.
    shape_m
        (s,) metres from u along the edge to each vertex.
    shape_start
        (m + 1,) first vertex of each edge.
    start, other, edge
        (n + 1,), (2m,), (2m,) for every node the run of its neighbours and by which edge each is reached.
    elevation_m
        (n,) height of the nodes; NaN where the source does not tell.
    """

    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    u: NDArray[np.int64]
    v: NDArray[np.int64]
    length_m: NDArray[np.float64]
    shape_lon: NDArray[np.float64]
    shape_lat: NDArray[np.float64]
    shape_m: NDArray[np.float64]
    shape_start: NDArray[np.int64]
    start: NDArray[np.int64]
    other: NDArray[np.int64]
    edge: NDArray[np.int64]
    elevation_m: NDArray[np.float64]

    def __post_init__(self) -> None:
        for array in vars(self).values():
            array.setflags(write=False)


WALKING_M_PER_S = 1.2
"""Usual walking speed at 70 to 79 years (Bohannon & Williams Andrews 2011: 1.13 m/s women, 1.26 m/s men); 15 minutes
are 1,080 m."""
MAX_SNAP_M = 250.0
"""Farther than this from every street a place is on none (blocks are 100 to 250 m wide)."""

Mode = Literal["walk", "ebike", "car"]
MODES: tuple[Mode, ...] = ("walk", "ebike", "car")
SPEEDS_M_PER_S: Mapping[Mode, float] = {"walk": WALKING_M_PER_S, "ebike": 15 / 3.6, "car": 30 / 3.6}
"""Speed of each mode: walking as above; e-bikes 15 km/h 道路交通安全法第五十八条; cars 30 km/h on town streets without
a centre line 道路交通安全法实施条例第四十五条. Legal limits, not measurements: a plan may set its own."""


@dataclass(frozen=True)
class Pace:
    """How a way on foot is measured 步行参数.

    Parameters
    ----------
    metres_per_s
        Speed on the flat.
    slope
        "tobler" scales the speed of each edge by the heights of its ends (Tobler 1993), as the mean of the way there
        and back; edges without heights count as flat.
    max_snap_m
        How far from a street a place may lie, bound included; that way is walked too.
    """

    metres_per_s: float = WALKING_M_PER_S
    slope: Literal["flat", "tobler"] = "flat"
    max_snap_m: float = MAX_SNAP_M

    def minutes(self, metres: NDArray[np.float64]) -> NDArray[np.float64]:
        """Minutes on the flat."""
        return metres / (self.metres_per_s * 60.0)

    def metres(self, minutes: float) -> float:
        """Metres on the flat that so many minutes take."""
        return minutes * 60.0 * self.metres_per_s


@dataclass(frozen=True)
class City:
    """What one assessment looks at: institutions, residents, places, and where each came from.

    `streets` is the walk network where one was given, `pace` how it is walked; `denominators` numbers of people by
    place (place_id, name, heading, means, value, source) that rules may divide by 分母. `as_of` is the day of the
    judgement 研判日期 and `as_of_from` who told it; as read, `institutions` is the whole dated register.
    """

    institutions: gpd.GeoDataFrame
    population: Population | PopulationBlocks
    places: gpd.GeoDataFrame
    sources: tuple[Source, ...] = ()
    name: str = ""
    simulated: bool = False
    streets: Streets | None = None
    pace: Pace = Pace()
    denominators: pd.DataFrame | None = None
    as_of: dt.date | None = None
    as_of_from: Literal["", "city_file", "option"] = ""

    def on(self, day: dt.date | None = None) -> City:
        """The city with those institutions alone that stand on a day: its own, or the one given, which overrules it."""
        told = self if day in {None, self.as_of} else replace(self, as_of=day, as_of_from="option")
        return replace(told, institutions=standing_on(self.institutions, told.as_of))

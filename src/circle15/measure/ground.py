"""Population and places indexed once, for many small questions about single sites 人口与区划索引.

Same numbers as `circles.measure_circles` and `density.measure_density` (their slow twins), without going over all
cells and outlines for each question.
"""

from __future__ import annotations

import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from circle15.measure.cells import CellArrays, disc_fractions, pack_cells
from circle15.measure.circles import boxes_about, circle_ground, ground_columns, land_within_km2, point_degrees
from circle15.measure.density import LEVELS, place_densities
from circle15.measure.grid_ground import cell_densities, squares_of
from circle15.measure.pieces import first_of
from circle15.project.metric import PointTree, areas_m2
from circle15.quantities import M2_PER_KM2
from circle15.schema import Population

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    from circle15.schema import PopulationBlocks

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]

_PART_SITES, _PART_SQUARES = 12_500, 4
_STRIP_DEG = 0.01
_PREPARED = threading.Lock()
"""GEOS indexes a prepared outline when it is first asked; two threads at once would break memory."""


class Ground:
    """The population and the places of a city, indexed.

    Parameters
    ----------
    population
        Residents: cells held in memory (EPSG:4326), or a grid in memory or on disk.
    places
        `id`, `name`, `level`, `residents`, `settings` and outline.
    """

    def __init__(self, population: Population | PopulationBlocks, places: gpd.GeoDataFrame) -> None:
        self.population = population
        self.places = places
        self._levels = {level: _Outlines(places[places["level"] == level]) for level in LEVELS}

    @property
    def _held(self) -> Population:
        """Cells in memory, where there is no grid."""
        assert isinstance(self.population, Population)  # noqa: S101 - blocks come with a grid
        return self.population

    @cached_property
    def _cells_residents(self) -> FloatArray:
        return np.asarray(self._held.cells["residents"], dtype=np.float64)

    @cached_property
    def _cells(self) -> CellArrays:
        return pack_cells(self._held.cells)

    @cached_property
    def _sizes(self) -> list[tuple[IndexArray, PointTree, float]]:
        """Cells of like size together, so that a large one widens no search: places, tree, reach."""
        sizes = np.ceil(np.log2(np.maximum(self._cells.reach_m, 1.0)))
        found = []
        for size in np.unique(sizes):
            cells = np.flatnonzero(sizes == size)
            tree = PointTree(self._cells.lon[cells], self._cells.lat[cells])
            found.append((cells, tree, float(self._cells.reach_m[cells].max())))
        return found

    @cached_property
    def _outlines_of_cells(self) -> shapely.STRtree:
        return shapely.STRtree(np.asarray(self._held.cells.geometry.array, dtype=object))

    @cached_property
    def _township_densities(self) -> FloatArray:
        townships = self._levels["township"].table
        return place_densities(townships, np.arange(len(townships)), self.population)

    def parts(self, lon: FloatArray, lat: FloatArray) -> list[IndexArray]:
        """Points (positions) that lie together, part by part, for threads to measure; all in one where they are few.

        A grid on disk is then read square by square once; what all parts ask for is made beforehand.
        """
        grid = self.population.grid
        if grid is None or len(lon) <= _PART_SITES:
            return [np.arange(len(lon))]
        _ = self._township_densities
        square = np.unique(squares_of(grid, lon, lat), return_inverse=True)[1]
        # strip by strip within a square: what one circle has read is still at hand for the next
        order = np.lexsort((lon, np.floor(lat / _STRIP_DEG), square))
        one, other = square[order] // _PART_SQUARES, np.arange(len(lon)) // _PART_SITES
        return np.split(order, np.flatnonzero((np.diff(one) > 0) | (np.diff(other) > 0)) + 1)

    def circles(self, lon: FloatArray, lat: FloatArray, *, radius_m: float) -> dict[str, FloatArray]:
        """Residents and land of each circle, as `measure_circles` gives them, without the neighbours.

        Parameters
        ----------
        lon, lat
            (n,) EPSG:4326 degrees; NaN gives NaN.
        radius_m
            Radius in metres, bound included.

        Returns
        -------
        Columns (n,): residents_within, circle_km2, circle_land_km2, density_circle_per_km2.
        """
        if self.population.grid is not None:
            residents, land_km2 = circle_ground(self.population, lon, lat, radius_m=radius_m)
        else:
            residents = self._on_cells(lon, lat, radius_m)
            land_km2 = np.full(len(lon), np.pi * radius_m**2 / M2_PER_KM2)
            if self._held.land is not None:
                land_km2 = land_within_km2(lon, lat, self._held.land, radius_m)
        return ground_columns(lon, lat, residents, land_km2, radius_m=radius_m)

    def _on_cells(self, lon: FloatArray, lat: FloatArray, radius_m: float) -> FloatArray:
        residents = np.zeros(len(lon))
        for cells, tree, reach_m in self._sizes:
            at, near = tree.candidates(lon, lat, radius_m + reach_m)
            cell = cells[near]
            share = disc_fractions(self._cells, cell, lon[at], lat[at], radius_m=radius_m)
            residents += np.bincount(at, share * self._cells.residents[cell], minlength=len(lon))
        return residents

    def density(self, points: NDArray[np.object_]) -> dict[str, NDArray[Any]]:
        """Places that hold each point (n,) and densities over township and cell, as `measure_density` gives them.

        Columns (n,) besides: township_settings, the marks of the township.
        """
        out: dict[str, NDArray[Any]] = {}
        held = {level: outlines.holding(points) for level, outlines in self._levels.items()}
        for level, at in held.items():
            for column in ("id", "name"):
                out[f"{level}_{column}"] = np.append(self._levels[level].words[column], "")[at]
        out["density_place_per_km2"] = np.append(self._township_densities, np.nan)[held["township"]]
        out["density_cell_per_km2"] = self._cell_densities(points)
        out["township_settings"] = np.append(self._levels["township"].words["settings"], "")[held["township"]]
        return out

    def bordering(self, point: shapely.Point, accuracy_m: float) -> IndexArray:
        """Places (positions, rising) one of whose borders may lie within `accuracy_m` of a point.

        With them come those that hold the point, so that the ground about it is told whole; none where no border is
        near.
        """
        boxes = boxes_about(np.array([point.x]), np.array([point.y]), accuracy_m)
        _, pieces = self._borders[0].query(boxes, predicate="intersects")
        if not len(pieces):
            return np.empty(0, dtype=np.int64)
        return np.union1d(self._borders[1][pieces], self._everywhere.query(point))

    def beside_border(self, lon: FloatArray, lat: FloatArray, accuracy_m: FloatArray) -> NDArray[np.bool_]:
        """Whether a border of a place may lie within `accuracy_m` of points (n,)."""
        found = np.zeros(len(lon), dtype=bool)
        for metres in np.unique(accuracy_m):
            at = np.flatnonzero(accuracy_m == metres)
            boxes = boxes_about(lon[at], lat[at], float(metres))
            found[at[self._borders[0].query(boxes, predicate="intersects")[0]]] = True
        return found

    @cached_property
    def _everywhere(self) -> shapely.STRtree:
        return shapely.STRtree(np.asarray(self.places.geometry.array, dtype=object))

    @cached_property
    def _borders(self) -> tuple[shapely.STRtree, IndexArray]:
        """Pieces of all outlines, short enough for a tree to tell them apart, and the place of each."""
        lines, place = shapely.get_parts(shapely.boundary(self._everywhere.geometries), return_index=True)
        xy, line = shapely.get_coordinates(lines, return_index=True)
        follows = np.flatnonzero(line[1:] == line[:-1])
        pieces = shapely.linestrings(np.stack([xy[follows], xy[follows + 1]], axis=1))
        return shapely.STRtree(np.asarray(pieces, dtype=object)), np.asarray(place[line[follows]], dtype=np.int64)

    def _cell_densities(self, points: NDArray[np.object_]) -> FloatArray:
        if self.population.grid is not None:
            return cell_densities(self.population.grid, *point_degrees(points))
        density = np.full(len(points), np.nan)
        block = self._held
        if block.kind == "point":
            return density
        point, cell = self._outlines_of_cells.query(points, predicate="intersects")
        first = first_of(point, cell, len(points))
        held = np.flatnonzero(first >= 0)
        cells = self._outlines_of_cells.geometries[first[held]]
        density[held] = self._cells_residents[first[held]] / (areas_m2(cells) / M2_PER_KM2)
        if block.land is not None:
            density[np.isnan(density) & shapely.intersects(block.land, points)] = 0.0
        return density


class _Outlines:
    """Outlines of one level, in the order of their ids."""

    def __init__(self, table: gpd.GeoDataFrame) -> None:
        self.table = table.iloc[np.argsort(table["id"].to_numpy().astype(str), kind="stable")]
        self.words = {
            column: self.table[column].fillna("").to_numpy(dtype=object) for column in ("id", "name", "settings")
        }
        self._geometries = np.asarray(self.table.geometry.array, dtype=object)
        shapely.prepare(self._geometries)
        self._tree = shapely.STRtree(self._geometries)

    def holding(self, points: NDArray[np.object_]) -> IndexArray:
        """Position (n,) of the first outline by id that holds each point, border included; -1 where none does."""
        point, place = self._tree.query(points)
        with _PREPARED:
            inside = shapely.intersects(self._geometries[place], points[point])
        return first_of(point[inside], place[inside], len(points))

"""Residents on the ground 人口: rasters, areas with residents, points with residents.

Reading.table   schema.Population (cells in EPSG:4326, only those with residents), or PopulationBlocks
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, cast

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from circle15.project.lattice import Lattice
from circle15.project.metric import areas_m2
from circle15.read.faults import Faults, fail, listed, positions_of
from circle15.read.files import CSV, EXCEL, RASTER, VECTOR, Reading, checked_path, source_of
from circle15.read.points import layer_points, read_positions
from circle15.read.raster import Bounds, plan_raster, widened
from circle15.read.raster_cells import MAX_CELLS, RasterPopulation, read_raster
from circle15.read.tables import read_tables
from circle15.read.values import Column, is_blank, numbers
from circle15.read.vectors import known_crs, read_layer
from circle15.read.words_in import accepted, match_columns
from circle15.schema import CRS, Datum, GridCells, Population, PopulationBlocks

MARGIN_M = 2000.0
"""Ground beyond the city that is read too: circles at the border and those of their neighbours reach there."""
_POINT_KINDS = (0, 4)
_AREA_KINDS = (3, 6)
_GRID_SPREAD = 0.05
_ROWS = 64
_GRID_SHARE = 0.8


def read_population(
    path: str | os.PathLike[str],
    *,
    crs: str | None = None,
    datum: Datum | None = None,
    residents_column: str | None = None,
    within: Bounds | BaseGeometry | None = None,
    margin_m: float = MARGIN_M,
    nodata: float | None = None,
    encoding: str | None = None,
    layer: str | None = None,
    max_cells: int = MAX_CELLS,
    assume_wgs84: bool = False,
) -> Reading[Population | PopulationBlocks]:
    """Read residents from a GeoTIFF, a vector file of areas or points, or a table of points.

    Parameters
    ----------
    path
        .tif (band 1: residents in each cell), a vector file, or .csv/.xlsx with longitude, latitude and residents.
    crs
        For files that state none, and for tables in another system than degrees.
    datum
        What degrees mean; needed for tables and for vector files in plain WGS 84. A raster is taken as its CRS says.
    residents_column
        Column of residents where the alias table does not know it.
    within, margin_m
        City (bounds or geometry, EPSG:4326 degrees) and the ground around it; only that is read, bounds included.
    nodata
        Value of cells without data where a raster does not declare it.
    max_cells
        A raster with more populated cells in the window comes as PopulationBlocks.
    assume_wgs84
        Take a vector file in plain WGS 84 at its word where no datum is told, with a warning.

    Raises
    ------
    InputError
        No CRS, negative or infinite residents, nothing within the city, missing column, file faults.
    """
    file = checked_path(path, kinds=(*RASTER, *VECTOR, *CSV, *EXCEL))
    faults = Faults(file.name)
    bounds = None if within is None else _bounds(within)
    held: Population | PopulationBlocks
    if file.suffix.lower() in RASTER:
        plan = plan_raster(file, faults, crs=crs, within=bounds, margin_m=margin_m, nodata=nodata)
        held, system, told = read_raster(plan, faults, max_cells=max_cells), plan.crs, "wgs84"
    elif file.suffix.lower() in VECTOR:
        read = read_layer(file, faults, datum=datum, crs=crs, encoding=encoding, layer=layer, assume_wgs84=assume_wgs84)
        held = _from_layer(read.frame, faults, residents_column)
        system, told = read.crs, read.datum
    else:
        held = _from_table(file, faults, residents_column, datum=datum, crs=crs, encoding=encoding, layer=layer)
        system, told = crs or "", datum or "wgs84"
    if isinstance(held, Population):
        held = _within(file, held, bounds, margin_m)
    options = {
        "crs": system,
        "residents_column": residents_column,
        "nodata": nodata,
        "encoding": encoding,
        "layer": layer,
        "within": None if bounds is None else [round(b, 6) for b in bounds],
        "margin_m": None if bounds is None else margin_m,
    }
    return Reading(held, (source_of("population", file, datum=told, options=options),), faults.warnings)


def _bounds(within: Bounds | BaseGeometry) -> Bounds:
    if isinstance(within, BaseGeometry):
        return cast("Bounds", tuple(float(b) for b in within.bounds))
    return within


def _within(file: Path, held: Population, bounds: Bounds | None, margin_m: float) -> Population:
    """Cells that touch the city's bounds and margin; the land is left whole."""
    if bounds is None:
        return held
    box = widened(bounds, margin_m)
    if held.grid is not None:
        return _grid_within(file, held.grid, box)
    near = _touch(shapely.bounds(held.cells.geometry.to_numpy()).T, box)
    if not near.any():
        raise fail(file, "population_outside")
    if near.all():
        return held
    return Population(held.cells[near].reset_index(drop=True), held.land, held.kind, held.cell_m)


def _touch(edges: npt.NDArray[np.float64], box: Bounds) -> npt.NDArray[np.bool_]:
    """Whether what lies between these edges (west, south, east, north; each of one shape) touches a box."""
    west, south, east, north = box
    low_x, low_y, high_x, high_y = edges
    return np.asarray((low_x <= east) & (high_x >= west) & (low_y <= north) & (high_y >= south))


def _grid_within(file: Path, grid: GridCells, box: Bounds) -> Population:
    """The grid with residents only in cells that touch the box."""
    values, lattice = np.array(grid.values), Lattice(grid.transform, grid.system)
    for row in range(0, len(values), _ROWS):  # corners of the whole grid would take eighteen times its own memory
        part = values[row : row + _ROWS]
        corner = np.stack(lattice.moved(row, 0).corners(*part.shape))
        four = np.stack([corner[:, 1:, :-1], corner[:, 1:, 1:], corner[:, :-1, 1:], corner[:, :-1, :-1]])
        part[(part > 0) & ~_touch(np.concatenate([four.min(axis=0), four.max(axis=0)]), box)] = 0.0
    if not (values > 0).any():
        raise fail(file, "population_outside")
    return RasterPopulation(replace(grid, values=values))


def _residents(frame: pd.DataFrame, rows: Sequence[int], faults: Faults, name: str | None, sheet: str | None) -> Any:  # noqa: ANN401 - floats or None
    found = [str(c) for c in frame.columns]
    matched = match_columns(found, "population", {"residents": name} if name else None)
    if name is not None and name not in found:
        faults.error("column_mapped_missing", sheet=sheet, column=name, target="residents", found=listed(found))
    if "residents" not in matched:
        faults.column_missing("residents", accepted("population")["residents"], found, sheet=sheet)
        faults.raise_errors()
    column = Column(frame[matched["residents"]].tolist(), rows, matched["residents"], sheet)
    values = numbers(column, faults, minimum=0.0)
    blank = sum(1 for cell in column.cells if is_blank(cell))
    if blank:
        faults.warn("residents_blank", sheet=sheet, column=column.name, count=blank)
    return values


def _from_layer(frame: gpd.GeoDataFrame, faults: Faults, name: str | None) -> Population:
    rows = range(1, len(frame) + 1)
    attributes = pd.DataFrame(frame.drop(columns="geometry")).astype(object)
    residents = _residents(attributes, rows, faults, name, None)
    geometries = frame.geometry.to_numpy()
    missing = np.asarray(shapely.is_missing(geometries) | shapely.is_empty(geometries))
    kinds = shapely.get_type_id(geometries[~missing])
    if len(kinds) and np.isin(kinds, _POINT_KINDS).all():
        points = layer_points(geometries, rows, faults)
        faults.raise_errors()
        return _points(points.lon, points.lat, residents, faults)
    for i in positions_of(missing):
        faults.error("geometry_missing", row=i + 1)
    for i in positions_of(~missing & ~np.isin(shapely.get_type_id(geometries), _AREA_KINDS)):
        faults.error("geometry_not_polygon", row=i + 1, kind=geometries[i].geom_type)
    for i in positions_of(~missing & ~np.asarray(shapely.is_valid(geometries))):
        faults.error("area_invalid", row=i + 1, reason=shapely.is_valid_reason(geometries[i]))
    faults.raise_errors()
    return _areas(geometries, residents, faults)


def _areas(geometries: npt.NDArray[Any], residents: npt.NDArray[np.float64], faults: Faults) -> Population:
    areas = areas_m2(geometries)
    typical = float(np.median(areas))
    alike = np.abs(areas - typical) <= _GRID_SPREAD * typical
    kind: Literal["grid", "area"] = "grid" if alike.mean() >= _GRID_SHARE else "area"
    land = shapely.union_all(geometries)
    keep = residents > 0
    if not keep.any():
        raise fail(Path(faults.file), "population_none")
    cells = gpd.GeoDataFrame({"residents": residents[keep]}, geometry=geometries[keep], crs=CRS)
    return Population(cells, land, kind, float(np.sqrt(typical)))


def _points(lon: npt.ArrayLike, lat: npt.ArrayLike, residents: npt.NDArray[np.float64], faults: Faults) -> Population:
    keep = residents > 0
    if not keep.any():
        raise fail(Path(faults.file), "population_none")
    points = shapely.points(np.asarray(lon)[keep], np.asarray(lat)[keep])
    return Population(gpd.GeoDataFrame({"residents": residents[keep]}, geometry=points, crs=CRS), None, "point", np.nan)


def _from_table(
    file: Path,
    faults: Faults,
    name: str | None,
    *,
    datum: Datum | None,
    crs: str | None,
    encoding: str | None,
    layer: str | None,
) -> Population:
    if datum is None and crs is None:
        raise fail(file, "datum_unstated")
    columns = {"residents": name} if name else None
    raw = read_tables(file, faults, kind="population", columns=columns, sheet=layer, encoding=encoding)[0]
    matched = match_columns(raw.columns, "population", columns)
    for target in ("lon", "lat"):
        if target not in matched:
            faults.column_missing(target, accepted("population")[target], raw.columns, sheet=raw.sheet)
    residents = _residents(raw.frame, raw.rows, faults, name, raw.sheet)
    faults.raise_errors()
    x, y = (Column(raw.frame[matched[t]].tolist(), raw.rows, matched[t], raw.sheet) for t in ("lon", "lat"))
    system = None if crs is None else known_crs(file, crs)
    points = read_positions(x, y, faults, datum=datum or "wgs84", crs=system)
    faults.raise_errors()
    return _points(points.lon, points.lat, residents, faults)

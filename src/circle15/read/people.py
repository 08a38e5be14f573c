"""Residents against official totals 人口核对: per place, with the factors used; cells outside; places without any."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from circle15.errors import Problem
from circle15.project.lattice import Lattice
from circle15.schema import CRS, City, Population

GRID_OFF = 0.05
"""Totals that differ from the official ones by more than this share are named."""
_SHARE, _GRID_SHARE = 0.001, 0.05
_SHOWN = 2000

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PeopleCheck:
    """Residents of a city's population source against its places.

    Parameters
    ----------
    totals
        One row a place: place_id, name, level, official, grid (residents of cells whose centre lies in it, as used),
        before (as read, where they were scaled), factor (NaN where not scaled), difference (grid / official - 1).
    outside
        Cells whose centre lies in no place of the lowest level that covers the city: residents and geometry, the most
        populated first (at most 2,000).
    outside_cells, outside_residents
        Number of all such cells and their residents.
    between_cells, between_residents
        Those of them within a city or district but in no township, where there are townships.
    """

    totals: pd.DataFrame
    outside: gpd.GeoDataFrame
    outside_cells: int
    outside_residents: float
    between_cells: int
    between_residents: float
    problems: tuple[Problem, ...]


@dataclass
class _Sums:
    """Running sums over the blocks of a population."""

    totals: FloatArray
    everyone: float = 0.0
    outside_cells: int = 0
    outside: float = 0.0
    between_cells: int = 0
    between: float = 0.0
    shown: list[gpd.GeoDataFrame] = field(default_factory=list)


def check_people(city: City, scaling: pd.DataFrame | None = None) -> PeopleCheck:
    """Add up the residents of every place and compare; `scaling` is the table of scale_population."""
    places = city.places
    sums = _Sums(np.zeros(len(places)))
    outlines = np.asarray(places.geometry.array, dtype=object)
    shapely.prepare(outlines)
    for block in city.population.blocks():
        _add(sums, _cells_of(block), places, outlines)
    table = _table(places, sums.totals, scaling)
    kept = pd.concat(sums.shown).sort_values("residents", ascending=False, kind="stable") if sums.shown else None
    outside = gpd.GeoDataFrame(
        {"residents": [] if kept is None else kept["residents"].to_numpy()[:_SHOWN]},
        geometry=[] if kept is None else kept.geometry.to_numpy()[:_SHOWN],
        crs=CRS,
    )
    problems = [*_of_places(table), *_of_cells(sums, grid=city.population.kind == "grid")]
    return PeopleCheck(
        table, outside, sums.outside_cells, sums.outside, sums.between_cells, sums.between, tuple(problems)
    )


def _table(places: gpd.GeoDataFrame, totals: FloatArray, scaling: pd.DataFrame | None) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "place_id": places["id"].to_numpy(),
            "name": places["name"].to_numpy(),
            "level": places["level"].to_numpy(),
            "official": places["residents"].to_numpy(dtype=np.float64),
            "grid": totals,
        }
    )
    factors = {} if scaling is None else scaling.set_index("place_id")[["before", "factor"]].to_dict("index")
    for name in ("before", "factor"):
        table[name] = [factors.get(i, {}).get(name, np.nan) for i in table["place_id"]]
    official = table["official"].to_numpy()
    table["difference"] = np.divide(totals, official, out=np.full(len(totals), np.nan), where=official > 0) - 1
    return table


@dataclass(frozen=True)
class _Cells:
    """Cells of a block (n): people, centres in degrees, and the outlines of some of them where they are asked for."""

    residents: FloatArray
    lon: FloatArray
    lat: FloatArray
    shapes: Callable[[npt.NDArray[np.int64]], npt.NDArray[np.object_]]


def _cells_of(block: Population) -> _Cells:
    if block.grid is not None:
        lattice, values = Lattice(block.grid.transform, block.grid.system), np.asarray(block.grid.values)
        row, column = np.nonzero(values > 0)
        lon, lat = lattice.degrees(column.astype(np.float64) + 0.5, row.astype(np.float64) + 0.5)
        residents = values[row, column].astype(np.float64)
        return _Cells(residents, lon, lat, lambda chosen: lattice.quads(row[chosen], column[chosen]))
    drawn = np.asarray(block.cells.geometry.array, dtype=object)
    centres = shapely.centroid(drawn)
    residents = block.cells["residents"].to_numpy(dtype=np.float64)
    return _Cells(residents, shapely.get_x(centres), shapely.get_y(centres), lambda chosen: drawn[chosen])


def _add(sums: _Sums, cells: _Cells, places: gpd.GeoDataFrame, outlines: npt.NDArray[np.object_]) -> None:
    """Add one block: residents by place, and the cells near the city whose centre lies in none."""
    residents, x, y = cells.residents, cells.lon, cells.lat
    centres = np.asarray(shapely.points(x, y), dtype=object)
    place, cell = shapely.STRtree(centres).query(outlines, predicate="intersects")
    sums.totals += np.bincount(place, weights=residents[cell], minlength=len(sums.totals))
    sums.everyone += float(residents.sum())
    levels = places["level"].to_numpy()
    west, south, east, north = places.total_bounds
    outside = (x >= west) & (x <= east) & (y >= south) & (y <= north)
    outside[cell] = False
    sums.outside_cells += int(outside.sum())
    sums.outside += float(residents[outside].sum())
    if outside.any():
        most = np.flatnonzero(outside)
        most = most[np.argsort(-residents[most], kind="stable")[:_SHOWN]]
        sums.shown.append(gpd.GeoDataFrame({"residents": residents[most]}, geometry=cells.shapes(most), crs=CRS))
    if (levels == "township").any():
        between = np.zeros(len(residents), dtype=bool)
        between[cell[np.isin(levels[place], ("city", "district"))]] = True
        between[cell[np.isin(levels[place], ("township", "community"))]] = False
        sums.between_cells += int(between.sum())
        sums.between += float(residents[between].sum())


def _of_places(table: pd.DataFrame) -> Iterator[Problem]:
    columns = ["name", "level", "official", "grid", "difference"]
    for name, level, official, grid, difference in table[columns].itertuples(index=False, name=None):
        if grid <= 0:
            yield Problem("check.place_empty", value=name, params={"level": level}, severity="warning")
        elif abs(difference) > GRID_OFF:
            told = {"level": level, "grid": f"{grid:,.0f}", "official": f"{official:,.0f}"}
            told["percent"] = f"{100 * difference:+.1f}"
            yield Problem("check.grid_total", value=name, params=told, severity="warning")


def _of_cells(sums: _Sums, *, grid: bool) -> Iterator[Problem]:
    """Cells outside all places (a grid may well show a neighbouring city), and between places of one level."""
    for told, cells, residents, least in (
        ("check.cells_outside", sums.outside_cells, sums.outside, _GRID_SHARE if grid else _SHARE),
        ("check.cells_between", sums.between_cells, sums.between, _SHARE),
    ):
        if residents > least * sums.everyone:
            params = {"cells": f"{cells:,}", "residents": f"{residents:,.0f}"}
            params["percent"] = f"{100 * residents / sums.everyone:.2f}"
            yield Problem(told, params=params, severity="warning")

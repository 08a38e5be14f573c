"""A population grid brought to the official totals of places 按官方人口校正格网."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from circle15.errors import Problem, UsageError
from circle15.read.faults import listed
from circle15.read.raster_cells import RasterPopulation
from circle15.schema import PlaceLevel, Population, PopulationBlocks

_ROUNDS = 200
_AGREED = 1e-9

FloatArray = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.intp]


def scale_population(
    population: Population | PopulationBlocks, places: gpd.GeoDataFrame, *, level: PlaceLevel
) -> tuple[Population, pd.DataFrame]:
    """Scale residents so that each place of one level holds its official total.

    Parameters
    ----------
    population
        Cells, areas or points; one that is read in blocks is refused.
    places
        Table of places (EPSG:4326); those of `level` with an official total are scaled to, the others kept as they are.
    level
        Level whose totals count.

    Returns
    -------
    tuple
        The scaled population, and one row a place: place_id, name, before, official, factor, after. The last row
        (place_id "") holds the residents outside all these places, who stay as they are.

    Raises
    ------
    UsageError
        For a population read in blocks, and where no place of the level has an official total.

    Notes
    -----
    A cell wholly inside a place takes its factor. A cell on a border is split by the share of its area in each place;
    because its parts then share one even density again, the factors are found by proportional fitting (at most 200
    rounds) until every total agrees to 1e-9. A place without any residents on the grid cannot be scaled: its factor
    is NaN.
    """
    if isinstance(population, PopulationBlocks):
        raise UsageError(Problem("scale_blocks"))
    of_level = places[places["level"] == level].reset_index(drop=True)
    if len(of_level) == 0 or of_level["residents"].isna().all():
        raise UsageError(Problem("scale_no_official", params={"level": level}))
    place, cell, share = _shares(population, of_level)
    before = population.cells["residents"].to_numpy(dtype=np.float64)
    official = of_level["residents"].to_numpy(dtype=np.float64)
    residents = _fitted(before, place, cell, share, official)
    totals = _totals(residents, place, cell, share, len(of_level))
    first = _totals(before, place, cell, share, len(of_level))
    factor = np.divide(totals, first, out=np.full(len(first), np.nan), where=first > 0)
    table = pd.DataFrame(
        {
            "place_id": of_level["id"],
            "name": of_level["name"],
            "before": first,
            "official": official,
            "factor": factor,
            "after": totals,
        }
    )
    outside = before.sum() - first.sum()
    table.loc[len(table)] = ["", "", outside, np.nan, 1.0, residents.sum() - totals.sum()]
    return _with_residents(population, residents), table


def _with_residents(population: Population, residents: FloatArray) -> Population:
    """The population with other residents (n,) in its cells; what came as a grid's numbers stays so."""
    if population.grid is None:
        cells = population.cells.assign(residents=residents)[residents > 0].reset_index(drop=True)
        return Population(cells, population.land, population.kind, population.cell_m)
    values = np.array(population.grid.values, dtype=np.float64)
    values[values > 0] = residents
    return RasterPopulation(replace(population.grid, values=values))


def scaling_warnings(file: str, table: pd.DataFrame) -> list[Problem]:
    """What scaling changed, as warnings; `table` is that of scale_population, `file` the population's."""
    named = table[table["place_id"] != ""]
    empty = named[(named["before"] <= 0) & (named["official"] > 0)]
    found = [
        Problem(
            "scale_empty_place", Path(file).name, value=name, params={"official": f"{official:.0f}"}, severity="warning"
        )
        for name, official in zip(empty["name"], empty["official"], strict=True)
    ]
    done = named[named["factor"].notna() & named["official"].notna()]
    shown = [
        f"{name} {before:.0f} → {after:.0f}"
        for name, before, after in zip(done["name"], done["before"], done["after"], strict=True)
    ]
    found.insert(
        0,
        Problem(
            "scale_applied",
            Path(file).name,
            params={
                "before": f"{named['before'].sum():.0f}",
                "after": f"{named['after'].sum():.0f}",
                "places": listed(shown),
            },
            severity="warning",
        ),
    )
    outside = float(table.loc[table["place_id"] == "", "before"].sum())
    if outside >= 1:
        found.append(
            Problem("scale_outside", Path(file).name, params={"residents": f"{outside:.0f}"}, severity="warning")
        )
    return found


def _shares(population: Population, places: gpd.GeoDataFrame) -> tuple[IndexArray, IndexArray, FloatArray]:
    """Pairs (place, cell) that meet and the share of the cell's area in the place; a point belongs to one place."""
    cells: npt.NDArray[Any] = population.cells.geometry.to_numpy()
    outlines = places.geometry.to_numpy()
    shapely.prepare(outlines)
    place, cell = shapely.STRtree(cells).query(outlines, predicate="intersects")
    if population.kind == "point":
        first = np.sort(np.unique(cell[np.lexsort((place, cell))], return_index=True)[1])
        order = np.lexsort((place, cell))[first]
        return place[order], cell[order], np.ones(len(order))
    share = np.ones(len(cell))
    inside = shapely.covers(outlines[place], cells[cell])
    part = shapely.intersection(outlines[place[~inside]], cells[cell[~inside]])
    share[~inside] = shapely.area(part) / shapely.area(cells[cell[~inside]])
    keep = share > 0
    return place[keep], cell[keep], share[keep]


def _totals(residents: FloatArray, place: IndexArray, cell: IndexArray, share: FloatArray, count: int) -> FloatArray:
    return np.bincount(place, weights=residents[cell] * share, minlength=count).astype(np.float64)


def _fitted(
    before: FloatArray, place: IndexArray, cell: IndexArray, share: FloatArray, official: FloatArray
) -> FloatArray:
    residents = before.copy()
    covered = np.bincount(cell, weights=share, minlength=len(before))
    for _ in range(_ROUNDS):
        totals = _totals(residents, place, cell, share, len(official))
        factor = np.ones(len(official))
        set_to = ~np.isnan(official) & (totals > 0)
        factor[set_to] = official[set_to] / totals[set_to]
        if np.abs(factor - 1).max(initial=0.0) <= _AGREED:
            break
        mixed = np.bincount(cell, weights=share * factor[place], minlength=len(before))
        residents *= mixed + np.maximum(1 - covered, 0.0)
    return residents

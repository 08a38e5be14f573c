"""Residents under 0, 1, 2 and more service circles, place by place 覆盖.

Residents are taken as spread evenly over their cell, so a circle covers the share of them that it covers of the cell's
area, and a cell astride a border is measured on each side by itself. Every institution's circle counts wherever it
reaches, also from beyond a border. Points are covered as wholes, by geodesic distance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely

from circle15.measure.cells import depth_fractions, pack_geometries, row_areas_m2, row_shares
from circle15.measure.grid import DEPTHS, centres_on
from circle15.measure.grid_ground import blocks_of, lattice_of
from circle15.measure.grid_places import outlines_on, people_in
from circle15.measure.pieces import Pieces, meet_places, stand_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    from numpy.typing import NDArray

    from circle15.measure.pieces import Geometries
    from circle15.quantities import Floats, Ints
    from circle15.schema import GridCells, Population, PopulationBlocks


def measure_coverage(
    population: Population | PopulationBlocks,
    institutions: gpd.GeoDataFrame,
    places: gpd.GeoDataFrame,
    *,
    radius_m: float,
    services: Sequence[str],
) -> pd.DataFrame:
    """Count covered residents for every place and service.

    Parameters
    ----------
    population
        Cells, areas or points with residents; a grid is taken as numbers, block by block.
    institutions, places
        Tables as in `schema`, EPSG:4326.
    radius_m
        Radius of the service circle; its edge belongs to it.
    services
        Services to measure.

    Returns
    -------
    One row a place and service, in the order of places, then services: place_id, name, level, parent, service,
    residents, covered, share (NaN without residents), depth_0 … depth_3 (people under exactly 0, 1, 2 and at least 3
    circles), institutions (those of the service standing in the place).
    """
    centres = [service_centres(institutions, service) for service in services]
    people = np.zeros((len(places), len(services), DEPTHS + 1))
    if population.grid is not None:
        people += _grid_people(population.grid, places, centres, radius_m)
    else:
        for block in population.blocks():
            people += _block_people(block.cells, places, centres, radius_m)
    standing = count_standing(institutions, places, services)
    frames = [_rows(places, name, people[:, s], standing[name]) for s, name in enumerate(services)]
    if not frames:
        return _rows(places.iloc[:0], "", people[:0].reshape(0, DEPTHS + 1), np.empty(0, dtype=np.int64))
    table = pd.concat(frames)
    return table.sort_index(kind="stable").reset_index(drop=True)


def count_standing(
    institutions: gpd.GeoDataFrame, places: gpd.GeoDataFrame, services: Sequence[str]
) -> dict[str, Ints]:
    """Institutions of each service that stand in each place (n,): each in one place of each level, as `locate` tells.

    Branch sites of one institution (column `institution`) count once a place.
    """
    site, place = stand_in(np.asarray(institutions.geometry.array, dtype=object), places)
    service = institutions["service"].to_numpy()[site]
    once = _first_sites(institutions, place, site)
    return {s: np.bincount(place[once & (service == s)], minlength=len(places)) for s in services}


def _first_sites(institutions: gpd.GeoDataFrame, place: Ints, site: Ints) -> NDArray[np.bool_]:
    """Sites that count: of several sites of one institution in a place (分院区) only the first does."""
    if "institution" not in institutions.columns:
        return np.ones(len(site), dtype=bool)
    whose = institutions[["service", "institution"]].iloc[site].assign(place=place).reset_index(drop=True)
    return np.asarray(~whose.duplicated() | (whose["institution"].fillna("") == ""), dtype=bool)


def piece_residents(geometries: Geometries, pieces: Pieces, residents: Floats) -> Floats:
    """Residents (m,) on each piece: those of its cell by the piece's share of the cell's area.

    `pieces` were cut from the cells `geometries` (n,) with `residents` (n,).
    """
    cut = ~pieces.whole
    people = residents[pieces.cell].astype(float)
    astride, of = np.unique(pieces.cell[cut], return_inverse=True)
    whole_m2 = row_areas_m2(pack_geometries(geometries[astride]), len(astride))[of]
    people[cut] *= row_areas_m2(pack_geometries(pieces.geometry[cut]), int(cut.sum())) / whole_m2
    return people


def service_centres(institutions: gpd.GeoDataFrame, service: str) -> tuple[Floats, Floats]:
    """Longitudes and latitudes of the institutions of one service; NaN where a position is missing."""
    points = np.asarray(institutions.geometry[institutions["service"] == service].array, dtype=object)
    return shapely.get_x(points), shapely.get_y(points)


def _grid_people(
    grid: GridCells, places: gpd.GeoDataFrame, centres: list[tuple[Floats, Floats]], radius_m: float
) -> Floats:
    """People (places, services, depths) of a grid; `_block_people` says the same of its geometries."""
    lattice = lattice_of(grid)
    outlines, on_grid = outlines_on(places, lattice), [centres_on(lon, lat, lattice) for lon, lat in centres]
    people = np.zeros((len(places), len(centres), DEPTHS + 1))
    for block in blocks_of(grid):
        covers = [block.cover(some, radius_m=radius_m, ground=False) for some in on_grid]
        people += people_in(block, outlines, covers, on_grid, radius_m=radius_m)
    return people


def _block_people(
    table: gpd.GeoDataFrame, places: gpd.GeoDataFrame, centres: list[tuple[Floats, Floats]], radius_m: float
) -> Floats:
    """People (places, services, depths) of one block of cells."""
    geometries, residents = np.asarray(table.geometry.array, dtype=object), table["residents"].to_numpy(float)
    pieces = meet_places(geometries, places)
    cells = pack_geometries(geometries)
    cut = ~pieces.whole
    parts = pack_geometries(pieces.geometry[cut])
    weight = piece_residents(geometries, pieces, residents)
    people = np.zeros((len(places), len(centres), DEPTHS + 1))
    for s, (lon, lat) in enumerate(centres):
        at_least = np.ones((len(weight), DEPTHS + 2))
        at_least[:, -1] = 0.0
        whole = row_shares(cells, depth_fractions(cells, lon, lat, radius_m=radius_m, depths=DEPTHS), len(residents))
        at_least[:, 1:-1] = whole[pieces.cell]
        own = depth_fractions(parts, lon, lat, radius_m=radius_m, depths=DEPTHS)
        at_least[cut, 1:-1] = row_shares(parts, own, int(cut.sum()))
        exactly = weight[:, None] * (at_least[:, :-1] - at_least[:, 1:])
        for depth, column in enumerate(exactly.T):
            people[:, s, depth] = np.bincount(pieces.place, column, minlength=len(places))
    return people


def _rows(places: gpd.GeoDataFrame, service: str, people: Floats, institutions: Ints) -> pd.DataFrame:
    residents, covered = people.sum(axis=1), people[:, 1:].sum(axis=1)
    none = np.full(len(places), np.nan)
    columns: dict[str, object] = {
        "place_id": places["id"].to_numpy(),
        "name": places["name"].to_numpy(),
        "level": places["level"].to_numpy(),
        "parent": places["parent"].to_numpy(),
        "service": service,
        "residents": residents,
        "covered": covered,
        "share": np.divide(covered, residents, out=none, where=residents > 0),
    }
    columns |= {f"depth_{depth}": people[:, depth] for depth in range(DEPTHS + 1)}
    return pd.DataFrame(columns | {"institutions": institutions.astype(np.int64)})

"""Totals of places: residents, ground, institutions and beds 区域总量."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely

from circle15.measure.coverage import count_standing, piece_residents
from circle15.measure.grid_ground import ground_of, without_slivers
from circle15.measure.pieces import meet_places, polygons_only, stand_in
from circle15.project.metric import areas_m2
from circle15.quantities import M2_PER_KM2, PER_10K
from circle15.schema import PLACE_LEVELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd

    from circle15.quantities import Floats, Ints
    from circle15.schema import City, Population, PopulationBlocks

DUAL_CHANNEL = "dual_channel"


def measure_totals(
    places: gpd.GeoDataFrame,
    population: Population | PopulationBlocks,
    institutions: gpd.GeoDataFrame,
    *,
    services: Sequence[str],
) -> pd.DataFrame:
    """Add up what stands and lives in every place.

    Parameters
    ----------
    places, institutions
        Tables as in `schema`, EPSG:4326.
    population
        Cells, areas or points with residents, read block by block.
    services
        Services to count.

    Returns
    -------
    One row a place, in the order of places: place_id, name, level, parent, residents_official (NaN where not given),
    residents_grid (exact area shares), residents (official where given, else grid), area_km2, land_km2 (ground that the
    population source covers, NaN where it cannot tell), density_per_km2 (residents on land_km2, else on area_km2; NaN
    on no ground), class, settings, per service n_<service> and per_10k_<service> (NaN without residents),
    n_dual_channel (pharmacies) and beds_inpatient (NaN where no inpatient institution in the place tells its beds).
    """
    grid, land_km2 = _ground(places, population)
    official = places["residents"].to_numpy(float)
    residents = np.asarray(np.where(np.isnan(official), grid, official), dtype=np.float64)
    area_km2 = areas_m2(places.geometry.array) / M2_PER_KM2
    land_km2 = without_slivers(land_km2, area_km2)
    ground_km2 = np.asarray(np.where(np.isnan(land_km2), area_km2, land_km2), dtype=float)
    table = pd.DataFrame(
        {
            "place_id": places["id"].to_numpy(),
            "name": places["name"].to_numpy(),
            "level": places["level"].to_numpy(),
            "parent": places["parent"].to_numpy(),
            "residents_official": official,
            "residents_grid": grid,
            "residents": residents,
            "area_km2": area_km2,
            "land_km2": land_km2,
            "density_per_km2": _per(residents, ground_km2),
            "class": places["class"].to_numpy(),
            "settings": places["settings"].to_numpy(),
        }
    )
    for service, count in count_standing(institutions, places, services).items():
        table[f"n_{service}"] = count
        table[f"per_10k_{service}"] = _per(count.astype(np.float64) * PER_10K, residents)
    table["n_dual_channel"] = _dual_channel(institutions, places)
    table["beds_inpatient"] = _beds(institutions, places)
    return table


def place_ids(institutions: gpd.GeoDataFrame, places: gpd.GeoDataFrame) -> pd.DataFrame:
    """Which places hold each institution 机构所在地: <level>_id for each level, "" where none does.

    Indexed like `institutions`; one on a border stands in the first place of each level, as everywhere else.
    """
    site, place = stand_in(np.asarray(institutions.geometry.array, dtype=object), places)
    ids, levels = places["id"].astype(str).to_numpy(), places["level"].astype(str).to_numpy()
    found = {}
    for level in PLACE_LEVELS:
        held = np.full(len(institutions), "", dtype=object)
        at = levels[place] == level
        held[site[at]] = ids[place[at]]
        found[f"{level}_id"] = pd.array(held, dtype="str")
    return pd.DataFrame(found, index=institutions.index)


def register_of(city: City) -> pd.DataFrame:
    """The register with the places that hold each institution, as judge/inputs.py reads it."""
    table = pd.DataFrame(city.institutions.drop(columns="geometry"))
    return pd.concat([table, place_ids(city.institutions, city.places)], axis=1)


def _ground(places: gpd.GeoDataFrame, population: Population | PopulationBlocks) -> tuple[Floats, Floats]:
    """Residents by exact area share and km² of the source's land in every place."""
    if population.grid is not None:
        residents, land_m2 = ground_of(population.grid, places)
        return residents, land_m2 / M2_PER_KM2
    residents, land = np.zeros(len(places)), np.zeros(len(places))
    for block in population.blocks():
        geometries = np.asarray(block.cells.geometry.array, dtype=object)
        pieces = meet_places(geometries, places)
        people = piece_residents(geometries, pieces, block.cells["residents"].to_numpy(float))
        residents += np.bincount(pieces.place, people, minlength=len(places))
        land += np.nan if block.land is None else _shared_km2(places, block.land)
    return residents, land


def _shared_km2(places: gpd.GeoDataFrame, land: shapely.Geometry) -> Floats:
    shapely.prepare(land)
    outlines = np.asarray(places.geometry.array, dtype=object)
    shared = outlines.copy()
    cut = ~shapely.covers(land, outlines)
    shared[cut] = shapely.intersection(outlines[cut], land)
    return areas_m2(polygons_only(shared)) / M2_PER_KM2


def _per(amount: Floats, base: Floats) -> Floats:
    return np.asarray(np.divide(amount, base, out=np.full(len(base), np.nan), where=base > 0), dtype=float)


def _dual_channel(institutions: gpd.GeoDataFrame, places: gpd.GeoDataFrame) -> Ints:
    tagged = institutions["tags"].astype(str).str.split(";").map(lambda tags: DUAL_CHANNEL in tags).to_numpy(bool)
    chosen = institutions[tagged & (institutions["service"] == "pharmacy").to_numpy()]
    return count_standing(chosen, places, ["pharmacy"])["pharmacy"]


def _beds(institutions: gpd.GeoDataFrame, places: gpd.GeoDataFrame) -> Floats:
    """Beds of the inpatient institutions in every place: 0 where there is none, NaN where none of them tells."""
    hospitals = institutions[institutions["service"] == "inpatient"]
    site, place = stand_in(np.asarray(hospitals.geometry.array, dtype=object), places)
    beds = pd.Series(hospitals["beds"].to_numpy(float)[site]).groupby(place).sum(min_count=1)
    return np.asarray(beds.reindex(range(len(places)), fill_value=0.0).to_numpy(), dtype=float)

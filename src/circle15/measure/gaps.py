"""Patches of residents beyond every service circle, ranked 服务空白.

A patch is made of populated cells that circles leave uncovered in whole or in part and that touch by an edge or a
corner; only the uncovered share of a cell's residents counts. Points with residents stand together up to 100 m.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from circle15.measure.coverage import service_centres
from circle15.measure.gap_cells import lay_out_cells
from circle15.measure.gap_grid import lay_out_grid
from circle15.measure.gap_ground import keep_bare
from circle15.measure.gap_patches import rank_patches
from circle15.measure.pieces import PART_M
from circle15.schema import GAP_MIN_RESIDENTS

if TYPE_CHECKING:
    import geopandas as gpd

    from circle15.measure.gap_ground import GapGround, Points
    from circle15.quantities import Floats, Ints
    from circle15.schema import Population, PopulationBlocks


def find_gaps(
    population: Population | PopulationBlocks,
    institutions: gpd.GeoDataFrame,
    places: gpd.GeoDataFrame,
    *,
    radius_m: float,
    service: str,
    min_residents: float = GAP_MIN_RESIDENTS,
    ground: GapGround | None = None,
) -> gpd.GeoDataFrame:
    """Find patches of residents whom no circle of a service covers.

    Parameters
    ----------
    population
        Cells, areas or points with residents, read block by block; patches run on across blocks.
    institutions, places
        Tables as in `schema`, EPSG:4326. Only cells whose centre lies in a district are looked at; in a city where
        `places` has no district; all where it has neither.
    radius_m
        Radius of the service circle; its edge belongs to it.
    service
        Service whose circles cover.
    min_residents
        Patches with fewer uncovered residents are left out.
    ground
        What `lay_out_gaps` made of the same population, places and radius, where several services are asked about.

    Returns
    -------
    One row a patch, most uncovered residents first (then from west to east, south to north), EPSG:4326: rank, gap_id,
    service, residents (uncovered), area_km2 (uncovered ground of its cells), density_per_km2, cells, the district and
    township that hold most of its residents ("" where none), the institution of the service nearest to the candidate
    point (NaN metres where there is none), the candidate point: that centre of a cell of the patch which would newly
    cover most residents, in the patch and beyond it (ties: westernmost, then southernmost), with their number; and as
    geometry the outline of the patch's cells (for points: 50 m about each).
    """
    centres = service_centres(institutions, service)
    whole = lay_out_gaps(population, places, radius_m=radius_m, centres=centres) if ground is None else ground
    bare = keep_bare(whole, whole.cells.uncovered(centres, radius_m=radius_m))
    kept = bare.ground

    def gains(candidates: Ints) -> Floats:
        at = kept.lon[candidates], kept.lat[candidates]
        return kept.cells.gains(bare.share, at, centres, radius_m=radius_m)

    theirs = institutions[institutions["service"] == service]
    return rank_patches(bare, gains, theirs, places, service=service, min_residents=min_residents)


def lay_out_gaps(
    population: Population | PopulationBlocks,
    places: gpd.GeoDataFrame,
    *,
    radius_m: float,
    centres: Points | None = None,
) -> GapGround:
    """Lay out the populated cells of the districts once, for `find_gaps` of many services.

    A grid is taken as numbers, unless its cells are so wide that they are laid out in parts. With `centres`
    (longitudes, latitudes) only cells that their circles leave uncovered in part are kept, which keeps a single service
    over many blocks small.
    """
    if population.grid is not None and population.cell_m <= PART_M:
        return lay_out_grid(population.grid, places, radius_m=radius_m, centres=centres)
    return lay_out_cells(population, places, radius_m=radius_m, centres=centres)

"""Places on a block of a population grid 区域与格网: who lives in them, under how many circles, and what has no data.

Cells astride a border are measured on each side by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import shapely

from circle15.measure.grid import DEPTHS
from circle15.measure.grid_kernels import add_up
from circle15.measure.piece_kernels import centres_held, piece_depths
from circle15.measure.pieces import polygons_only
from circle15.measure.place_kernels import lay, missing
from circle15.schema import PLACE_LEVELS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import geopandas as gpd
    from numpy.typing import NDArray

    from circle15.measure.grid import Block, Centres, Cover
    from circle15.project.lattice import Lattice
    from circle15.quantities import Floats, Ints

_SEGMENT_DEG = 0.001  # an edge of a place of 100 m strays from the plane's straight line by 0.1 mm


@dataclass(frozen=True)
class Outlines:
    """Places as they lie on a grid (k): vertices in columns and rows of the whole grid, rings, level, id, shape.

    Parameters
    ----------
    xy, ring_start, place_start
        As `place_kernels.lay` takes them.
    bounds
        (k, 4) least column, least row, greatest column, greatest row.
    level
        (k,) position in PLACE_LEVELS.
    table
        The places.
    """

    xy: Floats
    ring_start: Ints
    place_start: Ints
    bounds: Floats
    level: Ints
    table: gpd.GeoDataFrame

    def __len__(self) -> int:
        return len(self.level)

    @property
    def rings(self) -> tuple[Floats, Ints, Ints]:
        """Vertices, first vertex of each ring, first ring of each place, as kernels take them."""
        return self.xy, self.ring_start, self.place_start

    @cached_property
    def rank(self) -> Ints:
        """Order (k,) by id."""
        return np.argsort(np.argsort(self.table["id"].to_numpy().astype(str), kind="stable"), kind="stable")

    @cached_property
    def geometry(self) -> NDArray[np.object_]:
        """Outlines in degrees."""
        return np.asarray(self.table.geometry.array, dtype=object)


def outlines_on(places: gpd.GeoDataFrame, lattice: Lattice) -> Outlines:
    """Places (columns id, level, geometry; EPSG:4326) on a grid."""
    shapes = polygons_only(np.asarray(places.geometry.array, dtype=object))
    polygons, owner = shapely.get_parts(shapes, return_index=True)
    flat = shapely.get_type_id(polygons) == shapely.GeometryType.POLYGON
    polygons, owner = shapely.orient_polygons(polygons[flat]), owner[flat]
    if not lattice.straight:
        polygons = shapely.segmentize(polygons, _SEGMENT_DEG)
    rings, of = shapely.get_rings(polygons, return_index=True)
    degrees, ring = shapely.get_coordinates(rings, return_index=True)
    column, row = lattice.grid_xy(degrees[:, 0], degrees[:, 1])
    xy = np.column_stack([column, row])
    ring_start = np.searchsorted(ring, np.arange(len(rings) + 1)).astype(np.int64)
    place_start = np.searchsorted(owner[of], np.arange(len(places) + 1)).astype(np.int64)
    bounds = np.full((len(places), 4), np.nan)
    starts = ring_start[place_start]
    for k in range(len(places)):
        some = xy[starts[k] : starts[k + 1]]
        if len(some):
            bounds[k] = [*some.min(axis=0), *some.max(axis=0)]
    level = np.array([PLACE_LEVELS.index(v) for v in places["level"]], dtype=np.int64)
    return Outlines(xy, ring_start, place_start, bounds, level, places)


@dataclass(frozen=True)
class Laid:
    """Places of one level on a block, as from `lay`: labels (rows, columns), cells astride place by place, places."""

    label: NDArray[np.int32]
    cell: NDArray[np.int32]
    owner: NDArray[np.int32]
    part: Floats
    places: Ints


def places_near(block: Block, outlines: Outlines) -> Ints:
    """Positions of the places that may touch a block."""
    rows, columns = block.values.shape
    left, top, right, low = outlines.bounds.T
    with np.errstate(invalid="ignore"):
        near = (left < block.column + columns) & (right > block.column)
        near &= (top < block.row + rows) & (low > block.row)
    return np.flatnonzero(near).astype(np.int64)


def lay_places(block: Block, outlines: Outlines, places: Ints) -> Laid:
    """Lay places of one level (positions in `outlines`) on a block."""
    label, (cell, owner, part), touched = lay(
        outlines.rings,
        places,
        origin=block.origin,
        change=block.change,
        shape=block.values.shape[:2],
    )
    order = np.lexsort((cell, owner))
    return Laid(label, cell[order], owner[order], part[order], touched)


def lay_levels(block: Block, outlines: Outlines) -> dict[int, Laid]:
    """Places on the block, level by level (position in PLACE_LEVELS)."""
    near = places_near(block, outlines)
    return {
        int(level): lay_places(block, outlines, near[outlines.level[near] == level])
        for level in np.unique(outlines.level[near])
    }


def people_in(
    block: Block,
    outlines: Outlines,
    covers: Sequence[Cover],
    centres: Sequence[Centres],
    *,
    radius_m: float,
    levels: Mapping[int, Laid] | None = None,
) -> Floats:
    """Residents (places, services, DEPTHS + 1) of each place under exactly 0, 1, 2 and at least DEPTHS circles.

    A cell astride a border is measured on each side by itself. `levels` is what `lay_levels` found, where it is known.
    """
    people = np.zeros((len(outlines), len(covers), DEPTHS + 1))
    for laid in (lay_levels(block, outlines) if levels is None else levels).values():
        for s, cover in enumerate(covers):
            mine = np.zeros((len(outlines), DEPTHS + 1))
            add_up(block.values, laid.label, cover.base, cover.slot, cover.shares, mine)
            people[:, s] += mine
            people[:, s] += _astride(block, laid, outlines, cover, centres=centres[s], radius_m=radius_m)
    return people


def _astride(
    block: Block, laid: Laid, outlines: Outlines, cover: Cover, *, centres: Centres, radius_m: float
) -> Floats:
    """People (places, DEPTHS + 1) of the cells astride borders."""
    value = block.values.ravel()[laid.cell].astype(np.float64)
    peopled = np.flatnonzero(value > 0)
    cell, owner = laid.cell[peopled], laid.owner[peopled]
    people = value[peopled] * laid.part[peopled]
    base = cover.base.ravel()[cell]
    at_least = (base[:, None] > np.arange(DEPTHS)).astype(float)
    slot = cover.slot.ravel()[cell]
    cut = np.flatnonzero(slot >= 0)
    whole = laid.part[peopled][cut] >= 1.0
    at_least[cut[whole]] = cover.shares[slot[cut[whole]]]
    cut = cut[~whole]
    if len(cut):
        at_least[cut] = _piece_shares(
            block, (cell[cut], owner[cut], slot[cut]), outlines, cover, centres=centres, radius_m=radius_m
        )
    steps = np.column_stack([np.ones(len(cell)), at_least, np.zeros(len(cell))])
    exactly = people[:, None] * (steps[:, :-1] - steps[:, 1:])
    return np.column_stack([np.bincount(owner, column, minlength=len(outlines)) for column in exactly.T])


def _piece_shares(
    block: Block,
    pieces: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]],
    outlines: Outlines,
    cover: Cover,
    *,
    centres: Centres,
    radius_m: float,
) -> Floats:
    """Shares (k, DEPTHS) under circles of the pieces that places cut off of cells: (cell, place, slot) of each."""
    areas, area = piece_depths(
        outlines.rings,
        pieces,
        origin=block.origin,
        lattice=block.corners,
        discs=(cover.start, cover.found, centres.lon, centres.lat),
        radius_m=radius_m,
        depths=DEPTHS,
    )
    base = cover.base.ravel()[pieces[0]].astype(np.int64)
    shares = np.divide(areas, area[:, None], out=np.zeros_like(areas), where=area[:, None] > 0)
    # circles over the whole cell lie beneath those that cut it
    rank = np.arange(DEPTHS)[None, :] - base[:, None]
    return np.where(rank < 0, 1.0, np.take_along_axis(shares, np.maximum(rank, 0), axis=1)).clip(max=1.0)


def missing_m2(block: Block, outlines: Outlines, *, levels: Mapping[int, Laid] | None = None) -> Floats:
    """Ground (places,) in m² of each place that lies in the block and has no data."""
    out = np.zeros(len(outlines))
    if not block.unknown:
        return out
    for laid in (lay_levels(block, outlines) if levels is None else levels).values():
        missing(block.values, block.cell_areas_m2, laid.label, (laid.cell, laid.owner, laid.part), out)
    return out


def hold_centres(block: Block, outlines: Outlines, laid: Laid, covers: Sequence[Cover]) -> NDArray[np.int32]:
    """Place (rows, columns) of one level that holds the centre of each cell whose residents lack cover; else below 0.

    On a border the first by id holds it. The labels of `laid` are changed and returned.
    """
    bare = block.values.ravel()[laid.cell] > 0
    bare &= np.any([cover.base.ravel()[laid.cell] == 0 for cover in covers], axis=0)
    cell, owner = laid.cell[bare], laid.owner[bare]
    held = centres_held(outlines.rings, (cell, owner), origin=block.origin, shape=block.values.shape[:2])
    cell, owner = cell[held], owner[held]
    last_by_id_first = np.argsort(-outlines.rank[owner], kind="stable")
    laid.label.ravel()[cell[last_by_id_first]] = owner[last_by_id_first]
    return laid.label

"""Places on a block of a population grid 区域与格网: who lives in them, under how many circles, and what has no data.

Cells astride a border are measured on each side by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import shapely

from circle15.measure.cells import frame_xy, pack_geometries, row_areas_m2
from circle15.measure.grid import DEPTHS
from circle15.measure.grid_kernels import add_up
from circle15.measure.kernels import depth_areas
from circle15.measure.pieces import polygons_only
from circle15.measure.place_kernels import lay, missing
from circle15.schema import PLACE_LEVELS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import geopandas as gpd
    from numpy.typing import NDArray

    from circle15.measure.grid import Block, Centres, Cover
    from circle15.measure.kernels import Floats, Ints
    from circle15.project.lattice import Lattice

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
    level, rank
        (k,) position in PLACE_LEVELS; order by id.
    geometry
        (k,) outlines in degrees.
    """

    xy: Floats
    ring_start: Ints
    place_start: Ints
    bounds: Floats
    level: Ints
    table: gpd.GeoDataFrame

    def __len__(self) -> int:
        return len(self.level)

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
    """Places of one level on a block: labels (rows, columns), list of cells astride, places there, as from `lay`."""

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
        (outlines.xy, outlines.ring_start, outlines.place_start), places,
        origin=(float(block.column), float(block.row)), change=block.change, shape=block.values.shape[:2],
    )  # fmt: skip
    return Laid(label, cell, owner, part, touched)


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
    pieces_of: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]],
    outlines: Outlines,
    cover: Cover,
    *,
    centres: Centres,
    radius_m: float,
) -> Floats:
    """Shares (k, DEPTHS) under circles of the pieces that places cut off of cells: (cell, place, slot) of each."""
    cell, owner, slot = pieces_of
    grounds = _grounds(block, outlines, owner)
    pieces = polygons_only(np.asarray(shapely.intersection(block.quads(cell), grounds), dtype=object))
    packed = pack_geometries(pieces, widest_m=np.inf)
    count = cover.start[slot + 1] - cover.start[slot]
    begin = np.append(0, np.cumsum(count)).astype(np.int64)
    take = np.arange(begin[-1]) - np.repeat(begin[:-1], count) + np.repeat(cover.start[slot], count)
    disc, of = cover.found[take], np.repeat(np.arange(len(cell)), count)
    dx, dy = frame_xy(centres.lon[disc], centres.lat[disc], packed.lon[of], packed.lat[of])
    base = cover.base.ravel()[cell].astype(np.int64)
    areas = depth_areas(packed.rings, np.arange(len(cell)), begin, dx, dy, radius_m=radius_m, depths=DEPTHS)
    area = row_areas_m2(packed, len(cell))
    shares = np.divide(areas, area[:, None], out=np.zeros_like(areas), where=area[:, None] > 0)
    # circles over the whole cell lie beneath those that cut it
    rank = np.arange(DEPTHS)[None, :] - base[:, None]
    return np.where(rank < 0, 1.0, np.take_along_axis(shares, np.maximum(rank, 0), axis=1)).clip(max=1.0)


def _grounds(block: Block, outlines: Outlines, owner: NDArray[np.int32]) -> NDArray[np.object_]:
    """Outlines (k,) of places, as far as the block reaches; prepared for many questions."""
    lon, lat = block.corners
    some, which = np.unique(owner, return_inverse=True)
    box = (np.min(lon), np.min(lat), np.max(lon), np.max(lat))
    grounds = np.array([shapely.clip_by_rect(g, *box) for g in outlines.geometry[some]], dtype=object)
    shapely.prepare(grounds)
    return grounds[which]


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
    if len(cell):
        lon, lat = block.corners
        r, c = np.divmod(cell.astype(np.int64), block.values.shape[1])
        corner = [(lon[at], lat[at]) for at in ((r, c), (r, c + 1), (r + 1, c), (r + 1, c + 1))]
        x, y = ((np.min(v, axis=0) + np.max(v, axis=0)) / 2 for v in zip(*corner, strict=True))
        held = shapely.intersects_xy(_grounds(block, outlines, owner), x, y)
        cell, owner = cell[held], owner[held]
        last_by_id_first = np.argsort(outlines.table["id"].to_numpy().astype(str)[owner], kind="stable")[::-1]
        laid.label.ravel()[cell[last_by_id_first]] = owner[last_by_id_first]
    return laid.label

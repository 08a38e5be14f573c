"""One pass over a block of a population grid 格网一遍算清: coverage, depth, circles and ground, all at once.

Cities and nations go this way; `cells`, `coverage` and `circles` say the same of any geometries, more slowly, and are
its twins in the tests. No halo of cells is read: the centres of all circles that reach the block are known, and what a
circle holds is the sum over the blocks that it reaches.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import shapely

from circle15.measure.cells import frame_xy, pack_geometries, row_areas_m2
from circle15.measure.grid_kernels import add_up, deepen, stamp
from circle15.measure.kernels import depth_areas
from circle15.measure.pieces import polygons_only
from circle15.measure.place_kernels import lay, missing
from circle15.project.lattice import Lattice
from circle15.schema import PLACE_LEVELS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    import geopandas as gpd
    from numpy.typing import NDArray

    from circle15.measure.kernels import Floats, Ints
    from circle15.schema import GridCells

DEPTHS = 3
"""Depth of cover is told as 0, 1, 2 and this many or more."""
_SEGMENT_DEG = 0.001  # an edge of a place of 100 m strays from the plane's straight line by 0.1 mm
_SPARE = 1.05
_COARSE = 32
_AREA_DEGREE = 8


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
class Centres:
    """Institutions of one service (n): longitudes and latitudes, and where they lie on the grid; NaN is nowhere."""

    lon: Floats
    lat: Floats
    column: Floats
    row: Floats

    @cached_property
    def _by_row(self) -> tuple[Ints, Floats]:
        """Positions in order of their rows, and these rows; what is nowhere is left out."""
        order = np.argsort(self.row)
        order = order[np.isfinite(self.row[order]) & np.isfinite(self.column[order])]
        return order, self.row[order]

    def within(self, rows: tuple[float, float], columns: tuple[float, float]) -> Ints:
        """Positions, rising, of those that lie between rows and between columns."""
        order, at = self._by_row
        first, last = np.searchsorted(at, rows)
        some = order[first:last]
        column = self.column[some]
        return np.sort(some[(column > columns[0]) & (column < columns[1])])


def centres_on(lon: Floats, lat: Floats, lattice: Lattice) -> Centres:
    """Points (n,) on a grid."""
    lon, lat = np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)
    return Centres(lon, lat, *lattice.grid_xy(lon, lat))


@dataclass(frozen=True)
class Cover:
    """What the circles of one service do to a block.

    Parameters
    ----------
    base
        (rows, columns) circles over the whole cell, up to DEPTHS.
    slot, cells, shares
        As from `grid_kernels.deepen`.
    start, found
        Circles (positions in the service's centres) that cut each of `cells`.
    disc, residents, ground_m2
        Circles that reach the block, with what they hold of it.
    """

    base: NDArray[np.uint8]
    slot: NDArray[np.int32]
    cells: NDArray[np.int32]
    shares: Floats
    start: Ints
    found: Ints
    disc: Ints
    residents: Floats
    ground_m2: Floats


@dataclass(frozen=True)
class Block:
    """A block of cells, ready to be measured.

    Parameters
    ----------
    values
        (rows, columns) residents; NaN is no ground.
    lattice
        Of the whole grid.
    row, column
        Corner of the block in it.
    """

    values: Floats
    lattice: Lattice
    row: int = 0
    column: int = 0
    _local: Lattice = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", np.ascontiguousarray(self.values, dtype=np.float64))
        object.__setattr__(self, "_local", self.lattice.moved(self.row, self.column))

    @cached_property
    def corners(self) -> tuple[Floats, Floats]:
        """Longitudes and latitudes (rows + 1, columns + 1)."""
        lon, lat = self._local.corners(*self.values.shape)
        return _viewed(lon), _viewed(lat)

    @cached_property
    def unknown(self) -> bool:
        """Whether any cell has no data."""
        return bool(np.isnan(self.values).any())

    @cached_property
    def change(self) -> Floats:
        """By how much of itself a cell's width grows down each row (rows,)."""
        if not self.lattice.straight:
            return np.zeros(len(self.values))
        lat = np.asarray(self.corners[1][:, 0])
        width = np.cos(np.radians(lat))
        return np.asarray((width[1:] - width[:-1]) / (0.5 * (width[1:] + width[:-1])))

    def quads(self, cells: NDArray[Any]) -> NDArray[np.object_]:
        """Cells (by number) as polygons in degrees."""
        lon, lat = self.corners
        r, c = np.divmod(np.asarray(cells, dtype=np.int64), self.values.shape[1])
        around = ((r + 1, c), (r + 1, c + 1), (r, c + 1), (r, c), (r + 1, c))
        ring = np.stack([np.column_stack([lon[at], lat[at]]) for at in around], axis=1)
        return np.asarray(shapely.polygons(ring), dtype=object)

    @cached_property
    def areas_m2(self) -> Floats:
        """Areas (rows, columns) of the cells, by a series through some of them (to 1e-9 of themselves)."""
        rows, columns = self.values.shape
        nodes = [np.cos(np.pi * (np.arange(_AREA_DEGREE + 1) + 0.5) / (_AREA_DEGREE + 1)) for _ in range(2)]
        at = [((node + 1) / 2 * (n - 1)) for node, n in zip(nodes, (rows, columns), strict=True)]
        r, c = (v.ravel() for v in np.meshgrid(*at, indexing="ij"))
        corner = [self._local.degrees(c + dc, r + dr) for dr, dc in ((1, 0), (1, 1), (0, 1), (0, 0))]
        lon0, lat0 = (np.mean([p[k] for p in corner], axis=0) for k in (0, 1))
        xy = [frame_xy(x, y, lon0, lat0) for x, y in corner]
        twice = sum(xy[k - 1][0] * xy[k][1] - xy[k][0] * xy[k - 1][1] for k in range(4))
        area = np.abs(np.asarray(twice) / 2).reshape(len(at[0]), len(at[1]))
        turn = np.linalg.inv(np.polynomial.chebyshev.chebvander(nodes[0], _AREA_DEGREE))
        down, across = (
            np.polynomial.chebyshev.chebvander(np.arange(n) * 2.0 / max(n - 1, 1) - 1, _AREA_DEGREE)
            for n in (rows, columns)
        )
        return np.asarray(down @ (turn @ area @ turn.T) @ across.T)

    @cached_property
    def cell_areas_m2(self) -> Floats:
        """Areas (rows, columns) as the kernels take them; of a straight grid one number a row."""
        if not self.lattice.straight:
            return _viewed(self.areas_m2)
        lon, lat = (np.asarray(v) for v in self.corners)
        x, y = lon[0, :2], lat[:, 0]
        middle = (x.sum() / 2, (y[1:] + y[:-1]) / 2)
        upper, lower = (frame_xy(x[1], at, *middle) for at in (y[:-1], y[1:]))
        area = np.abs((upper[0] + lower[0]) * (upper[1] - lower[1]))
        return np.broadcast_to(area[:, None], self.values.shape)

    def _reach(self, radius_m: float, *, spare: int) -> tuple[float, float]:
        """How many columns and rows a circle may reach, with `spare` cells more."""
        rows, columns = self.values.shape
        lon, lat = self.corners
        r, c = np.array([0, 0, rows - 1, rows - 1]), np.array([0, columns - 1, 0, columns - 1])
        wide = np.hypot(*frame_xy(lon[r, c + 1], lat[r, c + 1], lon[r, c], lat[r, c])).min()
        high = np.hypot(*frame_xy(lon[r + 1, c], lat[r + 1, c], lon[r, c], lat[r, c])).min()
        x, y = radius_m * _SPARE / wide + spare, radius_m * _SPARE / high + spare
        # cells of a slanted grid may be nearer across than along
        return (x, y) if self.lattice.straight else (x * 1.5, y * 1.5)

    def reached_by(self, centres: Centres, radius_m: float) -> Ints:
        """Circles (positions) that may reach the block; some that do not are among them."""
        rows, columns = self.values.shape
        x, y = self._reach(radius_m, spare=2)
        return centres.within((self.row - y, self.row + rows + y), (self.column - x, self.column + columns + x))

    def cover(self, centres: Centres, *, radius_m: float, depths: int = DEPTHS, ground: bool = True) -> Cover:
        """Lay the circles of one service on the block; without `ground` their land is not measured (0)."""
        disc = self.reached_by(centres, radius_m)
        lon, lat = centres.lon[disc], centres.lat[disc]
        column, row = centres.column[disc] - self.column, centres.row[disc] - self.row
        base = np.zeros(self.values.shape, dtype=np.uint8)
        whole = self._on_known_ground(column, row, radius_m) if ground else np.ones(len(disc), dtype=bool)
        sums, parts = np.zeros((len(disc), 2)), []
        for some, land in ((whole, False), (~whole, True)):
            at = np.flatnonzero(some)
            if not len(at):
                continue
            sums[at], (cell, of, share) = stamp(
                self.values, self.corners, (lon[at], lat[at], column[at], row[at]),
                radius_m=radius_m, depths=depths, straight=self.lattice.straight, ground=land, base=base,
            )  # fmt: skip
            parts.append((cell, at[of].astype(np.int32), share))
        if ground:
            sums[whole, 1] = np.pi * radius_m**2
        slot, cells, shares, start, found = deepen(
            self.corners, (lon, lat), _joined(parts), radius_m=radius_m, depths=depths, base=base
        )
        return Cover(base, slot, cells, shares, start, disc[found], disc, sums[:, 0], sums[:, 1])

    def _on_known_ground(self, column: Floats, row: Floats, radius_m: float) -> NDArray[np.bool_]:
        """Circles that lie in the block with all they hold, and hold no cell without data."""
        rows, columns = self.values.shape
        x, y = self._reach(radius_m, spare=1)
        inside = (column - x >= 0) & (column + x <= columns) & (row - y >= 0) & (row + y <= rows)
        if not self.unknown:
            return np.asarray(inside)
        bad = np.pad(np.isnan(self.values), [(0, -n % _COARSE) for n in (rows, columns)])
        coarse = bad.reshape(bad.shape[0] // _COARSE, _COARSE, -1, _COARSE).any(axis=(1, 3))
        total = np.pad(coarse.cumsum(axis=0).cumsum(axis=1), [(1, 0), (1, 0)])
        left, top = ((v[inside] // _COARSE).astype(int) for v in (column - x, row - y))
        right, low = (
            np.minimum((v[inside] // _COARSE).astype(int) + 1, n)
            for v, n in ((column + x, coarse.shape[1]), (row + y, coarse.shape[0]))
        )
        inside[inside] = total[low, right] - total[top, right] - total[low, left] + total[top, left] == 0
        return np.asarray(inside)

    def places(self, outlines: Outlines) -> Ints:
        """Positions of the places that may touch the block."""
        rows, columns = self.values.shape
        left, top, right, low = outlines.bounds.T
        with np.errstate(invalid="ignore"):
            near = (left < self.column + columns) & (right > self.column)
            near &= (top < self.row + rows) & (low > self.row)
        return np.flatnonzero(near).astype(np.int64)

    def lay(self, outlines: Outlines, places: Ints) -> Laid:
        """Lay places of one level (positions in `outlines`) on the block."""
        label, (cell, owner, part), touched = lay(
            (outlines.xy, outlines.ring_start, outlines.place_start), places,
            origin=(float(self.column), float(self.row)), change=self.change, shape=self.values.shape[:2],
        )  # fmt: skip
        return Laid(label, cell, owner, part, touched)


def _viewed(values: Floats) -> Floats:
    """The same numbers in the one memory layout for which the kernels are compiled: strided, not to be written."""
    if not values.flags.c_contiguous:
        return values
    rows, columns = values.shape
    view = np.empty((rows, columns + 1))[:, :columns]
    view[:] = values
    view.flags.writeable = False
    return view


@dataclass(frozen=True)
class Laid:
    """Places of one level on a block: labels (rows, columns), list of cells astride, places there, as from `lay`."""

    label: NDArray[np.int32]
    cell: NDArray[np.int32]
    owner: NDArray[np.int32]
    part: Floats
    places: Ints


def _joined(parts: Sequence[tuple[Any, Any, Floats]]) -> tuple[Any, Any, Floats]:
    if not parts:
        return np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0)
    cell, disc, share = (np.concatenate(v) for v in zip(*parts, strict=True))
    return cell, disc, share


def block_of(grid: GridCells) -> Block:
    """A whole grid in memory as one block."""
    return Block(grid.values[:, :], Lattice(grid.transform, grid.system))


def circles_on(grid: GridCells, lon: Floats, lat: Floats, *, radius_m: float) -> tuple[Floats, Floats]:
    """Residents and m² of ground (n,) of a grid within `radius_m` of points in degrees (bound included); 0 at NaN."""
    block = block_of(grid)
    cover = block.cover(centres_on(lon, lat, block.lattice), radius_m=radius_m, depths=0)
    residents, ground_m2 = np.zeros(len(lon)), np.zeros(len(lon))
    residents[cover.disc], ground_m2[cover.disc] = cover.residents, cover.ground_m2
    return residents, ground_m2


def residents_on(grid: GridCells, places: gpd.GeoDataFrame) -> Floats:
    """Residents (places,) of a grid in each place, cells astride a border by the exact share of their area."""
    block = block_of(grid)
    nobody = centres_on(np.empty(0), np.empty(0), block.lattice)
    cover = block.cover(nobody, radius_m=1.0, ground=False)
    people = people_in(block, outlines_on(places, block.lattice), [cover], [nobody], radius_m=1.0)
    return np.asarray(people[:, 0].sum(axis=1))


def lay_levels(block: Block, outlines: Outlines) -> dict[int, Laid]:
    """Places on the block, level by level (position in PLACE_LEVELS)."""
    near = block.places(outlines)
    return {
        int(level): block.lay(outlines, near[outlines.level[near] == level])
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

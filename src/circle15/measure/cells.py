"""Population cells as flat arrays, and the share of a cell that lies inside a circle.

Each cell is measured in its own frame: metres about the centre of its bounding box, distance and direction from there
being geodesic. Between a disc's centre and a cell's corners that frame errs by at most 3 µm (100 m cells, 800 m radius,
up to latitude 60°) and by 0.1 mm for parts of 2 km; wider cells are cut into such parts when packed. Edges are taken as
straight in that frame (a parallel of 100 m bends by 0.2 mm).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from circle15.measure.kernels import Rings, depth_areas, disc_areas
from circle15.measure.pieces import PART_M, Geometries, split_wide
from circle15.project.metric import candidate_pairs as points_near
from circle15.project.metric import distances_m, local_xy
from circle15.quantities import DISTANCE_TOLERANCE_M, Floats, Ints

if TYPE_CHECKING:
    from collections.abc import Iterator

    import geopandas as gpd

# Points nearer than this to the circle are decided by the geodesic itself.
CLOSE_CALL_M = 1.0
CELLS_AT_ONCE = 50_000


@dataclass(frozen=True)
class CellArrays:
    """Cells (n) of r rings and m vertices as arrays.

    Parameters
    ----------
    lon, lat
        (n,) reference point in degrees: centre of the bounding box, or the point itself.
    reach_m
        (n,) distance from the reference point to the farthest vertex; 0 for points.
    xy
        (m, 2) vertices in metres about the own reference point; rings are not closed.
    ring_start
        (r + 1,) first vertex of each ring; exteriors run counter-clockwise, holes clockwise.
    cell_start
        (n + 1,) first ring of each cell; points have none.
    area_m2
        (n,) area; 0 for points.
    residents
        (n,) people; those of a wide cell are shared among its parts by area.
    row
        (n,) position in the table packed: a wide cell has several parts, so n may exceed the table's length.
    geometry
        (n,) the parts themselves, in degrees.
    """

    lon: Floats
    lat: Floats
    reach_m: Floats
    xy: Floats
    ring_start: Ints
    cell_start: Ints
    area_m2: Floats
    residents: Floats
    row: Ints
    geometry: Geometries

    def __len__(self) -> int:
        return len(self.lon)

    @property
    def rings(self) -> Rings:
        """The outlines as the kernels take them."""
        return self.xy, self.ring_start, self.cell_start


def frame_xy(lon: Floats, lat: Floats, lon0: Floats, lat0: Floats) -> tuple[Floats, Floats]:
    """Metres east and north of points in the frame of (lon0, lat0): geodesic distance and direction from there.

    `metric.local_xy` measures at the middle latitude, where the line's direction has turned by half the convergence of
    the meridians; turning it back makes distances between other points of the frame right as well (3 cm at 800 m).
    """
    x, y = local_xy(lon, lat, lon0, lat0)
    half_turn = np.radians(np.asarray(lon) - lon0) * np.sin(np.radians((np.asarray(lat) + lat0) / 2)) / 2
    sine, cosine = np.sin(half_turn), np.cos(half_turn)
    return x * cosine - y * sine, y * cosine + x * sine


def pack_cells(cells: gpd.GeoDataFrame, *, widest_m: float = PART_M) -> CellArrays:
    """Cells of a table (`residents`, geometry in EPSG:4326) as arrays; see `pack_geometries`."""
    return pack_geometries(np.asarray(cells.geometry.array), cells["residents"].to_numpy(float), widest_m=widest_m)


def pack_geometries(geometries: Geometries, residents: Floats | None = None, *, widest_m: float = PART_M) -> CellArrays:
    """Polygons, multipolygons or points (n,) in degrees as arrays; wide ones are cut into parts (see `CellArrays.row`).

    Without `residents` every cell has 0. Empty geometries become cells without area at NaN, which no disc reaches.
    """
    people = np.zeros(len(geometries)) if residents is None else np.asarray(residents, dtype=float)
    parts, row = split_wide(np.asarray(geometries, dtype=object), widest_m=widest_m)
    bounds = shapely.bounds(parts).reshape(-1, 4)
    lon, lat = (bounds[:, 0] + bounds[:, 2]) / 2, (bounds[:, 1] + bounds[:, 3]) / 2
    xy, ring_start, cell_start, vertex_cell = _rings(parts, lon, lat)
    area = _areas(xy, ring_start, vertex_cell, len(parts))
    reach = np.zeros(len(parts))
    np.maximum.at(reach, vertex_cell, np.hypot(xy[:, 0], xy[:, 1]))
    shared = _share(people, area, row)
    return CellArrays(lon, lat, reach, xy, ring_start, cell_start, area, shared, row, parts)


def _rings(parts: Geometries, lon: Floats, lat: Floats) -> tuple[Floats, Ints, Ints, Ints]:
    polygons, polygon_cell = shapely.get_parts(parts, return_index=True)
    keep = shapely.get_type_id(polygons) == shapely.GeometryType.POLYGON
    polygons, polygon_cell = shapely.orient_polygons(polygons[keep]), polygon_cell[keep]
    rings, ring_polygon = shapely.get_rings(polygons, return_index=True)
    ring_cell = polygon_cell[ring_polygon]
    degrees, vertex_ring = shapely.get_coordinates(rings, return_index=True)
    closing = np.append(vertex_ring[1:] != vertex_ring[:-1], np.ones(min(len(vertex_ring), 1), dtype=bool))
    degrees, vertex_ring = degrees[~closing], vertex_ring[~closing]
    vertex_cell = ring_cell[vertex_ring]
    x, y = frame_xy(degrees[:, 0], degrees[:, 1], lon[vertex_cell], lat[vertex_cell])
    ring_start = np.searchsorted(vertex_ring, np.arange(len(rings) + 1))
    cell_start = np.searchsorted(ring_cell, np.arange(len(parts) + 1))
    return np.column_stack([x, y]), ring_start.astype(np.int64), cell_start.astype(np.int64), vertex_cell


def _areas(xy: Floats, ring_start: Ints, vertex_cell: Ints, n: int) -> Floats:
    after = np.arange(1, len(xy) + 1)
    after[ring_start[1:] - 1] = ring_start[:-1]
    cross = xy[:, 0] * xy[after, 1] - xy[:, 1] * xy[after, 0]
    return np.maximum(np.bincount(vertex_cell, cross / 2, minlength=n), 0.0)


def _share(residents: Floats, area_m2: Floats, row: Ints) -> Floats:
    """Residents of rows shared among their parts by area, evenly where none has area."""
    whole = np.bincount(row, area_m2, minlength=len(residents))[row]
    count = np.bincount(row, minlength=len(residents))[row]
    part = np.divide(area_m2, whole, out=1.0 / np.maximum(count, 1), where=whole > 0)
    return np.asarray(residents[row] * np.where(count == 1, 1.0, part))


def row_areas_m2(cells: CellArrays, rows: int) -> Floats:
    """Areas (rows,) of the table's rows, parts put together; 0 for points."""
    return np.bincount(cells.row, cells.area_m2, minlength=rows).astype(float)


def row_shares(cells: CellArrays, shares: Floats, rows: int) -> Floats:
    """Shares of parts (n, d) as shares of the table's rows (rows, d), weighted by the parts' areas."""
    weight = np.where(row_areas_m2(cells, rows)[cells.row] > 0, cells.area_m2, 1.0)
    total = np.bincount(cells.row, weight, minlength=rows)
    sums = [np.bincount(cells.row, weight * column, minlength=rows) for column in shares.T]
    return np.column_stack([np.divide(s, total, out=np.zeros(rows), where=total > 0) for s in sums])


def candidate_pairs(cells: CellArrays, lon: Floats, lat: Floats, *, radius_m: float) -> tuple[Ints, Ints]:
    """All pairs of a cell and a disc that may meet: (pair_cell, pair_disc), sorted by cell, then disc.

    No pair that meets is missing (the straight line through the Earth is shorter than the geodesic); some pairs listed
    do not meet.
    """
    reach_m = radius_m + float(cells.reach_m.max(initial=0.0))
    return points_near(cells.lon, cells.lat, lon, lat, reach_m)


def disc_fractions(cells: CellArrays, pair_cell: Ints, lon: Floats, lat: Floats, *, radius_m: float) -> Floats:
    """Share 0..1 of a cell inside the circle about (lon, lat), pair by pair.

    Parameters
    ----------
    cells
        Packed cells.
    pair_cell
        (p,) number of the cell.
    lon, lat
        (p,) centre of the circle of each pair, degrees.
    radius_m
        Radius; the circle's edge belongs to it.

    Returns
    -------
    (p,) exact area share; for points (and polygons without area) 1 within the radius, else 0, by the geodesic.
    """
    lon, lat = np.asarray(lon, dtype=float), np.asarray(lat, dtype=float)
    lon0, lat0, reach = cells.lon[pair_cell], cells.lat[pair_cell], cells.reach_m[pair_cell]
    dx, dy = frame_xy(lon, lat, lon0, lat0)
    away, area = np.hypot(dx, dy), cells.area_m2[pair_cell]
    share = (away + reach <= radius_m).astype(float)
    flat = area > 0
    cut = flat & (share == 0) & (away - reach < radius_m)
    if cut.any():
        inside = disc_areas(cells.rings, pair_cell[cut], dx[cut], dy[cut], radius_m=radius_m)
        share[cut] = np.minimum(inside / area[cut], 1.0)
    close = ~flat & (np.abs(away - radius_m) <= CLOSE_CALL_M)
    share[~flat] = away[~flat] <= radius_m
    share[close] = distances_m(lon[close], lat[close], lon0[close], lat0[close]) <= radius_m + DISTANCE_TOLERANCE_M
    return share


def depth_fractions(cells: CellArrays, lon: Floats, lat: Floats, *, radius_m: float, depths: int) -> Floats:
    """Share 0..1 of each cell under at least 1, 2, … `depths` circles.

    Parameters
    ----------
    cells
        Packed cells (n).
    lon, lat
        (s,) centres of the circles, degrees; equal centres count each.
    radius_m
        Radius; the circles' edges belong to them.
    depths
        Number of columns.

    Returns
    -------
    (n, depths) exact area shares; points (and polygons without area) count the circles they lie in, by the geodesic.
    """
    found = np.zeros((len(cells), depths))
    lon, lat = np.asarray(lon, dtype=float), np.asarray(lat, dtype=float)
    for first, last in _runs(len(cells)):
        some = _slice(cells, first, last)
        pair_cell, pair_disc = candidate_pairs(some, lon, lat, radius_m=radius_m)
        found[first:last] = _depths(some, pair_cell, (lon[pair_disc], lat[pair_disc]), radius_m, depths)
    return found


def _runs(n: int) -> Iterator[tuple[int, int]]:
    """Cut 0 to n into runs whose pairs of cell and disc fit in memory."""
    for first in range(0, n, CELLS_AT_ONCE):
        yield first, min(first + CELLS_AT_ONCE, n)


def _slice(cells: CellArrays, first: int, last: int) -> CellArrays:
    """Cells first to last; rings are shared with the whole."""
    run = slice(first, last)
    starts = cells.cell_start[first : last + 1]
    numbers = (cells.area_m2[run], cells.residents[run], cells.row[run], cells.geometry[run])
    return CellArrays(cells.lon[run], cells.lat[run], cells.reach_m[run], cells.xy, cells.ring_start, starts, *numbers)


def take_cells(cells: CellArrays, chosen: Ints) -> CellArrays:
    """Cells at the positions `chosen` (k,), with rings of their own."""
    rings, _ = _runs_of(cells.cell_start, chosen)
    vertices, ring_start = _runs_of(cells.ring_start, rings)
    count = cells.cell_start[chosen + 1] - cells.cell_start[chosen]
    cell_start = np.append(0, np.cumsum(count)).astype(np.int64)
    return CellArrays(
        cells.lon[chosen],
        cells.lat[chosen],
        cells.reach_m[chosen],
        cells.xy[vertices],
        ring_start,
        cell_start,
        cells.area_m2[chosen],
        cells.residents[chosen],
        cells.row[chosen],
        cells.geometry[chosen],
    )


def _runs_of(start: Ints, chosen: Ints) -> tuple[Ints, Ints]:
    """Members of the runs `start[i]` to `start[i + 1]` for i in `chosen`, one run after another, and their starts."""
    count = start[chosen + 1] - start[chosen]
    begin = np.append(0, np.cumsum(count)).astype(np.int64)
    members = np.arange(begin[-1]) - np.repeat(begin[:-1], count) + np.repeat(start[chosen], count)
    return members.astype(np.int64), begin


def _depths(cells: CellArrays, pair_cell: Ints, centres: tuple[Floats, Floats], radius_m: float, depths: int) -> Floats:
    (lon, lat), reach = centres, cells.reach_m[pair_cell]
    dx, dy = frame_xy(lon, lat, cells.lon[pair_cell], cells.lat[pair_cell])
    away, flat = np.hypot(dx, dy), cells.area_m2[pair_cell] > 0
    whole = flat & (away + reach <= radius_m)
    cut = flat & ~whole & (away - reach < radius_m)
    whole[~flat] = disc_fractions(cells, pair_cell[~flat], lon[~flat], lat[~flat], radius_m=radius_m) > 0
    base = np.bincount(pair_cell[whole], minlength=len(cells))
    share = (base[:, None] > np.arange(depths)).astype(float)
    asked = np.unique(pair_cell[cut & (base[pair_cell] < depths)])
    if len(asked):
        wanted = np.zeros(len(cells), dtype=bool)
        wanted[asked] = True
        mine = (cut | whole) & wanted[pair_cell]
        start = np.append(np.searchsorted(pair_cell[mine], asked), mine.sum())
        areas = depth_areas(cells.rings, asked, start, dx[mine], dy[mine], radius_m=radius_m, depths=depths)
        share[asked] = np.minimum(areas / cells.area_m2[asked, None], 1.0)
    return share

"""Positions of a register against its city 坐标核查: which are doubtful, why, and how far off they may be.

    outside     in no district                       the distance to the nearest one, at most MISPLACED_M
    division    not in the district of its code      the distance to that district, at most MISPLACED_M
    unit        not in the place that the register names      "
    address     not in the place that its address names       "
    duplicate   same service, name, address and point as another row
    same_name   same service, name and address as another row, other point
    building    shares its point with others of the same house              BUILDING_M
    strayed     shares its point with others of one house, its own is another   ROAD_M on the same road, else as stack
    road        shares its point with other houses of the same road         ROAD_M
    pair        two on one point whose addresses are on other roads, or do not tell    as stack
    stack       three or more such: a geocoder fell back to the centre of a place      the place's radius

How far off: half the width of a large compound for a shared building, half of a long road for a road's point, the
radius of a circle as large as the smallest place that holds the point where a geocoder fell back to it, within
FALLBACK_M and MOST_M. A row that lies in the wrong place is either where it stands or in the other place, not in
between: MISPLACED_M is enough to leave every circle test near it open. More than MOST_M would leave open every test of
a whole county for one bad row. These are our own bounds, not measured ones (docs/positions.md); a checked position
should be entered with its own accuracy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from circle15.project.metric import areas_m2, distances_m
from circle15.read.addresses import Said, house_of, said_of

IndexArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

BUILDING_M = 50.0
ROAD_M = 500.0
FALLBACK_M = 1000.0
MOST_M = 3000.0
MISPLACED_M = 1000.0
_SAME_DIGITS = 9
_MOST = 2 / 3
_STACK = 3
_MISPLACED = ("outside", "division", "unit", "address")
COLUMNS = ("at", "kind", "group", "metres", "told", "lies")


@dataclass(frozen=True)
class Examination:
    """What was found on the positions of a register.

    Parameters
    ----------
    suspects
        One row a finding: `at` (position in the register), `kind` (see the module), `group` (rows that share a point
        or a name; -1), `metres` (how far off it may be; NaN where this says nothing), `told` and `lies` (names of
        places).
    accuracy_m, reason
        (n,) accuracy of every position and the word for it (columns.positions.reason).
    said
        Places that the rows name.
    """

    suspects: pd.DataFrame
    accuracy_m: FloatArray
    reason: npt.NDArray[np.object_]
    shared: Shared
    said: Said

    def applied_to(self, institutions: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        """The register with the accuracy found here; the input is not changed."""
        return institutions.assign(
            position_accuracy_m=self.accuracy_m, position_reason=pd.array(self.reason.tolist(), dtype="str")
        )


@dataclass(frozen=True)
class Shared:
    """Rows that share their point with another: how many rows, points, and rows of one building."""

    rows: int
    points: int
    building: int


def examine(institutions: gpd.GeoDataFrame, places: gpd.GeoDataFrame) -> Examination:
    """Examine the positions (EPSG:4326 points) of a register against the outlines of its city."""
    points = np.asarray(institutions.geometry.array, dtype=object)
    ground = Ground(places)
    said = said_of(institutions, places)
    found = [
        *_misplaced(points, ground, said),
        *_repeated(institutions, points),
        *_shared(institutions, points, ground),
    ]
    columns = {c: np.concatenate([f[c] for f in found]) if found else np.empty(0) for c in COLUMNS}
    suspects = pd.DataFrame(columns).astype({"at": "int64", "group": "int64", "metres": "float64"})
    suspects = suspects.sort_values(["at", "kind"], kind="stable").reset_index(drop=True)
    sizes = np.bincount(_same_point(points)) if len(points) else np.empty(0, dtype=np.int64)
    shared = Shared(int(sizes[sizes > 1].sum()), int((sizes > 1).sum()), int((suspects["kind"] == "building").sum()))
    return Examination(suspects, *_accuracy(institutions, suspects), shared, said)


class Ground:
    """Outlines of a city, asked for the place that holds a point and for distances to a place."""

    def __init__(self, places: gpd.GeoDataFrame) -> None:
        self.names = places["name"].to_numpy(dtype=object)
        self.levels = places["level"].to_numpy(dtype=object)
        self.outlines = np.asarray(places.geometry.array, dtype=object)
        shapely.prepare(self.outlines)
        self.radius_m = np.sqrt(areas_m2(self.outlines) / np.pi)
        bounds = shapely.total_bounds(self.outlines)
        self._narrow = float(np.cos(np.radians((bounds[1] + bounds[3]) / 2)))
        self._scaled: dict[int, shapely.Geometry] = {}

    def holding(self, points: npt.NDArray[np.object_], level: str) -> IndexArray:
        """Position of the place of a level that holds each point, -1 for none; the first where borders are shared."""
        mine = np.flatnonzero(self.levels == level)
        at = np.full(len(points), len(self.names), dtype=np.int64)
        place, point = shapely.STRtree(points).query(self.outlines[mine], predicate="intersects")
        np.minimum.at(at, point, mine[place])
        at[at == len(self.names)] = -1
        return at

    def inside(self, points: npt.NDArray[np.object_], place: IndexArray) -> BoolArray:
        """Whether each point lies in the place at the same position (bound included)."""
        return np.asarray(shapely.intersects(self.outlines[place], points), dtype=bool)

    def distance_m(self, points: npt.NDArray[np.object_], place: IndexArray) -> FloatArray:
        """Geodesic metres from each point to the nearest ground of a place, 0 inside."""
        for n in np.unique(place).tolist():
            if n not in self._scaled:
                self._scaled[n] = shapely.transform(self.outlines[n], lambda xy: xy * [self._narrow, 1.0])
        scaled = shapely.points(shapely.get_x(points) * self._narrow, shapely.get_y(points))
        lines = shapely.shortest_line(scaled, np.array([self._scaled[n] for n in place.tolist()], dtype=object))
        if len(place) == 0:
            return np.empty(0)
        ends = shapely.get_coordinates(lines).reshape(-1, 2, 2)
        return distances_m(ends[:, 0, 0] / self._narrow, ends[:, 0, 1], ends[:, 1, 0] / self._narrow, ends[:, 1, 1])


Rows = dict[str, npt.NDArray[np.generic]]


def _rows(
    at: npt.ArrayLike,
    kind: str,
    *,
    group: npt.ArrayLike = -1,
    metres: npt.ArrayLike = np.nan,
    told: npt.ArrayLike = "",
    lies: npt.ArrayLike = "",
) -> Rows:
    where = np.asarray(at, dtype=np.int64)
    given = {"group": group, "metres": metres, "told": told, "lies": lies}
    made: Rows = {"at": where, "kind": np.full(len(where), kind, dtype=object)}
    for name, values in given.items():
        dtype = {"group": np.int64, "metres": np.float64}.get(name, object)
        made[name] = np.broadcast_to(np.asarray(values, dtype=dtype), (len(where),))
    return made


def _misplaced(points: npt.NDArray[np.object_], ground: Ground, said: Said) -> list[Rows]:
    """Rows outside all districts, and rows that lie in another place than their code, their row or address says."""
    district = ground.holding(points, "district")
    found = []
    districts = np.flatnonzero(ground.levels == "district")
    out = np.flatnonzero(district < 0) if len(districts) else np.empty(0, dtype=np.int64)
    if len(out):
        away = np.min([ground.distance_m(points[out], np.full(len(out), d)) for d in districts], axis=0)
        found.append(_rows(out, "outside", metres=away))
    named = np.zeros(len(points), dtype=bool)
    for kind, place in (("division", said.code), ("unit", said.unit), ("address", said.address)):
        known = np.flatnonzero((place >= 0) & ~named)
        if len(districts):
            known = known[district[known] >= 0]
        wrong = known[~ground.inside(points[known], place[known])]
        named[wrong] = True
        if len(wrong):
            lies = _lying(points[wrong], ground.levels[place[wrong]], ground)
            away = ground.distance_m(points[wrong], place[wrong])
            found.append(_rows(wrong, kind, metres=away, told=ground.names[place[wrong]], lies=lies))
    return found


def _lying(points: npt.NDArray[np.object_], levels: npt.NDArray[np.object_], ground: Ground) -> npt.NDArray[np.object_]:
    """Name of the place of the given level that holds each point, "" for none."""
    names = np.full(len(points), "", dtype=object)
    for level in sorted(set(levels)):
        at = np.flatnonzero(levels == level)
        held = ground.holding(points[at], level)
        names[at] = np.where(held >= 0, ground.names[held], "")
    return names


def _codes(values: Sequence[Any]) -> IndexArray:
    return np.asarray(pd.factorize(pd.Series(list(values), dtype=object))[0], dtype=np.int64)


def _same_point(points: npt.NDArray[np.object_]) -> IndexArray:
    """A number for each point (n,), equal where coordinates agree to the ninth decimal."""
    xy = np.round(np.column_stack([shapely.get_x(points), shapely.get_y(points)]), _SAME_DIGITS)
    return np.asarray(np.unique(xy, axis=0, return_inverse=True)[1], dtype=np.int64).ravel()


def _repeated(institutions: gpd.GeoDataFrame, points: npt.NDArray[np.object_]) -> list[Rows]:
    """Rows of the same service, name and address; without addresses they must also share a point."""
    table = pd.DataFrame(
        {
            "service": institutions["service"].to_numpy(),
            "name": institutions["name"].to_numpy(),
            "address": institutions["address"].to_numpy(),
            "point": _same_point(points),
        }
    )
    named = (table["name"] != "").to_numpy()
    exact = table.duplicated(keep=False).to_numpy() & named
    alike = table.duplicated(["service", "name", "address"], keep=False).to_numpy() & named
    alike &= (table["address"] != "").to_numpy() & ~exact
    found = []
    for kind, mask, keys in (
        ("duplicate", exact, ["service", "name", "address", "point"]),
        ("same_name", alike | (exact & _any_alike(table, alike)), ["service", "name", "address"]),
    ):
        at = np.flatnonzero(mask)
        if len(at):
            found.append(_rows(at, kind, group=table.iloc[at].groupby(keys, sort=False).ngroup().to_numpy()))
    return found


def _any_alike(table: pd.DataFrame, alike: BoolArray) -> BoolArray:
    """Rows whose service, name and address also stand in a row of `alike`."""
    keys = ["service", "name", "address"]
    return np.asarray(table.assign(alike=alike).groupby(keys)["alike"].transform("any").to_numpy(), dtype=bool)


def _shared(institutions: gpd.GeoDataFrame, points: npt.NDArray[np.object_], ground: Ground) -> list[Rows]:
    """Rows that share a point with another, told apart by their addresses."""
    group = _same_point(points)
    at = np.flatnonzero(np.bincount(group)[group] > 1)
    if len(at) == 0:
        return []
    addresses = institutions["address"].to_numpy()[at]
    houses = [house_of(a) if a else ("", "") for a in addresses]
    table = pd.DataFrame(
        {
            "group": group[at],
            "road": [h[0] for h in houses],
            "house": [h[1] for h in houses],
            "name": _codes(list(zip(institutions["service"].iloc[at], institutions["name"].iloc[at], strict=True))),
        }
    )
    kind = _kinds(table)
    metres = np.select([kind == "building", kind == "road"], [BUILDING_M, ROAD_M], np.nan)
    fallback = np.isin(kind, ("pair", "stack")) | ((kind == "strayed") & ~_on_main_road(table, kind))
    metres[kind == "strayed"] = ROAD_M
    metres[fallback], lies = _fallback(points[at[fallback]], ground)
    place = np.full(len(at), "", dtype=object)
    place[fallback] = lies
    keep = kind != ""
    rows = _rows(at[keep], "", group=table["group"].to_numpy()[keep], metres=metres[keep], lies=place[keep])
    return [{**rows, "kind": kind[keep]}]


def _kinds(table: pd.DataFrame) -> npt.NDArray[np.object_]:
    """Kind of each row that shares a point; "" where all of the group are one institution written twice."""
    told = table[table["house"] != ""]
    by_group = table.groupby("group")
    size, names = by_group["name"].transform("size"), by_group["name"].transform("nunique")
    group = table["group"]
    n_told = _looked_up(group, told.groupby("group").size(), 0)
    houses = told.groupby(["group", "house"]).size().rename("n").reset_index()
    top = houses.sort_values(["group", "n", "house"], ascending=[True, False, True]).drop_duplicates("group")
    main = _looked_up(group, top.set_index("group")["house"], "")
    most = _looked_up(group, top.set_index("group")["n"], 0)
    roads = _looked_up(group, told.groupby("group")["road"].nunique(), 0)
    housed = (n_told > 1) & (most > 1) & (most >= _MOST * n_told)
    return np.asarray(
        np.select(
            [
                (names == 1).to_numpy(),
                housed & ((table["house"] == main) | (table["house"] == "")).to_numpy(),
                housed,
                (n_told == size.to_numpy()) & (roads == 1),
                (size < _STACK).to_numpy(),
            ],
            ["", "building", "strayed", "road", "pair"],
            "stack",
        ),
        dtype=object,
    )


def _on_main_road(table: pd.DataFrame, kind: npt.NDArray[np.object_]) -> BoolArray:
    """Strayed rows whose road is the one that the house of their group stands on."""
    housed = table[kind == "building"]
    road = housed[housed["road"] != ""].drop_duplicates("group").set_index("group")["road"]
    return np.asarray(_looked_up(table["group"], road, "") == table["road"].to_numpy(), dtype=bool)


def _looked_up(keys: pd.Series[Any], known: pd.Series[Any], other: float | str) -> npt.NDArray[Any]:
    """Value of each key, `other` where it has none."""
    held = dict(zip(known.index.tolist(), known.tolist(), strict=True))
    return np.array([held.get(k, other) for k in keys.tolist()], dtype=object if isinstance(other, str) else np.float64)


def _fallback(points: npt.NDArray[np.object_], ground: Ground) -> tuple[FloatArray, npt.NDArray[np.object_]]:
    """Radius and name of the smallest place that holds each point."""
    metres, names = np.full(len(points), FALLBACK_M), np.full(len(points), "", dtype=object)
    for level in ("city", "district", "township", "community"):
        held = ground.holding(points, level)
        inside = held >= 0
        metres[inside], names[inside] = ground.radius_m[held[inside]], ground.names[held[inside]]
    return np.clip(metres, FALLBACK_M, MOST_M), names


def _accuracy(institutions: gpd.GeoDataFrame, suspects: pd.DataFrame) -> tuple[FloatArray, npt.NDArray[np.object_]]:
    """The largest of what the register says and what the findings say, with its reason."""
    metres = institutions["position_accuracy_m"].to_numpy(dtype=np.float64).copy()
    reason = institutions["position_reason"].to_numpy(dtype=object).copy()
    off_m = suspects["metres"]
    misplaced = suspects["kind"].isin(_MISPLACED)
    held = suspects.assign(metres=off_m.where(~misplaced, np.minimum(off_m, MISPLACED_M)))
    worst = held.dropna(subset=["metres"]).sort_values(["metres", "kind"]).drop_duplicates("at", keep="last")
    at, off = worst["at"].to_numpy(), worst["metres"].to_numpy()
    more = off > metres[at]
    metres[at[more]], reason[at[more]] = off[more], worst["kind"].to_numpy()[more]
    return metres, reason

"""What the register itself says about its datum 坐标基准的证据: never a decision, only shares and a warning.

Under each datum: the share of institutions that lie in the district of their code, in the place that their row names,
in the place that their address names, and the median distance to the nearest street. Only those count against the
declared datum that lie right under one datum and wrong under the other; a warning needs more of them on the other side
than chance would give (one-sided sign test, 1 %).
"""

from __future__ import annotations

from typing import cast

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from scipy.stats import binomtest

from circle15.project.datum import from_wgs84, to_wgs84
from circle15.project.metric import distances_m
from circle15.read.addresses import Said, said_of
from circle15.read.positions import Ground
from circle15.schema import Datum, Streets

COMPARED: tuple[Datum, ...] = ("wgs84", "gcj02", "bd09")
"""CGCS2000 is the same ellipsoid to 0.1 mm and stands under wgs84."""
BY_CHANCE = 0.01
COLUMNS = ("basis", "datum", "declared", "compared", "fitting", "share", "median_m", "for_it", "against_it", "chance")

FloatArray = npt.NDArray[np.float64]


def datum_evidence(
    institutions: gpd.GeoDataFrame,
    places: gpd.GeoDataFrame,
    datum: Datum,
    *,
    streets: Streets | None = None,
    told: Said | None = None,
) -> pd.DataFrame:
    """Fit of a register to its city under each datum.

    Parameters
    ----------
    institutions, places
        EPSG:4326, read under the declared `datum`.
    streets
        Walk network of the city.
    told
        What `said_of` gives, where it is known already.

    Returns
    -------
    DataFrame with COLUMNS, one row a basis (code, unit, address, best, streets) and datum. `compared` institutions tell
    anything; `fitting` of them lie where they say (`share`); `median_m` is told for streets only. Against the declared
    datum: `for_it` fit under this datum and not under the declared one, `against_it` the other way round, `chance` that
    one-sided split or a stronger one by chance. `best` takes the most detailed word of each institution.
    """
    declared = "wgs84" if datum == "cgcs2000" else datum
    given = from_wgs84(institutions.geometry.x.to_numpy(), institutions.geometry.y.to_numpy(), datum)
    moved = {d: to_wgs84(*given, d) for d in COMPARED}
    points = {d: np.asarray(shapely.points(*xy), dtype=object) for d, xy in moved.items()}
    ground, said = Ground(places), said_of(institutions, places) if told is None else told
    places_of = said._asdict()
    fits = {basis: {d: _inside(ground, place, points[d]) for d in COMPARED} for basis, place in places_of.items()}
    first = [said.unit >= 0, said.address >= 0]  # the most detailed word of each institution
    places_of["best"] = np.select(first, [said.unit, said.address], said.code)
    fits["best"] = {d: np.select(first, [fits["unit"][d], fits["address"][d]], fits["code"][d]) for d in COMPARED}
    rows: list[dict[str, object]] = []
    for basis, place in places_of.items():
        known = place >= 0
        if known.any():
            rows += _compared(basis, declared, {d: fit[known] for d, fit in fits[basis].items()}, {})
    if streets is not None and len(institutions):
        away = {d: _street_m(streets, *xy) for d, xy in moved.items()}
        nearer = {d: away[d] < away[declared] for d in COMPARED}
        rows += _compared_streets(declared, nearer, away)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def better_datum(evidence: pd.DataFrame) -> dict[str, object] | None:
    """The row of the evidence under which the register fits clearly better than as declared; None where none is."""
    told = evidence[evidence["basis"].isin(["best", "streets"])]
    clear = told[~told["declared"] & (told["for_it"] > told["against_it"]) & (told["chance"] < BY_CHANCE)]
    if clear.empty:
        return None
    order = clear.assign(gain=clear["for_it"] - clear["against_it"], first=clear["basis"] == "best")
    best = order.sort_values(["first", "gain"], ascending=False, kind="stable").iloc[0]
    return {str(k): v for k, v in best.items()}


def _inside(ground: Ground, place: npt.NDArray[np.int64], points: npt.NDArray[np.object_]) -> npt.NDArray[np.bool_]:
    """Whether each point lies in its place (n,); False where there is none."""
    fits, known = np.zeros(len(place), dtype=bool), np.flatnonzero(place >= 0)
    fits[known] = ground.inside(points[known], place[known])
    return fits


def _compared(
    basis: str, declared: str, fits: dict[Datum, npt.NDArray[np.bool_]], medians: dict[Datum, float]
) -> list[dict[str, object]]:
    own = fits[cast("Datum", declared)]
    rows: list[dict[str, object]] = []
    for datum, fit in fits.items():
        better, worse = int((fit & ~own).sum()), int((own & ~fit).sum())
        rows.append(
            {
                "basis": basis,
                "datum": datum,
                "declared": datum == declared,
                "compared": len(fit),
                "fitting": int(fit.sum()),
                "share": float(fit.mean()),
                "median_m": medians.get(datum, np.nan),
                "for_it": better,
                "against_it": worse,
                "chance": _chance(better, worse),
            }
        )
    return rows


def _compared_streets(
    declared: str, nearer: dict[Datum, npt.NDArray[np.bool_]], away: dict[Datum, FloatArray]
) -> list[dict[str, object]]:
    own = away[cast("Datum", declared)]
    rows: list[dict[str, object]] = []
    for datum, metres in away.items():
        better, worse = int(nearer[datum].sum()), int((own < metres).sum())
        rows.append(
            {
                "basis": "streets",
                "datum": datum,
                "declared": datum == declared,
                "compared": len(metres),
                "fitting": None,
                "share": np.nan,
                "median_m": float(np.median(metres)),
                "for_it": better,
                "against_it": worse,
                "chance": _chance(better, worse),
            }
        )
    return rows


def _chance(better: int, worse: int) -> float:
    return float(binomtest(better, better + worse, alternative="greater").pvalue) if better + worse else 1.0


def _street_m(streets: Streets, lon: FloatArray, lat: FloatArray) -> FloatArray:
    """Metres from each point to the nearest street."""
    narrow = float(np.cos(np.radians(np.median(streets.lat))))
    vertices = np.column_stack([streets.shape_lon * narrow, streets.shape_lat])
    edge = np.repeat(np.arange(len(streets.u)), np.diff(streets.shape_start))
    lines = np.asarray(shapely.linestrings(vertices, indices=edge), dtype=object)
    points = np.asarray(shapely.points(lon * narrow, lat), dtype=object)
    nearest = shapely.STRtree(lines).nearest(points)
    ends = shapely.get_coordinates(shapely.shortest_line(points, lines[nearest])).reshape(-1, 2, 2)
    return distances_m(ends[:, 0, 0] / narrow, ends[:, 0, 1], ends[:, 1, 0] / narrow, ends[:, 1, 1])

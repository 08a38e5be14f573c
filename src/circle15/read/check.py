"""Checks of a whole city across its files, without raising 数据核对."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

from circle15.errors import Problem
from circle15.project.datum import from_wgs84, to_wgs84
from circle15.read.city import CityFiles, gather
from circle15.read.faults import listed
from circle15.schema import DATUMS, City, Datum

_DIVISION_DIGITS = 6
_CODE_LENGTH = 12
_BETTER_FIT = 0.02
"""Another datum is named where it puts this share more of the points into the district their code names."""
_GRID_OFF = 0.05
"""Grid totals that differ from the official ones by more than this share are named."""


def check_city(config: CityFiles) -> tuple[Problem, ...]:
    """All errors and warnings of a city's files and of how they fit each other, errors first.

    Never raises for faults of the input. The cross-checks need all files read: they are left out where one failed.
    """
    reading, problems = gather(config, skip_faulty_rows=True)
    found = list(problems)
    if reading is not None:
        found += cross_checks(reading.city, datum=config.institutions.datum, file=Path(config.institutions.file).name)
    return tuple(sorted(found, key=lambda p: p.severity != "error"))


def cross_checks(city: City, *, datum: Datum, file: str) -> list[Problem]:
    """Warnings on how institutions, places and residents of a city fit each other."""
    districts = city.places[city.places["level"] == "district"].reset_index(drop=True)
    found: list[Problem] = []
    if len(districts):
        at = _district_at(city.institutions.geometry.to_numpy(), districts)
        found += _outside(city.institutions, at, file)
        found += _divisions(city.institutions, at, districts, file)
        found += _datum_fit(city.institutions, districts, datum, file)
    found += _shared_points(city.institutions, file)
    found += _same_name_address(city.institutions, file)
    found += _grid_totals(city)
    return found


def _warning(
    problem_id: str, file: str | None, *, row: int | None = None, value: str | None = None, **params: object
) -> Problem:
    return Problem(problem_id, file, row=row, value=value, params=params, severity="warning")


def _district_at(points: npt.NDArray[np.object_], districts: gpd.GeoDataFrame) -> npt.NDArray[np.intp]:
    """Position of the district that holds each point, -1 for none; the first where borders are shared."""
    at = np.full(len(points), -1, dtype=np.intp)
    point, district = shapely.STRtree(districts.geometry.to_numpy()).query(points, predicate="intersects")
    for p, d in sorted(zip(point.tolist(), district.tolist(), strict=True), reverse=True):
        at[p] = d
    return at


def _outside(institutions: gpd.GeoDataFrame, at: npt.NDArray[np.intp], file: str) -> Iterator[Problem]:
    for i in np.flatnonzero(at < 0).tolist():
        row = institutions.iloc[i]
        yield _warning(
            "check_outside", file, row=int(row["source_row"]), value=row["id"], name=row["name"] or row["id"]
        )


def _codes(institutions: gpd.GeoDataFrame) -> list[str]:
    """6-digit division of each national code (a letter, 6 digits, 5 digits), "" where the id is of another form."""
    codes = []
    for known in institutions["id"]:
        national = len(known) == _CODE_LENGTH and known[0].isalpha() and known[1:].isdigit()
        codes.append(known[1 : 1 + _DIVISION_DIGITS] if national else "")
    return codes


def _divisions(
    institutions: gpd.GeoDataFrame, at: npt.NDArray[np.intp], districts: gpd.GeoDataFrame, file: str
) -> Iterator[Problem]:
    ids = [str(i)[:_DIVISION_DIGITS] for i in districts["id"]]
    names = dict(zip(ids, districts["name"], strict=True))
    for i, code in enumerate(_codes(institutions)):
        if code in names and at[i] >= 0 and ids[at[i]] != code:
            row = institutions.iloc[i]
            yield _warning(
                "check_division", file, row=int(row["source_row"]), value=row["id"], name=row["name"] or row["id"],
                told=names[code], lies=districts["name"].iloc[at[i]],
            )  # fmt: skip


def _datum_fit(
    institutions: gpd.GeoDataFrame, districts: gpd.GeoDataFrame, datum: Datum, file: str
) -> Iterator[Problem]:
    """Name the datum under which clearly more points lie in the district of their code than under the declared one."""
    codes = np.array(_codes(institutions))
    ids = np.array([str(i)[:_DIVISION_DIGITS] for i in districts["id"]])
    coded = np.isin(codes, ids)
    if not coded.any():
        return
    points = institutions.geometry.to_numpy()[coded]
    given = from_wgs84(shapely.get_x(points), shapely.get_y(points), datum)
    fits: dict[Datum, float] = {}
    for other in DATUMS:
        lon, lat = to_wgs84(*given, other)
        at = _district_at(np.asarray(shapely.points(lon, lat)), districts)
        fits[other] = float(((at >= 0) & (ids[at] == codes[coded])).mean())
    best = max(fits, key=lambda d: (fits[d], d == datum))
    if fits[best] > fits[datum] + _BETTER_FIT:
        yield _warning(
            "check_datum", file, value=datum, best=best, share=f"{100 * fits[datum]:.1f}",
            best_share=f"{100 * fits[best]:.1f}",
        )  # fmt: skip


def _shared_points(institutions: gpd.GeoDataFrame, file: str) -> Iterator[Problem]:
    keys = institutions.geometry.get_coordinates().round(9).agg(tuple, axis=1)
    for rows in _groups(institutions, list(keys)):
        yield _warning("check_same_point", file, row=rows[0], count=len(rows), rows=listed(rows))


def _same_name_address(institutions: gpd.GeoDataFrame, file: str) -> Iterator[Problem]:
    keys = [
        (s, n, a) if n and a else None
        for s, n, a in zip(institutions["service"], institutions["name"], institutions["address"], strict=True)
    ]
    for rows in _groups(institutions, keys):
        yield _warning("check_same_name", file, row=rows[0], count=len(rows), rows=listed(rows))


def _groups(institutions: gpd.GeoDataFrame, keys: Sequence[object]) -> list[list[int]]:
    """Source rows that share a key, in order of their first row; rows without a key are left out."""
    rows: dict[object, list[int]] = {}
    for row, key in zip(institutions["source_row"].tolist(), keys, strict=True):
        if key is not None:
            rows.setdefault(key, []).append(row)
    return [shared for shared in rows.values() if len(shared) > 1]


def _grid_totals(city: City) -> Iterator[Problem]:
    """Official totals against residents of cells whose centre lies in the place; places without any residents."""
    totals = np.zeros(len(city.places))
    for block in city.population.blocks():
        cells = block.cells
        tree = shapely.STRtree(shapely.centroid(cells.geometry.to_numpy()))
        place, cell = tree.query(city.places.geometry.to_numpy(), predicate="intersects")
        totals += np.bincount(place, weights=cells["residents"].to_numpy()[cell], minlength=len(totals))
    for name, level, official, total in zip(
        city.places["name"], city.places["level"], city.places["residents"], totals, strict=True
    ):
        if total <= 0:
            yield _warning("check_place_empty", None, value=name, level=level)
        elif official > 0 and abs(total - official) > _GRID_OFF * official:
            yield _warning(
                "check_grid_total", None, value=name, level=level, grid=f"{total:.0f}", official=f"{official:.0f}",
                percent=f"{100 * (total / official - 1):+.1f}",
            )  # fmt: skip

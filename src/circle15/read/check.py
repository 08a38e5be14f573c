"""Checks of a whole city across its files, without raising 数据核对: problems, assumptions, counts, doubtful points."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from circle15.errors import Problem
from circle15.read.city import CityReading, gather
from circle15.read.city_parts import CityFiles
from circle15.read.database import query_of
from circle15.read.datum_evidence import better_datum, datum_evidence
from circle15.read.faults import listed
from circle15.read.people import PeopleCheck, check_people
from circle15.read.positions import Examination, examine
from circle15.schema import Assumption, City, Correction, Datum, SheetCount

_ROWS = ("outside", "division", "unit", "address", "strayed")
_GROUPS = ("duplicate", "same_name", "pair", "road", "stack")
_COARSE_M = 50.0
"""Rounding that may have moved a position farther than this is named."""


@dataclass(frozen=True)
class DataCheck:
    """All that was found on a city's files.

    Parameters
    ----------
    problems
        Errors first; `city` (with its whole dated register) is None where a part could not be read; what needs it is
        then empty.
    assumptions, counts, corrections
        What was taken for granted on reading the register, rows before and after, cells read otherwise than written.
    evidence
        Fit under each datum (datum_evidence.COLUMNS).
    suspects
        Findings on positions (positions.COLUMNS); `at` counts in `city.institutions`.
    people
        Residents against official totals; None where they could not be read.
    denominators
        Denominators by place (read/denominators.py); empty where none were given.
    """

    problems: tuple[Problem, ...]
    city: City | None = None
    assumptions: tuple[Assumption, ...] = ()
    counts: tuple[SheetCount, ...] = ()
    corrections: tuple[Correction, ...] = ()
    evidence: pd.DataFrame = field(default_factory=pd.DataFrame)
    suspects: pd.DataFrame = field(default_factory=pd.DataFrame)
    people: PeopleCheck | None = None
    denominators: pd.DataFrame = field(default_factory=pd.DataFrame)


def check_data(config: CityFiles) -> DataCheck:
    """Check a city's files and how they fit each other; never raises for faults of the input.

    Rows of the register with errors are named and left out of the cross-checks, which need every part to be readable.
    """
    reading, problems = gather(config, skip_faulty_rows=True)
    if reading is None:
        return DataCheck(_errors_first(problems))
    query = query_of(config.institutions.file)
    file = Path(config.institutions.file).name if query is None else query.shown
    found = cross_checks(reading.city, datum=config.institutions.datum, file=file, reading=reading)
    return DataCheck(
        _errors_first([*problems, *found.problems]),
        city=reading.city,
        assumptions=reading.assumptions,
        counts=reading.counts,
        corrections=reading.corrections,
        evidence=found.evidence,
        suspects=found.suspects,
        people=found.people,
        denominators=pd.DataFrame() if reading.denominators is None else reading.denominators,
    )


def check_city(config: CityFiles) -> tuple[Problem, ...]:
    """All errors and warnings of a city's files and of how they fit each other, errors first."""
    return check_data(config).problems


def cross_checks(city: City, *, datum: Datum, file: str, reading: CityReading | None = None) -> DataCheck:
    """How institutions, places and residents of a city fit each other; all of it warnings."""
    examined = examine(city.institutions, city.places) if reading is None else reading.examination
    evidence = datum_evidence(
        city.institutions, city.places, datum, streets=city.streets, told=None if examined is None else examined.said
    )
    people = check_people(city, None if reading is None else reading.scaling)
    found: list[Problem] = []
    found += _datum(evidence, datum, file)
    if examined is not None:
        found += _of_rows(city.institutions, examined, file)
        found += _of_groups(city.institutions, examined, file)
        found += _shared(examined, file)
    found += _rounded(city.institutions, file)
    found += people.problems
    suspects = pd.DataFrame() if examined is None else examined.suspects
    return DataCheck(tuple(found), city=city, evidence=evidence, suspects=suspects, people=people)


def _errors_first(problems: tuple[Problem, ...] | list[Problem]) -> tuple[Problem, ...]:
    # one file may serve as outlines and residents: what is wrong with it is said once
    once = {(p.id, p.file, p.sheet, p.row, p.column, p.value, str(p.params)): p for p in problems}
    return tuple(sorted(once.values(), key=lambda p: p.severity != "error"))


def _warning(
    problem_id: str,
    file: str | None,
    *,
    row: int | None = None,
    value: object = None,
    sheet: str | None = None,
    **params: object,
) -> Problem:
    shown = None if value is None else str(value)
    return Problem(f"check.{problem_id}", file, sheet, row, value=shown, params=params, severity="warning")


def _datum(evidence: pd.DataFrame, datum: Datum, file: str) -> Iterator[Problem]:
    best = better_datum(evidence)
    if best is None:
        return
    own = evidence[evidence["declared"] & (evidence["basis"] == best["basis"])].iloc[0]
    if best["basis"] == "streets":
        yield _warning(
            "datum_streets",
            file,
            value=datum,
            best=best["datum"],
            metres=f"{own['median_m']:.0f}",
            best_metres=f"{best['median_m']:.0f}",
            n=best["compared"],
        )
        return
    yield _warning(
        "datum",
        file,
        value=datum,
        best=best["datum"],
        share=f"{100 * own['share']:.1f}",
        best_share=f"{100 * float(str(best['share'])):.1f}",
        n=best["compared"],
        better=best["for_it"],
        worse=best["against_it"],
    )


def _of_rows(institutions: gpd.GeoDataFrame, examined: Examination, file: str) -> Iterator[Problem]:
    """One warning for each row that lies where it should not."""
    found = examined.suspects[examined.suspects["kind"].isin(_ROWS)]
    rows, ids = institutions["source_row"].to_numpy(), institutions["id"].to_numpy()
    sheets = institutions["source_sheet"].to_numpy()
    names, addresses = institutions["name"].to_numpy(), institutions["address"].to_numpy()
    for at, kind, metres, told, lies in found[["at", "kind", "metres", "told", "lies"]].itertuples(
        index=False, name=None
    ):
        value = addresses[at] if kind in {"address", "strayed"} else ids[at]
        yield _warning(
            kind,
            file,
            sheet=sheets[at] or None,
            row=int(rows[at]),
            value=value,
            name=names[at] or ids[at],
            told=told,
            lies=lies or "—",
            metres=f"{metres:,.0f}",
        )


def _of_groups(institutions: gpd.GeoDataFrame, examined: Examination, file: str) -> Iterator[Problem]:
    """One warning for each point, or name, that several rows share and should not."""
    rows, names = institutions["source_row"].to_numpy(), institutions["name"].to_numpy()
    sheets = institutions["source_sheet"].to_numpy()
    for kind in _GROUPS:
        mine = examined.suspects[examined.suspects["kind"] == kind]
        for _, group in mine.groupby("group", sort=False):
            at = group["at"].to_numpy()
            yield _warning(
                kind,
                file,
                sheet=sheets[at[0]] or None,
                row=int(rows[at[0]]),
                value=names[at[0]] or None,
                count=len(at),
                rows=listed(_places_of(sheets[at], rows[at])),
                place=group["lies"].iloc[0] or "—",
                metres=f"{group['metres'].max():,.0f}",
            )


def _places_of(sheets: npt.NDArray[np.object_], rows: npt.NDArray[np.int64]) -> list[str]:
    """Row numbers, with their sheet where they stand in more than one."""
    if len(set(sheets)) == 1:
        return [str(r) for r in rows]
    return [f"{sheet}:{row}" for sheet, row in zip(sheets, rows, strict=True)]


def _shared(examined: Examination, file: str) -> Iterator[Problem]:
    """One line on all rows that share a point: how many, and how many of them for a good reason."""
    points = examined.shared
    if points.rows:
        yield _warning(
            "shared",
            file,
            rows=points.rows,
            points=points.points,
            building=points.building,
            doubtful=points.rows - points.building,
        )


def _rounded(institutions: gpd.GeoDataFrame, file: str) -> Iterator[Problem]:
    """One warning for each degree of rounding that matters."""
    reasons = institutions["position_reason"].to_numpy(dtype=object)
    metres = institutions["position_accuracy_m"].to_numpy()
    for reason in sorted({r for r in reasons if str(r).startswith("rounded")}):
        at = np.flatnonzero((reasons == reason) & (metres >= _COARSE_M))
        if len(at):
            rows = institutions["source_row"].to_numpy()[at]
            sheets = institutions["source_sheet"].to_numpy()[at]
            kind, _, digits = str(reason).partition("_")
            told = kind if digits.isdigit() else reason
            yield _warning(
                told,
                file,
                sheet=sheets[0] or None,
                row=int(rows[0]),
                count=len(at),
                rows=listed(_places_of(sheets, rows)),
                metres=f"{metres[at].max():,.0f}",
                digits=digits,
            )

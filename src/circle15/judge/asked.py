"""What is asked of a proposed site 拟新增机构的问题: checked, and as the row that measures and rules look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from circle15.errors import Problem, UsageError
from circle15.schema import DATUMS, SERVICES

if TYPE_CHECKING:
    from collections.abc import Mapping

PROPOSED_ID = "proposed"
_NO_ATTRIBUTE = frozenset({"id", "service", "geometry"})


def check_question(lon: float, lat: float, datum: str, service: str, accuracy_m: float) -> None:
    """UsageError with every fault of a question: service, datum, place, accuracy."""
    problems = question_faults(lon, lat, datum, service, accuracy_m)
    if problems:
        raise UsageError(problems)


def question_faults(lon: float, lat: float, datum: str, service: str, accuracy_m: float) -> list[Problem]:
    """Every fault of a question."""
    problems = []
    if service not in SERVICES:
        problems.append(Problem("use.unknown_service", value=str(service), params={"known": ", ".join(SERVICES)}))
    if datum not in DATUMS:
        problems.append(Problem("unknown_datum", value=str(datum), params={"known": ", ".join(DATUMS)}))
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):  # noqa: PLR2004 - degrees
        problems.append(Problem("use.site_out_of_range", value=f"{lon}, {lat}"))
    if not 0 <= accuracy_m < float("inf"):
        problems.append(Problem("use.accuracy", value=str(accuracy_m)))
    return problems


def attributes_of(told: Mapping[str, object] | None) -> dict[str, object]:
    """What an application says beside place and service."""
    return {k: v for k, v in (told or {}).items() if k not in _NO_ATTRIBUTE}


def proposed_row(service: str, position_accuracy_m: float, known: Mapping[str, object]) -> dict[str, Any]:
    """What is said of a proposed site, in the columns that measures and rules look at."""
    given: dict[str, Any] = {"name": "", "level": "", "tags": "", "beds": float("nan"), "institution": ""}
    given |= {k: v for k, v in known.items() if isinstance(v, (str, int, float))}
    return given | {"id": PROPOSED_ID, "service": service, "position_accuracy_m": position_accuracy_m}

"""Rules by walking distance 步行口径: which distance decides, and what the other one says as a second opinion."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from circle15.judge.inputs import number, text
from circle15.judge.series import State
from circle15.policy.cards import ByDistance
from circle15.quantities import DISTANCE_TOLERANCE_M
from circle15.schema import POSITION_ACCURACY_M, WALKING_M_PER_S, Finding, Neighbour, Outcome

M_PER_MINUTE = WALKING_M_PER_S * 60.0
"""Turns minutes into metres where both are held against one position accuracy; the decision itself is by minutes."""

_COUNTS = {
    ("straight", True): "by_straight_same",
    ("straight", False): "by_straight_differs",
    ("walking", True): "by_walking_same",
    ("walking", False): "by_walking_differs",
}
_STATES = {
    ("straight", True): "holds_by_straight_same",
    ("straight", False): "holds_by_straight_differs",
    ("walking", True): "holds_by_walking_same",
    ("walking", False): "holds_by_walking_differs",
}
Far = Callable[[Neighbour], float]
R = TypeVar("R", bound=ByDistance)


def far_of(rule: ByDistance) -> Far:
    """How far a neighbour is by the rule's distance: metres straight or walked, or minutes as metres at 1.2 m/s."""
    if rule.distance == "straight":
        return straight
    return walked if rule.minutes is None else _timed


def limit_of(rule: ByDistance, radius_m: float) -> float:
    """The bound that `far_of` is held against."""
    return radius_m if rule.distance == "straight" or rule.minutes is None else rule.minutes * M_PER_MINUTE


def told(rule: ByDistance, neighbours: Sequence[Neighbour], radius_m: float) -> bool:
    """Whether the rule's distance is known of all neighbours that could lie within it.

    Nobody walks a shorter way than the straight line, so that one beyond `radius_m` needs no walking distance.
    """
    return all(_way_known(rule, n, radius_m + DISTANCE_TOLERANCE_M) for n in neighbours)


def _way_known(rule: ByDistance, one: Neighbour, reach_m: float) -> bool:
    if rule.distance == "straight":
        return True
    if rule.minutes is not None:
        return one.walking_minutes is not None
    return one.walking_m is not None or one.distance_m > reach_m


def within(rule: ByDistance, one: Neighbour, *, radius_m: float, accuracy_m: float) -> State:
    """Whether a neighbour lies within the rule's distance; UNKNOWN within both position errors of it.

    Also where its way on foot is not known and it could be near enough.
    """
    slack_m = one.position_accuracy_m + accuracy_m + DISTANCE_TOLERANCE_M
    if not _way_known(rule, one, radius_m + slack_m):
        return State.UNKNOWN
    gap_m = far_of(rule)(one) - limit_of(rule, radius_m)
    return State.UNKNOWN if abs(gap_m) <= slack_m else State.YES if gap_m < 0 else State.NO


def other_way(rule: R) -> R:
    """The same rule by the other distance; minutes become the radius of the circle."""
    if rule.distance == "straight":
        return rule.model_copy(update={"distance": "walking"})
    return rule.model_copy(update={"distance": "straight", "minutes": None})


def residents_column(rule: ByDistance) -> str:
    """Column of a site's measures that holds the residents within the rule's distance: straight, or its own on foot."""
    return "residents_within" if rule.distance == "straight" else f"{rule.id}.residents"


def with_second_opinion(rule: ByDistance, deciding: Finding, other: Finding | None) -> Finding:
    """The finding with a note which distance decided and what the other one says; None where that is not known."""
    figures = dict(deciding.evidence.figures)
    note = "by_straight_unknown"
    if other is not None:
        beside = "walking" if rule.distance == "straight" else "straight"
        figures |= {f"count_{beside}": other.observed or 0.0, f"outcome_{beside}": str(other.outcome)}
        note = _COUNTS[rule.distance, other.outcome is deciding.outcome]
    notes = (*deciding.evidence.notes, note)
    return replace(deciding, evidence=replace(deciding.evidence, figures=figures, notes=notes))


def second_opinion(
    rule: ByDistance, near: Sequence[Neighbour], holds: Callable[[ByDistance], State], *, radius_m: float
) -> tuple[State, tuple[str, ...]]:
    """Whether a condition holds by the rule's own distance, and notes on what decided and what the other one says.

    No notes on the other distance where no way on foot is known at all.
    """
    state, notes = holds(rule), []
    if state is State.UNKNOWN and not told(rule, near, radius_m):
        notes.append("walking_missing")
    if any_walked(near):
        other = other_way(rule)
        known = told(other, near, radius_m)
        notes.append(_STATES[rule.distance, holds(other) is state] if known else "by_straight_unknown")
    return state, tuple(notes)


def any_walked(neighbours: Sequence[Neighbour]) -> bool:
    """Whether a way on foot is known of any neighbour."""
    return any(n.walking_m is not None or n.walking_minutes is not None for n in neighbours)


def undecided(one: Finding) -> Finding:
    """A finding that asks for a check because its distances are not all known."""
    return replace(one, outcome=Outcome.REVIEW)


def neighbour_of(row: Mapping[Any, Any], *, would_exceed: bool = False) -> Neighbour:
    """A row of others about a site: id, name, distance_m, position_accuracy_m, walking_m, walking_minutes."""
    accuracy_m = max(0.0, number(row.get("position_accuracy_m"), POSITION_ACCURACY_M))
    metres, minutes = (way(row.get(column)) for column in ("walking_m", "walking_minutes"))
    name, code = text(row.get("name")), text(row.get("institution"))
    return Neighbour(str(row["id"]), name, float(row["distance_m"]), accuracy_m, would_exceed, metres, minutes, code)


def way(value: object) -> float | None:
    """A way on foot; None where it is not known."""
    found = number(value)
    return None if math.isnan(found) else found


def straight(neighbour: Neighbour) -> float:
    """Geodesic metres."""
    return neighbour.distance_m


def walked(neighbour: Neighbour) -> float:
    """Metres on foot; infinite where not known (`told` has been asked before)."""
    return math.inf if neighbour.walking_m is None else neighbour.walking_m


def _timed(neighbour: Neighbour) -> float:
    return math.inf if neighbour.walking_minutes is None else neighbour.walking_minutes * M_PER_MINUTE

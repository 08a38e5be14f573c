"""Circle rules on foot 步行口径: which distance decides, and what the other one says as a second opinion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from circle15.policy.rules import CircleLimit
from circle15.schema import WALKING_M_PER_S, Finding, Neighbour, Outcome

TOLERANCE_M = 1e-6
M_PER_MINUTE = WALKING_M_PER_S * 60.0
"""Turns minutes into metres where both are held against one position accuracy; the decision itself is by minutes."""

_SAYS = {
    ("straight", True): "by_straight_same",
    ("straight", False): "by_straight_differs",
    ("walking", True): "by_walking_same",
    ("walking", False): "by_walking_differs",
}
Far = Callable[[Neighbour], float]


def far_of(rule: CircleLimit) -> Far:
    """How far a neighbour is by the rule's distance: metres straight or walked, or minutes as metres at 1.2 m/s."""
    if rule.distance == "straight":
        return straight
    return walked if rule.minutes is None else _timed


def limit_of(rule: CircleLimit, radius_m: float) -> float:
    """The bound that `far_of` is held against."""
    return radius_m if rule.distance == "straight" or rule.minutes is None else rule.minutes * M_PER_MINUTE


def told(rule: CircleLimit, neighbours: Sequence[Neighbour], radius_m: float) -> bool:
    """Whether the rule's distance is known of all neighbours that could lie within it.

    Nobody walks a shorter way than the straight line, so that one beyond `radius_m` needs no walking distance.
    """
    if rule.distance == "straight":
        return True
    if rule.minutes is not None:
        return all(n.walking_minutes is not None for n in neighbours)
    return all(n.walking_m is not None for n in neighbours if n.distance_m <= radius_m + TOLERANCE_M)


def other_way(rule: CircleLimit) -> CircleLimit:
    """The same rule by the other distance; minutes become the radius of the circle."""
    if rule.distance == "straight":
        return rule.model_copy(update={"distance": "walking"})
    return rule.model_copy(update={"distance": "straight", "minutes": None})


def with_second_opinion(rule: CircleLimit, deciding: Finding, other: Finding | None) -> Finding:
    """The finding with a note which distance decided and what the other one says; None where that is not known."""
    figures = dict(deciding.evidence.figures)
    note = "by_straight_unknown"
    if other is not None:
        beside = "walking" if rule.distance == "straight" else "straight"
        figures |= {f"count_{beside}": other.observed or 0.0, f"outcome_{beside}": str(other.outcome)}
        note = _SAYS[rule.distance, other.outcome is deciding.outcome]
    notes = (*deciding.evidence.notes, note)
    return replace(deciding, evidence=replace(deciding.evidence, figures=figures, notes=notes))


def any_walked(neighbours: Sequence[Neighbour]) -> bool:
    """Whether a way on foot is known of any neighbour."""
    return any(n.walking_m is not None or n.walking_minutes is not None for n in neighbours)


def undecided(one: Finding) -> Finding:
    """A finding that asks for a check because its distances are not all known."""
    return replace(one, outcome=Outcome.REVIEW)


def straight(neighbour: Neighbour) -> float:
    """Geodesic metres."""
    return neighbour.distance_m


def walked(neighbour: Neighbour) -> float:
    """Metres on foot; infinite where not known (`told` has been asked before)."""
    return float("inf") if neighbour.walking_m is None else neighbour.walking_m


def _timed(neighbour: Neighbour) -> float:
    return float("inf") if neighbour.walking_minutes is None else neighbour.walking_minutes * M_PER_MINUTE

"""What stands about a site 邻近机构: pauses around institutions, none within, near one that a rule names.

All by the rule's own distance, straight or on foot, with the other one as a second opinion (judge/on_foot.py).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from circle15.judge.areas import count
from circle15.judge.conditions import Site, join
from circle15.judge.inputs import Scope, number, place_of, text
from circle15.judge.on_foot import far_of, limit_of, neighbour_of, other_way, second_opinion, told, within
from circle15.judge.series import State, Tested, both_states
from circle15.quantities import DISTANCE_TOLERANCE_M
from circle15.schema import POSITION_ACCURACY_M, Neighbour

if TYPE_CHECKING:
    from circle15.policy.cards import ByDistance, Counted
    from circle15.policy.rules import Exempt, Prefer, Suspend

_NOT = {State.YES: State.NO, State.NO: State.YES, State.UNKNOWN: State.UNKNOWN}


@dataclass(frozen=True)
class Nearness:
    """Whether a condition on what stands near a site holds, with what is to be said of it."""

    state: State
    notes: tuple[str, ...] = ()
    figures: Mapping[str, float | str] = field(default_factory=dict)


def none_within(rule: Exempt, site: Site) -> Nearness:
    """Whether no institution of the site's service stands within the rule's distance."""
    near = [neighbour_of(n) for n in site.near if n.get("service", site.bid.service) == site.bid.service]

    def holds(by: ByDistance) -> State:
        return join(_NOT[_near(by, site, n)] for n in near)

    return Nearness(*second_opinion(rule, near, holds, radius_m=_radius_m(rule, site)))


def none_in(level: str, site: Site) -> State:
    """Whether no institution of the service stands in the place of a level that holds the site."""
    place = place_of(site.plan, site.row, site.totals, level)
    if place is None:
        return State.UNKNOWN
    if site.inputs.register is None:
        held = number(place.get(f"n_{site.bid.service}"))
    else:
        held = count(site.inputs.register, place, of="institutions", what=((site.bid.service,), (), (), ()))[0]
    return State.UNKNOWN if math.isnan(held) else State.YES if held == 0 else State.NO


def near_named(rule: Prefer, wanted: Counted, site: Site) -> Nearness:
    """Whether the site stands near an institution that the rule names, and how far the nearest one is."""
    near = [neighbour_of(n) for n in site.near if _is_named(wanted, n)]
    figures = _nearest(rule, near)
    if rule.radius_m is None and rule.minutes is None:
        return Nearness(State.UNKNOWN, ("radius_not_printed",), figures)

    def holds(by: ByDistance) -> State:
        return join((_near(by, site, n) for n in near), every=False) if near else State.NO

    state, notes = second_opinion(rule, near, holds, radius_m=_radius_m(rule, site))
    edge = state is State.UNKNOWN and "walking_missing" not in notes
    return Nearness(state, ("check_on_site", *notes) if edge else notes, figures)


def _is_named(wanted: Counted, row: Mapping[str, Any]) -> bool:
    tagged = not wanted.tags or not set(wanted.tags).isdisjoint(text(row.get("tags")).split(";"))
    return row.get("service") in wanted.services and tagged and (not wanted.levels or row.get("level") in wanted.levels)


def _nearest(rule: Prefer, near: Sequence[Neighbour]) -> dict[str, float | str]:
    """Metres to the nearest by the rule's distance, and walked ones where they decide."""
    nearest = min(near, key=far_of(rule), default=None)
    if nearest is None:
        return {}
    figures: dict[str, float | str] = {"nearest_m": round(nearest.distance_m, 1)}
    if rule.distance == "walking" and nearest.walking_m is not None:
        figures["nearest_walking_m"] = round(nearest.walking_m, 1)
    return figures


def paused_around(rule: Suspend, site: Site, level: str) -> Nearness:
    """Whether an institution stands near about which new ones pause; other readings are tried on all of them."""
    around = [n for n in site.near if n.get("service", site.bid.service) in rule.services]
    if level:
        around = [n for n in around if text(n.get("level")) == level]
    near = [neighbour_of(n) for n in around]
    institutions = [(str(n["id"]), number(n.get("beds"))) for n in around]
    tested = [
        both_states(site.figures, any_of=rule.any_of, all_of=rule.all_of, scope=Scope({}, (), (one,)))
        for one in institutions
    ]
    radius_m = _radius_m(rule, site)

    def holds(by: ByDistance) -> State:
        paused = (join((_near(by, site, n), t.state)) for n, t in zip(near, tested, strict=True))
        return join(paused, every=False)

    state, opinion = second_opinion(rule, near, holds, radius_m=radius_m)
    notes, figures = _told_of(rule, site, near, tested)
    by = rule if told(rule, near, radius_m) else other_way(rule)
    bound_m = limit_of(by, radius_m) + DISTANCE_TOLERANCE_M
    inside = tuple(i for i, n in zip(institutions, near, strict=True) if far_of(by)(n) <= bound_m)
    for at, reading in enumerate(rule.readings, start=1):
        other = (
            state
            if not inside
            else both_states(
                site.figures, any_of=reading.any_of, all_of=reading.all_of, scope=Scope({}, (), inside)
            ).state
        )
        figures[f"reading_{at}"] = f"{reading.title}: {other.value}"
        notes += ["readings_disagree"] if other is not state else []
    return Nearness(state, tuple(dict.fromkeys((*notes, *opinion))), figures)


def _told_of(
    rule: Suspend, site: Site, near: Sequence[Neighbour], tested: Sequence[Tested]
) -> tuple[list[str], dict[str, float | str]]:
    """Notes on the institutions near enough, and the lowest of their figures."""
    notes: list[str] = []
    worst = math.nan
    for one, trigger in zip(near, tested, strict=True):
        place = _near(rule, site, one)
        if place is State.NO:
            continue
        if trigger.state is State.NO:
            notes += [n for n in trigger.notes if n == "early_warning"]
            continue
        edge = place is State.UNKNOWN and trigger.state is State.YES and told(rule, (one,), _radius_m(rule, site))
        notes += ["check_on_site"] if edge else trigger.notes
        worst = min((v for v in trigger.figures.values() if isinstance(v, float)), default=worst)
    name = rule.any_of[0].indicator if rule.any_of else "value"
    return notes, {} if math.isnan(worst) else {name: worst}


def _near(by: ByDistance, site: Site, one: Neighbour) -> State:
    own_m = number(site.row.get("position_accuracy_m"), POSITION_ACCURACY_M)
    return within(by, one, radius_m=_radius_m(by, site), accuracy_m=own_m)


def _radius_m(rule: ByDistance, site: Site) -> float:
    return rule.radius_m or site.plan.circle.radius_m

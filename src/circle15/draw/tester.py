"""What the site tester in a page works with 页内选址研判: plan, register, places and residents as data blocks.

The page judges as judge/ does, from the same rules, on foot too where the city has streets. It has no indicators
and no ledgers: what they would tell is missing data, or a card that says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from circle15.draw.pack import json_bytes, number, shown
from circle15.draw.part import PagePart, Shared
from circle15.draw.payload import widened
from circle15.draw.tester_pack import Packer
from circle15.draw.tester_people import pack_people
from circle15.draw.tester_walk import pack_walk
from circle15.policy.rules import AreaLimit, CircleLimit, Direction, Mix, Replace, Suspend, Target
from circle15.schema import PLACE_LEVELS, POSITION_ACCURACY_M, SERVICES, Pace, institution_codes
from circle15.words import LANGS, words_under

if TYPE_CHECKING:
    import geopandas as gpd
    from shapely.geometry.base import BaseGeometry

    from circle15.policy.plan import Plan
    from circle15.schema import Assessment
    from circle15.words import Lang

TESTER_SCRIPTS = (
    "tester_geodesy.js",
    "tester_outline.js",
    "tester_ground.js",
    "tester_judge.js",
    "tester_areas.js",
    "tester_on_foot.js",
    "tester_effects.js",
    "tester_position.js",
    "tester_city.js",
    "tester_input.js",
    "tester_panel.js",
    "tester_verdict.js",
    "tester_gaps.js",
    "tester_set.js",
    "tester.js",
)
WALK_SCRIPTS = ("tester_walk.js", "tester_ways.js")
TESTER_STYLES = ("tester.css",)
REACH_RADII = 3.0
"""A site lies up to one radius outside, its circle reaches one farther, those of its neighbours another."""
SLACK_M = 1200.0
"""More than the widest position error that the page takes."""
_ON_FOOT = ("walk.", "note.by_", "note.holds_by_", "note.goal_")
_AMOUNTS = ("beds", "stations", "physicians")
_ROOMS = (
    "outcome",
    "force",
    "conclusion",
    "ground",
    "bound",
    "unit",
    "density_class",
    "density_unit",
    "note",
    "effect",
    "collision",
)


def build_tester(assessment: Assessment, plan: Plan, *, district_id: str = "", ledger: bool = False) -> PagePart:
    """The tester as a part of a page: its scripts and the data blocks that tester.js reads.

    Parameters
    ----------
    assessment, plan
        The plan is that of the assessment, overlay included.
    district_id
        The district whose sites can be tested; all of the city where not given. The page holds what the circles about
        them can reach; institutions farther away are counted in their places and no more.
    ledger
        Events were known when the city was assessed; limits that they move are left to the workbench.
    """
    within = _within(assessment, district_id)
    around = widened(shapely.union_all(within.geometry.to_numpy()), REACH_RADII * plan.circle.radius_m + SLACK_M)
    shapely.prepare(around)
    packer = Packer()
    people, grid = pack_people(packer, assessment.city.population, around)
    places, place_at = _pack_places(packer, assessment, plan, around)
    institutions, site_at = _pack_institutions(packer, assessment, plan, around)
    streets, pace = assessment.city.streets, assessment.city.pace
    walk = None if streets is None else pack_walk(packer, streets, pace, around)
    values = {
        "as_of": assessment.city.as_of.isoformat() if assessment.city.as_of else None,
        "service_order": list(SERVICES),
        "plan": plan_record(plan, pace),
        "people": people,
        "within": [str(i) for i in within["id"]],
        "places": places,
        "institutions": institutions,
        "coverage": _coverage(assessment, set(within["id"]) | set(within["parent"])),
        "words": {lang: words_of_tester(lang, on_foot=walk is not None) for lang in LANGS},
        "accuracy_m": POSITION_ACCURACY_M,
        "ledger": ledger,
        "least_gap": _least_gap(assessment),
        "index": packer.index,
        **({} if walk is None else {"walk": walk}),
    }
    scripts = TESTER_SCRIPTS if walk is None else (*TESTER_SCRIPTS, *WALK_SCRIPTS)
    blocks = {"tester": json_bytes(values), "tester.arrays": packer.bytes()}
    return PagePart(scripts, TESTER_STYLES, blocks, shared=Shared(site_at, place_at, grid))


def _least_gap(assessment: Assessment) -> float:
    """Residents from which uncovered cells are a gap."""
    options = assessment.provenance.get("options")
    return float(options.get("gap_min_residents", 0.0)) if isinstance(options, Mapping) else 0.0


def words_of_tester(lang: Lang, *, on_foot: bool = True) -> dict[str, str]:
    """Words of the tester in one language, verdict words of judge among them; those of ways on foot may be left out."""
    found = words_under("tester", lang)
    for room in _ROOMS:
        found |= {f"{room}.{k}": v for k, v in words_under(f"judge.{room}", lang).items()}
    found |= {f"service.{s}": v for s, v in words_under("map.service", lang).items()}
    return found if on_foot else {k: v for k, v in found.items() if not k.startswith(_ON_FOOT)}


def plan_record(plan: Plan, pace: Pace) -> dict[str, Any]:
    """A plan as the page reads it: rules without their defaults, classes, groups, radii, deciding density."""
    return {
        "id": plan.id,
        "title": shown(plan.title),
        "version": plan.version[:12],
        "city": plan.city,
        "radius_m": plan.circle.radius_m,
        "reach_m": plan.reach_m(metres_per_s=pace.metres_per_s),
        "density_unit": plan.density.unit,
        "classes": [
            {"id": c.id, "title": shown(c.title), "by": c.by, "min": c.min, "below": c.below, "settings": c.settings}
            for c in plan.place_classes
        ],
        "groups": [{"id": g.id, "title": shown(g.title), "areas": g.areas} for g in plan.groups],
        "rules": [_rule(rule, plan) for rule in plan.rules],
    }


def _rule(rule: Any, plan: Plan) -> dict[str, Any]:  # noqa: ANN401 - any of the kinds of rules
    record: dict[str, Any] = rule.model_dump(mode="json", exclude_defaults=True, exclude={"catalogue", "readings"})
    record |= {"kind": rule.kind, "force": str(rule.force)}
    for key in ("title", "clause", "quote", "note"):
        if key in record:
            record[key] = shown(record[key])
    if isinstance(rule, CircleLimit):
        record["counts_site"] = rule.counts_site
    if isinstance(rule, Suspend | Replace | Direction) and _reckons(rule, plan):
        record["reckons"] = True
    return record


def _reckons(rule: Suspend | Replace | Direction, plan: Plan) -> bool:
    """Whether a rule asks indicators that the plan works out from totals and register: the page does not."""
    if isinstance(rule, Direction):
        asked = {rule.actual, rule.calculated, rule.target}
    else:
        asked = {t.indicator for t in (*rule.any_of, *rule.all_of)}
    return any(i.formula or i.count is not None for i in plan.indicators if i.id in asked)


# ── places ────────────────────────────────────────────────────


def _within(assessment: Assessment, district_id: str) -> gpd.GeoDataFrame:
    """The places in which sites can be tested: the district, else all of the widest level that the city has."""
    places = assessment.city.places
    if district_id:
        return places[(places["level"] == "district") & (places["id"] == district_id)]
    level = next((lv for lv in PLACE_LEVELS if (places["level"] == lv).any()), None)
    return places[places["level"] == level]


def _pack_places(
    packer: Packer, assessment: Assessment, plan: Plan, around: BaseGeometry
) -> tuple[dict[str, Any], dict[str, int]]:
    """Places that the ground meets, with their outlines; then those that are only counted: columns, and rows by id."""
    places = assessment.city.places
    near = np.asarray(shapely.intersects(around, places.geometry.to_numpy()))
    named = {a for g in plan.groups for a in g.areas}
    counted = places["level"].isin(["district", "city"]) | places["id"].isin(named) | places["name"].isin(named)
    kept = pd.concat([places[near], places[~near & counted.to_numpy()]])
    packer.add_rings("place", np.asarray(places.geometry.array, dtype=object)[near])
    totals = assessment.totals.drop_duplicates("place_id").set_index("place_id")
    known = totals.reindex(kept["id"])
    columns = {
        "place_id": [str(i) for i in kept["id"]],
        **{k: [shown(v) for v in _column(kept, k)] for k in ("name", "level", "parent", "settings", "class")},
        **{k: [_exact(v) for v in known[k]] for k in _totals_asked(plan) if k in known},
    }
    return columns, {str(i): n for n, i in enumerate(places["id"][near])}


def _totals_asked(plan: Plan) -> list[str]:
    """Columns of the totals that a rule of the plan may look at."""
    wanted = ["residents", "density_per_km2"]
    for rule in plan.rules:
        wanted += [str(v) for k in ("rate_base", "steps_by") if (v := getattr(rule, k, None)) is not None]
        if isinstance(rule, Target):
            wanted += [rule.measure]
            wanted += [c for s in rule.services for c in (f"{rule.measure}_{s}", f"{rule.id}.{s}")]
    return list(dict.fromkeys(wanted))


def _exact(value: object) -> float | None:
    found = float(value)  # type: ignore[arg-type]
    return found if np.isfinite(found) else None


# ── institutions ──────────────────────────────────────────────


def _pack_institutions(
    packer: Packer, assessment: Assessment, plan: Plan, around: BaseGeometry
) -> tuple[dict[str, Any], dict[str, int]]:
    """Institutions on the ground with all that a page tells of them, those beyond as what they count for in places."""
    everywhere = assessment.city.institutions
    near = np.asarray(shapely.intersects(around, everywhere.geometry.to_numpy()))
    own, beyond = everywhere[near], everywhere[~near]
    table = pd.concat([own, beyond])
    codes = pd.Series(institution_codes(table), index=table.index)
    table = table.assign(institution=codes.where(codes.duplicated(keep=False), other=""))  # campuses alone
    packer.add("site.lon", own.geometry.x, "f8")
    packer.add("site.lat", own.geometry.y, "f8")
    packer.add("site.service", [SERVICES.index(s) for s in table["service"]], "i4")
    found: dict[str, Any] = {
        **{k: [shown(v) for v in _column(own, k)] for k in ("id", "name", "address")},
        "words": {},
        "numbers": [],
    }
    placed = assessment.sites.drop_duplicates("id").set_index("id").reindex(table["id"])
    for level in PLACE_LEVELS:
        _pack_words(packer, found["words"], f"{level}_id", _column(placed, f"{level}_id"))
    for column in _asked(plan, table):
        values = table[column]
        if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
            if values.notna().any():
                packer.add(f"site.{column}", values.to_numpy(dtype=np.float64, na_value=np.nan), "f8")
                found["numbers"].append(column)
            continue
        _pack_words(packer, found["words"], column, values)
    return found, {i: n for n, i in enumerate(found["id"])}


def _pack_words(packer: Packer, found: dict[str, list[str]], column: str, values: Iterable[object]) -> None:
    """A column of few different words as codes, where it has any."""
    codes, words = pd.factorize(pd.Series([shown(v) for v in values]))
    if list(words) != [""]:
        packer.add(f"site.{column}", codes, "i4")
        found[column] = [str(w) for w in words]


def _column(table: pd.DataFrame, name: str) -> list[Any]:
    return table[name].tolist() if name in table.columns else [""] * len(table)


def _asked(plan: Plan, table: pd.DataFrame) -> list[str]:
    """Columns of the register that a rule of the plan may look at."""
    wanted = ["position_accuracy_m", "tags", "pooling_area", "institution"]
    for rule in plan.rules:
        if isinstance(rule, (CircleLimit, AreaLimit)):
            wanted += rule.same
        if getattr(rule, "near", None) is not None:
            wanted.append("level")
        if isinstance(rule, Mix) or (isinstance(rule, AreaLimit) and rule.levels):
            wanted.append("level")
        if isinstance(rule, (Mix, AreaLimit)) and rule.of in _AMOUNTS:
            wanted.append(rule.of)
        share_of = getattr(rule, "share_of", None)
        if share_of is not None:
            wanted += ["level", *(a for a in _AMOUNTS if a == share_of.of)]
    return [c for c in dict.fromkeys(wanted) if c in table.columns]


def _coverage(assessment: Assessment, place_ids: set[str]) -> list[dict[str, Any]]:
    columns = ("place_id", "service", "residents", "covered")
    told = assessment.coverage[assessment.coverage["place_id"].isin(place_ids)]
    rows: Sequence[Mapping[Any, Any]] = told[list(columns)].to_dict("records")
    return [
        {"place_id": str(r["place_id"]), "service": r["service"], **{k: number(r[k], 6) for k in columns[2:]}}
        for r in rows
    ]

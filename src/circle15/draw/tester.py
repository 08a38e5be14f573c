"""What the site tester in a page works with 页内选址研判: plan, register, places and residents as data blocks.

The page judges as judge/ does, from the same rules; what it cannot know (indicators, ledgers, walking ways) stays a
card that says so.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from circle15.draw.pack import number, shown
from circle15.draw.tester_pack import Packer
from circle15.draw.tester_people import pack_people
from circle15.policy.rules import AreaLimit, CircleLimit, Mix
from circle15.schema import LEVELS, PLACE_LEVELS, POSITION_ACCURACY_M, SERVICES, Pace
from circle15.words import LANGS, words_under

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from circle15.policy.plan import Plan
    from circle15.schema import Assessment
    from circle15.words import Lang

TESTER_SCRIPTS = (
    "tester_geodesy.js", "tester_ground.js", "tester_judge.js", "tester_on_foot.js", "tester_effects.js",
    "tester_position.js", "tester_city.js", "tester_input.js", "tester_panel.js", "tester_verdict.js", "tester_set.js", "tester.js",
)  # fmt: skip
TESTER_STYLES = ("tester.css",)
_AMOUNTS = ("beds", "stations", "physicians")
_ROOMS = ("outcome", "force", "conclusion", "ground", "bound", "unit", "density_class", "density_unit", "note",
          "effect", "collision")  # fmt: skip


def pack_tester(
    assessment: Assessment,
    plan: Plan,
    *,
    ground: BaseGeometry | None = None,
    as_of: dt.date | None = None,
    named: frozenset[str] | None = None,
) -> dict[str, bytes]:
    """Data blocks of the tester by name, as tester.js reads them; they compress well.

    Parameters
    ----------
    assessment, plan
        The plan is that of the assessment, overlay included.
    ground
        Where sites can be tested (EPSG:4326); all places of the city where not given.
    as_of
        The day of the judgement, for rules that hold in a span of dates.
    named
        Ids of institutions whose names and addresses the tester carries itself; all where not given.
    """
    packer = Packer()
    area = ground if ground is not None else shapely.union_all(_outermost(assessment))
    people = pack_people(packer, assessment.city.population, ground=area, radius_m=plan.circle.radius_m)
    packer.add_rings("ground", np.array([area], dtype=object))
    values = {
        "as_of": as_of.isoformat() if as_of else None,
        "service_order": list(SERVICES),
        "plan": plan_record(plan, assessment.city.pace),
        "people": people,
        "places": _pack_places(packer, assessment),
        "institutions": _pack_institutions(packer, assessment, plan, named),
        "coverage": _coverage(assessment),
        "words": {lang: words_of_tester(lang) for lang in LANGS},
        "accuracy_m": POSITION_ACCURACY_M,
        "index": packer.index,
    }
    told = json.dumps(values, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return {"tester": told.encode("utf-8", "replace"), "tester.arrays": packer.bytes()}


def words_of_tester(lang: Lang) -> dict[str, str]:
    """Words of the tester in one language, verdict words of judge among them."""
    found = words_under("tester", lang)
    for room in _ROOMS:
        found |= {f"{room}.{k}": v for k, v in words_under(f"judge.{room}", lang).items()}
    found |= {f"service.{s}": v for s, v in words_under("map.service", lang).items()}
    return found


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
        "rules": [_rule(rule) for rule in plan.rules],
    }


def _rule(rule: Any) -> dict[str, Any]:  # noqa: ANN401 - any of the kinds of rules
    record: dict[str, Any] = rule.model_dump(mode="json", exclude_defaults=True, exclude={"catalogue", "readings"})
    record |= {"kind": rule.kind, "force": str(rule.force)}
    for key in ("title", "clause", "quote", "note"):
        if key in record:
            record[key] = shown(record[key])
    if isinstance(rule, CircleLimit):
        record["counts_site"] = rule.counts_site
    return record


# ── places ────────────────────────────────────────────────────


def _outermost(assessment: Assessment) -> np.ndarray[Any, np.dtype[np.object_]]:
    """Outlines of the widest level that the city has."""
    places = assessment.city.places
    level = next((lv for lv in PLACE_LEVELS if (places["level"] == lv).any()), None)
    rows = places[places["level"] == level] if level else places
    return np.asarray(rows.geometry.array, dtype=object)


def _pack_places(packer: Packer, assessment: Assessment) -> list[dict[str, Any]]:
    places = assessment.city.places
    packer.add_rings("place", np.asarray(places.geometry.array, dtype=object))
    totals = assessment.totals.drop_duplicates("place_id").set_index("place_id")
    rows = []
    for place in places.drop(columns="geometry").to_dict("records"):
        total = totals.loc[place["id"]].to_dict() if place["id"] in totals.index else {}
        rows.append(
            {
                "place_id": str(place["id"]),
                **{k: shown(place.get(k)) for k in ("name", "level", "parent", "settings", "class")},
                **{k: _exact(v) for k, v in total.items() if isinstance(v, (int, float)) and not k.startswith("n_")},
            }
        )
    return rows


def _exact(value: object) -> float | None:
    found = float(value)  # type: ignore[arg-type]
    return found if np.isfinite(found) else None


# ── institutions ──────────────────────────────────────────────


def _pack_institutions(
    packer: Packer, assessment: Assessment, plan: Plan, named: frozenset[str] | None
) -> dict[str, Any]:
    table = assessment.city.institutions
    points = np.asarray(table.geometry.array, dtype=object)
    packer.add("site.lon", shapely.get_x(points), "f8")
    packer.add("site.lat", shapely.get_y(points), "f8")
    packer.add("site.service", [SERVICES.index(s) for s in table["service"]], "i4")
    ids = [str(i) for i in table["id"]]
    told = [named is None or i in named for i in ids]
    found: dict[str, Any] = {
        "id": [shown(i) for i in ids],
        "name": [shown(v) if t else "" for v, t in zip(table["name"], told, strict=True)],
        "address": [shown(v) if t else "" for v, t in zip(_column(table, "address"), told, strict=True)],
        "words": {},
        "numbers": [],
    }
    for column in _asked(plan, table):
        values = table[column]
        if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
            if values.notna().any():
                packer.add(f"site.{column}", values.to_numpy(dtype=np.float64, na_value=np.nan), "f8")
                found["numbers"].append(column)
            continue
        codes, words = pd.factorize(pd.Series([shown(v) for v in values]))
        if list(words) != [""]:
            packer.add(f"site.{column}", codes, "i4")
            found["words"][column] = [str(w) for w in words]
    return found


def _column(table: pd.DataFrame, name: str) -> list[Any]:
    return table[name].tolist() if name in table.columns else [""] * len(table)


def _asked(plan: Plan, table: pd.DataFrame) -> list[str]:
    """Columns of the register that a rule of the plan may look at."""
    wanted = ["position_accuracy_m", "tags", "pooling_area"]
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


def applicant_marks(plan: Plan) -> dict[str, list[str]]:
    """Tags and levels that the plan's rules ask an applicant for, by service."""
    found: dict[str, list[str]] = {}
    for service in SERVICES:
        rules = [r for r in plan.rules if service in r.services]
        found[service] = sorted({t for r in rules for t in (*r.tags, *getattr(r, "excludes", ()))})
    return found | {"level": list(LEVELS)}


def _coverage(assessment: Assessment) -> list[dict[str, Any]]:
    columns = ("place_id", "service", "residents", "covered")
    rows: Sequence[Mapping[Any, Any]] = assessment.coverage[list(columns)].to_dict("records")
    return [
        {"place_id": str(r["place_id"]), "service": r["service"], **{k: number(r[k], 6) for k in columns[2:]}}
        for r in rows
    ]

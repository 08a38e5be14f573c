"""Tables of a plan of sites 方案表: coverage before and after, who loses, what is added, further plans.

Whatever people read of residents covered is measured by exact area on the institutions that stand, not taken from the
points that were planned on; who loses and how far they then have is told of those points.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from circle15.measure.coverage import measure_coverage
from circle15.measure.pieces import locate
from circle15.project.metric import nearest
from circle15.quantities import Flags, Floats, Ints
from circle15.siting.choose import near_best
from circle15.siting.field import Field
from circle15.siting.limits import Limits
from circle15.siting.recheck import conclusion_of, planned_city, rules_against
from circle15.siting.schedule import by_gain

if TYPE_CHECKING:
    from circle15.schema import Verdict
    from circle15.siting.schedule import Schedule


_SOMEBODY = 0.5
"""Fewer residents who lose are rounding of cells, nobody."""


def measured(field: Field, standing: Flags, *, levels: Sequence[str], straight: bool = False) -> pd.DataFrame:
    """Coverage with some sites standing, by exact area (by walked distance where the field is), top level first.

    With `straight` by exact area in any case.
    """
    places = field.ready.city.places
    at_hand = [level for level in levels if (places["level"] == level).any()]
    kept = places[places["level"].isin(at_hand)]
    city = planned_city(field, standing)
    table = measure_coverage(
        city.population, city.institutions, kept, radius_m=field.radius_m, services=[field.service]
    )
    if field.walked and not straight:
        table = _walked_coverage(field, standing, table, kept)
    rank = {level: n for n, level in enumerate(at_hand)}
    return table.sort_values("level", key=lambda c: c.map(rank), kind="stable").reset_index(drop=True)


def _walked_coverage(field: Field, standing: Flags, table: pd.DataFrame, places: gpd.GeoDataFrame) -> pd.DataFrame:
    """Coverage by walked distance: a point is covered when a site reaches it, its residents whole."""
    reach, people = field.reach, field.demand.residents
    depth = np.bincount(reach.point[standing[reach.site]], minlength=reach.points)
    found = table.copy()
    for row, outline in enumerate(places.geometry):
        inside = shapely.intersects_xy(outline, field.demand.lon, field.demand.lat)
        for count in range(4):
            held = inside & ((depth == count) if count < 3 else (depth >= count))  # noqa: PLR2004 - three or more
            found.loc[found.index[row], f"depth_{count}"] = people[held].sum()
    found["residents"] = found[[f"depth_{n}" for n in range(4)]].sum(axis=1)
    found["covered"] = found["residents"] - found["depth_0"]
    found["share"] = found["covered"] / found["residents"].where(found["residents"] > 0)
    return found


def coverage_change(field: Field, chosen: Flags, *, straight: bool = False) -> pd.DataFrame:
    """One row a place: institutions, residents covered and under two or more, before and after."""
    levels = ("city", "district", "township")
    before, after = (measured(field, s, levels=levels, straight=straight) for s in (~field.new, chosen))
    table = before[["place_id", "name", "level", "parent", "residents"]].copy()
    for name, held in (("before", before), ("after", after)):
        table[f"institutions_{name}"] = held["institutions"]
        table[f"covered_{name}"], table[f"share_{name}"] = held["covered"], held["share"]
        table[f"depth_2_{name}"] = held["depth_2"] + held["depth_3"]
    table["change"] = table["covered_after"] - table["covered_before"]
    return table


def beside(field: Field, chosen: Flags) -> pd.DataFrame:
    """Where a plan was made on foot, the same table by straight distance; no row where it was made so anyway."""
    return coverage_change(field, chosen, straight=True) if field.walked else pd.DataFrame()


def losers(field: Field, chosen: Flags, coverage: pd.DataFrame) -> pd.DataFrame:
    """Residents who have one within the radius today and none at the end, by township: by exact area, as coverage is.

    `coverage` is what `coverage_change` says of the plan. Ways are means over points of residents, NaN where no point
    of a township loses as a whole.
    """
    levels = field.ready.city.places["level"]
    level = next((one for one in ("township", "district") if (levels == one).any()), "city")
    after = coverage[coverage["level"] == level].set_index("place_id")
    at_best = measured(field, ~field.new | chosen, levels=[level]).set_index("place_id")
    lost = (at_best["covered"] - after["covered_after"]).rename("residents_lost")
    table = after[["name"]].join(lost)[lost >= _SOMEBODY].join(_ways_lost(field, chosen, level))
    table = table.rename_axis("place_id").reset_index()
    return table.sort_values("residents_lost", ascending=False, kind="stable").reset_index(drop=True)


def _ways_lost(field: Field, chosen: Flags, level: str) -> pd.DataFrame:
    """Straight metres to the nearest before and after, of points that lose their last one, by place id."""
    reach, demand = field.reach, field.demand
    had, has = (np.bincount(reach.point[s[reach.site]], minlength=reach.points) > 0 for s in (~field.new, chosen))
    lost = np.flatnonzero(had & ~has)
    before, after = _away_m(field, lost, ~field.new), _away_m(field, lost, chosen)
    places = field.ready.city.places
    held = places[places["level"] == level]
    at, weight = locate(demand.lon[lost], demand.lat[lost], held), demand.residents[lost]
    points = pd.DataFrame({"at": at, "w": weight, "before": before * weight, "after": after * weight, "far": after})
    groups = points[points["at"] >= 0].groupby("at")
    sums, farthest = groups[["w", "before", "after"]].sum(), groups["far"].max()
    return pd.DataFrame(
        {"before_m": sums["before"] / sums["w"], "after_m": sums["after"] / sums["w"], "farthest_m": farthest}
    ).set_axis(held["id"].to_numpy()[sums.index.to_numpy(dtype=np.int64)])


def _away_m(field: Field, points: Ints, chosen: Flags) -> Floats:
    sites = field.sites.geometry[chosen]
    demand = field.demand
    return nearest(demand.lon[points], demand.lat[points], sites.x.to_numpy(), sites.y.to_numpy())[1]


def entries_of(
    field: Field, chosen: Flags, plan: Schedule | None, verdicts: Mapping[str, Verdict], aside: Collection[str]
) -> pd.DataFrame:
    """Added sites with the judge's verdict, by step and then that which adds most first; one step without a plan."""
    gained = dict(by_gain(field, chosen))
    step = dict.fromkeys(gained, 1) if plan is None else dict(zip(plan.entries.tolist(), plan.entry_step, strict=True))
    picked = sorted(gained, key=lambda s: step[s])  # stable: the order of gains within a step
    table = pd.DataFrame(field.sites.drop(columns="geometry")).iloc[picked].reset_index(drop=True)
    points = field.sites.geometry.iloc[picked]
    judged = [verdicts[field.ids[s]] for s in picked]
    return pd.DataFrame(
        {
            "order": np.arange(1, len(picked) + 1),
            "step": [int(step[s]) for s in picked],
            "id": table["id"],
            "name": table["name"],
            "district_name": table["district_name"],
            "township_name": table["township_name"],
            "residents_gained": [gained[s] for s in picked],
            "conclusion": [str(conclusion_of(v, aside)) for v in judged],
            "rules": [";".join(rules_against(v, aside)) for v in judged],
            "lon": points.x.to_numpy(),
            "lat": points.y.to_numpy(),
        }
    )


def alternatives_of(
    field: Field, limits: Limits, chosen: Flags, plans: int, *, gap: float, seconds: float
) -> pd.DataFrame:
    """Further plans of exits, each as good as can be and different enough from all before it."""
    rows = []
    apart = max(2, round(0.05 * int((~chosen & ~field.new).sum())))
    for number, other in enumerate(
        near_best(field, limits, chosen, plans=plans, apart=apart, gap=gap, seconds=seconds) if plans else (), start=1
    ):
        rows.append(
            {
                "plan": number,
                "exits": int((~other.chosen & ~field.new).sum()),
                "covered": other.objective,
                "differ": int((other.chosen != chosen).sum()),
                "gap": other.gap,
                "out": ";".join(np.array(field.ids)[~other.chosen & chosen]),
                "in": ";".join(np.array(field.ids)[other.chosen & ~chosen]),
            }
        )
    return pd.DataFrame(rows, columns=["plan", "exits", "covered", "differ", "gap", "out", "in"])

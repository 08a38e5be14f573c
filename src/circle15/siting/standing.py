"""Institutions as they stand while decisions fall 动态名册: sites come and go, the judge looks at what is there now.

Positions lie in a dynamic index (rtree), so that a site that is admitted or leaves costs no rebuilding; totals, the
register and, where one is told, the ledger of exits and entries are kept in step. Every question is answered by
`judge_site`, as for one proposed site.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from rtree.index import Index

from circle15.judge.columns import records
from circle15.judge.verdict import judge_site
from circle15.measure.circles import lonlat
from circle15.measure.walking_circles import FARTHEST
from circle15.prepared import Prepared
from circle15.project.metric import distances_m
from circle15.quantities import DISTANCE_TOLERANCE_M, LEAST_M_PER_DEGREE, PER_10K
from circle15.schema import CRS, POSITION_ACCURACY_M, Verdict, institution_codes

EARLY = dt.date(2000, 1, 1)
LEVELS = ("city", "district", "township", "community")


class Standing:
    """A prepared city whose register changes.

    Parameters
    ----------
    ready
        Plan and city as they stand at the beginning.
    sites
        Proposed sites with the measures of `Prepared.measure` (`id`, `service`, place ids, geometry), the only ones
        that can be admitted.
    """

    def __init__(self, ready: Prepared, sites: gpd.GeoDataFrame) -> None:
        self.ready = ready
        own = ready.own_measures.assign(lon=lonlat(ready.city.institutions)[0], lat=lonlat(ready.city.institutions)[1])
        lon, lat = lonlat(sites)
        proposed = pd.DataFrame(sites.drop(columns="geometry")).assign(lon=lon, lat=lat)
        columns = [c for c in own.columns if c in proposed.columns]
        self._rows = pd.concat([own, proposed[columns]], ignore_index=True).reset_index(drop=True)
        known = set() if ready.inputs.register is None else set(ready.inputs.register.columns)
        self._told = self._rows[[c for c in self._rows.columns if c in known]]
        self._extra = {str(r["id"]): r for r in proposed.to_dict("records")}
        self._at = {str(i): n for n, i in enumerate(self._rows["id"])}
        self._whose = np.array(institution_codes(self._rows), dtype=object)
        self._here = np.arange(len(self._rows)) < len(own)
        self._totals = ready.totals.copy()
        self._where = self._rows["lon"].to_numpy(dtype=np.float64), self._rows["lat"].to_numpy(dtype=np.float64)
        self._accuracies_m = self._rows["position_accuracy_m"].fillna(POSITION_ACCURACY_M).to_numpy(dtype=np.float64)
        self._spots = None if ready.foot is None else ready.foot.spots(*self._where)
        self._elsewhere: dict[str, list[Mapping[str, Any]]] = {}
        self._own = len(own)
        self._moves: dict[str, tuple[str, int]] = {}
        self._year = 0
        self._index = Index()
        for at in np.flatnonzero(self._here):
            self._insert(int(at))

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the institutions that stand now."""
        return tuple(self._rows["id"].astype(str)[self._here])

    def admit(self, site_id: str) -> None:
        """Let a site come into the register."""
        self._change(site_id, 1)

    def remove(self, site_id: str) -> None:
        """Let an institution leave the register."""
        self._change(site_id, -1)

    def judge(self, site_id: str, *, attributes: Mapping[str, object] | None = None) -> Verdict:
        """Test a proposed site against what stands now (itself left out)."""
        at = self._at[site_id]
        row = {str(k): v for k, v in {**self._rows.iloc[at].to_dict(), **self._extra.get(site_id, {})}.items()}
        near = self._neighbours(at)
        known = {k: v for k, v in (attributes or {}).items() if k not in {"id", "service", "geometry"}}
        kin = near[near["service"] == row["service"]]
        row["others_within"] = self._others_within(at)
        return judge_site(
            self.ready.plan,
            site=row,
            neighbours=near,
            neighbour_measures=self._measures(kin["id"].tolist()),
            totals=self._totals,
            inputs=replace(
                self.ready.inputs, register=self._register(without=at), attributes=known, events=self._events()
            ),
            elsewhere=self._other_ground(site_id, row),
        )

    def pass_year(self) -> None:
        """Let a year pass in the ledger: what left or came in is of the year before from now on."""
        self._year += 1

    # ── in step ───────────────────────────────────────────────

    @property
    def _radius_m(self) -> float:
        return self.ready.plan.circle.radius_m

    def _insert(self, at: int) -> None:
        lon, lat = self._rows["lon"].iloc[at], self._rows["lat"].iloc[at]
        if np.isfinite(lon) and np.isfinite(lat):
            self._index.insert(at, (lon, lat, lon, lat))

    def _change(self, site_id: str, sign: int) -> None:
        at = self._at[site_id]
        if self._here[at] == (sign > 0):
            return
        lon, lat = self._rows["lon"].iloc[at], self._rows["lat"].iloc[at]
        if sign > 0:
            self._insert(at)
        elif np.isfinite(lon) and np.isfinite(lat):
            self._index.delete(at, (lon, lat, lon, lat))
        self._here[at] = sign > 0
        if (sign > 0) is (at >= self._own):
            self._moves[site_id] = ("entry" if sign > 0 else "exit"), self._year
        else:
            self._moves.pop(site_id, None)
        self._count(at, sign)

    def _count(self, at: int, sign: int) -> None:
        totals, row = self._totals, self._rows.iloc[at]
        held = {str(row.get(f"{level}_id", "")) for level in LEVELS} - {"", "nan"}
        here = totals["place_id"].astype(str).isin(held)
        here |= (totals["level"] == "city") & (str(row.get("district_id", "")) != "")
        if row["service"] == "inpatient" and float(row.get("beds", np.nan)) > 0:
            totals.loc[here, "beds_inpatient"] = totals.loc[here, "beds_inpatient"].fillna(0.0) + sign * float(
                row["beds"]
            )
        here &= ~self._campus_in(totals, at)
        column = f"n_{row['service']}"
        totals.loc[here, column] += sign
        people = totals.loc[here, "residents"]
        totals.loc[here, f"per_10k_{row['service']}"] = totals.loc[here, column] * PER_10K / people.where(people > 0)
        if row["service"] == "pharmacy" and "dual_channel" in str(row.get("tags", "")).split(";"):
            totals.loc[here, "n_dual_channel"] += sign

    def _campus_in(self, totals: pd.DataFrame, at: int) -> pd.Series[bool]:
        """Places (n,) in which another campus of the site's institution stands: there its count does not change."""
        services = self._rows["service"].to_numpy(dtype=object)
        kin = self._here & (services == services[at]) & (self._whose == self._whose[at])
        kin[at] = False
        held = {str(v) for level in LEVELS for v in self._rows.loc[kin, f"{level}_id"]} - {"", "nan"}
        everywhere = (totals["level"] == "city") & bool(kin.any())
        return totals["place_id"].astype(str).isin(held) | everywhere

    def _events(self) -> pd.DataFrame | None:
        """The ledger with who came and went here; None where none was told."""
        told = self.ready.inputs.events
        if told is None:
            return None
        day = pd.Timestamp(self.ready.as_of or self.ready.plan.document.valid_from or EARLY)
        earlier = told.assign(date=pd.to_datetime(told["date"]) - pd.DateOffset(years=self._year))
        rows = []
        for site_id, (event, year) in self._moves.items():
            row = self._rows.iloc[self._at[site_id]]
            date = day - pd.DateOffset(years=self._year - year)
            where = next((str(row[f"{level}_id"]) for level in ("township", "district") if row.get(f"{level}_id")), "")
            more = {c: row.get(c) for c in ("id", "service", "tags", "beds")}
            rows.append({"date": date, "event": event, "place_id": where, **more})
        return pd.concat([earlier, pd.DataFrame(rows)], ignore_index=True) if rows else earlier

    # ── around a site ─────────────────────────────────────────

    def _around(self, at: int, reach_m: float) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Positions and distances of what stands within reach of a site, itself left out; nearest first."""
        lon, lat = (float(v[at]) for v in self._where)
        if not (np.isfinite(lon) and np.isfinite(lat)):
            return np.empty(0, dtype=np.int64), np.empty(0)
        north = 1.01 * reach_m / LEAST_M_PER_DEGREE
        east = north / max(np.cos(np.radians(min(abs(lat) + north, 89.0))), 1e-3)
        found = np.array(
            sorted(self._index.intersection((lon - east, lat - north, lon + east, lat + north))), dtype=int
        )
        found = found[found != at]
        metres = distances_m(np.full(len(found), lon), np.full(len(found), lat), *(v[found] for v in self._where))
        keep = metres <= reach_m + DISTANCE_TOLERANCE_M
        order = np.lexsort((found[keep], metres[keep]))
        return found[keep][order], metres[keep][order]

    def _neighbours(self, at: int) -> pd.DataFrame:
        """What stands as far as any rule looks from a site, each by its own accuracy, with ways where streets are."""
        exact_m = self.ready.reach_m(float(self._accuracies_m[at])) - self.ready.worst_accuracy_m
        reach_m = exact_m + float(self._accuracies_m.max(initial=0.0))
        found, metres = self._around(at, reach_m)
        keep = metres <= exact_m + self._accuracies_m[found] + DISTANCE_TOLERANCE_M
        found, metres = found[keep], metres[keep]
        near: pd.DataFrame = self._rows.iloc[found].assign(distance_m=metres, site_id=str(self._rows["id"].iloc[at]))
        if self._spots is not None and self.ready.foot is not None:
            here = np.full(len(found), at)
            ways = self.ready.foot.ways(self._spots, self._spots, here, found, limit_m=FARTHEST * reach_m)
            near["walking_m"], near["walking_minutes"] = ways
        return near.reset_index(drop=True)

    def _other_ground(self, site_id: str, row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """Measures of a site at other points where it may stand; kept, since no decision moves the ground."""
        if site_id not in self._elsewhere:
            told = pd.DataFrame({k: [v] for k, v in row.items()})
            place = gpd.points_from_xy(told["lon"], told["lat"], crs=CRS)
            site = gpd.GeoDataFrame(told[["id", "service", "position_accuracy_m"]], geometry=place)
            self._elsewhere[site_id] = list(records(self.ready.measure_elsewhere(site, told)))
        return self._elsewhere[site_id]

    def _measures(self, ids: Sequence[str]) -> pd.DataFrame:
        """Rows of neighbours with how many of their kind stand in their own circle now."""
        at = [self._at[str(i)] for i in ids]
        return self._rows.iloc[at].assign(others_within=[self._others_within(n) for n in at])

    def _others_within(self, at: int) -> int:
        """Other institutions of the same service that stand in the circle of a site now."""
        found, _ = self._around(at, self._radius_m)
        kin = found[self._rows["service"].to_numpy()[found] == self._rows["service"].iloc[at]]
        return len({*self._whose[kin]} - {self._whose[at]})

    def _register(self, *, without: int) -> pd.DataFrame:
        here = self._here.copy()
        here[without] = False
        return self._told[here].reset_index(drop=True)

"""Institutions indexed once, for many questions who stands near 机构索引: the same answers as `measure_circles`."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from circle15.measure.circles import lonlat, sites_of
from circle15.measure.others import Others, Sites
from circle15.project.metric import DISTANCE_TOLERANCE_M, PointTree, distances_m
from circle15.schema import POSITION_ACCURACY_M

if TYPE_CHECKING:
    import datetime as dt

    import geopandas as gpd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Objects = NDArray[np.object_]
    Near = tuple[Ints, Floats]


class Crowd:
    """Institutions of a city, indexed (EPSG:4326 points with id, service and position_accuracy_m)."""

    def __init__(self, institutions: gpd.GeoDataFrame) -> None:
        self.lon, self.lat = lonlat(institutions)
        self.services = np.asarray(institutions["service"].to_numpy(dtype=object))
        self._table = institutions
        self._sites = sites_of(institutions)
        self._campuses = len(set(self._sites.code)) < len(self._sites.code)
        self._told: dict[int, dict[str, Any]] = {}

    @cached_property
    def _everyone(self) -> PointTree:
        return PointTree(self.lon, self.lat)

    @cached_property
    def _others(self) -> Others:
        return Others(self._sites)

    @property
    def whose(self) -> Ints:
        """Number (n,) of the institution that each site of the register is part of."""
        return self._others.whose

    def code(self, at: int) -> str:
        """Code of the institution that one site of the register is part of."""
        return self._sites.code[at]

    def apart(self, near: Near, institution: str) -> Near:
        """Those of them that are of another institution than the one with this code."""
        which, metres = near
        strange = self._others.whose[which] != self._others.number_of([institution])[0]
        return which[strange], metres[strange]

    @cached_property
    def _of_service(self) -> dict[str, tuple[PointTree, pd.Index]]:
        ids = self._table["id"].to_numpy()
        groups = self._table.groupby("service", sort=True).indices
        return {str(s): (PointTree(self.lon[rows], self.lat[rows]), pd.Index(ids[rows])) for s, rows in groups.items()}

    @cached_property
    def _columns(self) -> pd.DataFrame:
        return pd.DataFrame(self._table.drop(columns="geometry"))

    @cached_property
    def place(self) -> dict[str, int]:
        """Position of every institution by its id."""
        return {str(name): at for at, name in enumerate(self._table["id"])}

    @cached_property
    def worst_accuracy_m(self) -> float:
        """Largest position accuracy: how far beyond a radius a neighbour may still matter."""
        worst = self._table["position_accuracy_m"].max()
        return float(worst) if worst == worst else 0.0  # noqa: PLR0124 - NaN where the register is empty

    @cached_property
    def accuracies_m(self) -> Floats:
        """Position accuracy (n,); POSITION_ACCURACY_M where none is told."""
        given = self._table["position_accuracy_m"].to_numpy(dtype=np.float64)
        return np.asarray(np.where(np.isnan(given), POSITION_ACCURACY_M, given))

    def row(self, at: int) -> dict[str, Any]:
        """One row of the register, kept once it has been asked for."""
        if at not in self._told:
            self._told[at] = {str(k): v for k, v in self._columns.iloc[at].items()}
        return self._told[at]

    def within(self, lon: Floats, lat: Floats, reach_m: float) -> Near:
        """Institutions (positions) of every service within reach of one place (1,), with metres, nearest first."""
        _, near, metres = self._everyone.within(lon, lat, reach_m)
        return near, metres

    def near_enough(self, near: Near, reach_m: float) -> Near:
        """Those of them within reach and their own position accuracy."""
        which, metres = near
        counts = metres <= reach_m + self.accuracies_m[which] + DISTANCE_TOLERANCE_M
        return which[counts], metres[counts]

    def about(self, site: Sites, near: Near, *, radius_m: float) -> dict[str, Any]:
        """`others_within` and `nearest_other_m` of one new place, from all that stand within some reach of it."""
        which, metres = self.apart(near, site.code[0])
        alike = self.services[which] == site.service[0]
        which, theirs = which[alike], metres[alike]
        inside = set(self._others.whose[which[theirs <= radius_m + DISTANCE_TOLERANCE_M]].tolist())
        nearest_m = theirs if len(theirs) else self._others.counts(site, radius_m)[1]
        return {"others_within": len(inside), "nearest_other_m": float(nearest_m[0])}

    def others(self, sites: Sites, *, radius_m: float) -> tuple[Ints, Floats]:
        """Other institutions of the same service within the radius of places (n,), and metres to the nearest (or NaN).

        As `Others.counts`; where no institution has campuses they need only be counted, which is faster.
        """
        if self._campuses:
            return self._others.counts(sites, radius_m)
        lon, lat, services, ids, _ = sites
        others, nearest_m = np.zeros(len(lon), dtype=np.int64), np.full(len(lon), np.nan)
        for service in sorted(set(services) & set(self._of_service)):
            at = np.flatnonzero(services == service)
            tree, register = self._of_service[service]
            own = register.get_indexer(pd.Index(ids[at]))
            known = np.flatnonzero(own >= 0)
            away_m = distances_m(lon[at[known]], lat[at[known]], tree.lon[own[known]], tree.lat[own[known]])
            others[at] = tree.count(lon[at], lat[at], radius_m)
            others[at[known]] -= away_m <= radius_m + DISTANCE_TOLERANCE_M
            nearest_m[at] = self._nearest_m(lon[at], lat[at], service, own)
        return others, nearest_m

    def _nearest_m(self, lon: Floats, lat: Floats, service: str, own: Ints) -> Floats:
        _, metres = self._of_service[service][0].nearest(lon, lat, skip=own)
        return np.asarray(np.where(np.isfinite(metres), metres, np.nan))


def standing_on(institutions: gpd.GeoDataFrame, as_of: dt.date | None) -> gpd.GeoDataFrame:
    """Institutions whose agreement held on a day 在册机构 (both ends included); all of them where no day is given."""
    if as_of is None:
        return institutions
    day = pd.Timestamp(as_of)
    starts, ends = institutions["valid_from"], institutions["valid_to"]
    held = institutions[(starts.isna() | (starts <= day)) & (ends.isna() | (ends >= day))]
    return held.reset_index(drop=True)

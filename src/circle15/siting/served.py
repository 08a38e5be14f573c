"""Whom applications newly reach 申请新增的覆盖: residents within the radius, straight or on foot, as a round goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from circle15.siting.field import Field, lay_out

if TYPE_CHECKING:
    import geopandas as gpd

    from circle15.prepared import Prepared


class Served:
    """Who reaches whom while applications come in, service by service.

    Parameters
    ----------
    ready, applications
        As in rounds.run_round.
    on_foot
        Whether residents are reached along the streets.
    """

    def __init__(self, ready: Prepared, applications: gpd.GeoDataFrame, *, on_foot: bool) -> None:
        self.fields = {
            str(service): lay_out(ready, service=str(service), candidates=part, on_foot=on_foot)
            for service, part in applications.groupby("service", sort=True)
        }
        self._of = {i: s for s, part in applications.groupby("service") for i in part["id"].astype(str)}
        self._at = {s: {i: n for n, i in enumerate(f.ids)} for s, f in self.fields.items()}
        self._depth = {s: _depth(f) for s, f in self.fields.items()}

    def gain(self, site: str, leaves: str = "") -> float:
        """Residents reached with a site in place of `leaves`, less those reached without the change."""
        service = self._of[site]
        field, depth = self.fields[service], self._depth[service]
        change = np.zeros(len(depth), dtype=np.int64)
        for who, sign in ((site, 1), (leaves, -1)):
            if who in self._at[service]:
                change[field.reach.of(self._at[service][who])] += sign
        moved = np.flatnonzero(change)
        after = depth[moved] + change[moved] > 0
        return float((field.demand.residents[moved] * (after.astype(float) - (depth[moved] > 0))).sum())

    def enter(self, site: str, leaves: str = "") -> None:
        """Let a site come in, and `leaves` leave."""
        service = self._of[site]
        for who, sign in ((site, 1), (leaves, -1)):
            if who in self._at[service]:
                self._depth[service][self.fields[service].reach.of(self._at[service][who])] += sign


def _depth(field: Field) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """How many institutions of today reach each point."""
    standing = ~field.new
    return np.bincount(field.reach.point[standing[field.reach.site]], minlength=field.reach.points).astype(np.int64)

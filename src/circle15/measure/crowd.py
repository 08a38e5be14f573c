"""Institutions indexed once, for many questions who stands near 机构索引: the same answers as `measure_circles`."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from circle15.measure.circles import lonlat, sites_of
from circle15.measure.others import Others, Sites
from circle15.project.metric import PointTree
from circle15.quantities import DISTANCE_TOLERANCE_M
from circle15.schema import POSITION_ACCURACY_M

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    from circle15.quantities import Floats, Ints

    Objects = NDArray[np.object_]
    Near = tuple[Ints, Floats]


class Crowd:
    """Institutions of a city, indexed (EPSG:4326 points with id, service and position_accuracy_m)."""

    def __init__(self, institutions: gpd.GeoDataFrame) -> None:
        self.lon, self.lat = lonlat(institutions)
        self.services = np.asarray(institutions["service"].to_numpy(dtype=object))
        self._table = institutions
        self._sites = sites_of(institutions)
        self._told: dict[int, dict[str, Any]] = {}

    @cached_property
    def _everyone(self) -> PointTree:
        return PointTree(self.lon, self.lat)

    @cached_property
    def others(self) -> Others:
        """Who stands near a site of the same service, and of which institution."""
        return Others(self._sites)

    def code(self, at: int) -> str:
        """Code of the institution that one site of the register is part of."""
        return str(self._sites.code[at])

    def apart(self, near: Near, institution: str) -> Near:
        """Those of them that are of another institution than the one with this code."""
        which, metres = near
        strange = self.others.whose[which] != self.others.number_of([institution])[0]
        return which[strange], metres[strange]

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
        inside = set(self.others.whose[which[theirs <= radius_m + DISTANCE_TOLERANCE_M]].tolist())
        nearest_m = theirs if len(theirs) else self.others.counts(site, radius_m)[1]
        return {"others_within": len(inside), "nearest_other_m": float(nearest_m[0])}

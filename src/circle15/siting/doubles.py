"""Applications that look alike 疑似重复申请: the same name, the same place, or both, in the batch or in the register.

Nothing here refuses anybody. The same name at the same place is one application handed in twice, or by somebody who is
designated already, until people say otherwise; one of the two alone is told beside the decision.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import geopandas as gpd
import numpy as np
import pandas as pd

from circle15.measure.circles import lonlat
from circle15.project.metric import pairs_within

if TYPE_CHECKING:
    from circle15.prepared import Prepared

SAME_PLACE_M = 5.0
"""Points no farther apart are one place: coordinates of six decimals are told to 0.1 m, doors lie metres apart."""
Kind = Literal["both", "place", "name"]
KINDS: tuple[Kind, ...] = ("both", "place", "name")


@dataclass(frozen=True)
class Alike:
    """Another application or institution of the same service that an application looks like."""

    kind: Kind
    other: str
    name: str


def find_alike(ready: Prepared, applications: gpd.GeoDataFrame) -> Mapping[str, tuple[Alike, ...]]:
    """What each application (id) looks like, nobody whom it replaces; the surest first, then in the order of the table.

    `applications` needs id, name, service and point geometry (EPSG:4326), `replaces` where known.
    """
    columns = ["id", "name", "service", "geometry"]
    known = gpd.GeoDataFrame(pd.concat([applications[columns], ready.city.institutions[columns]], ignore_index=True))
    names = known["name"].fillna("").astype(str).map(_plain).to_numpy()
    service, ids = known["service"].to_numpy(), known["id"].astype(str).to_numpy()
    lon, lat = lonlat(known)
    n = len(applications)
    i, j, _ = pairs_within(lon[:n], lat[:n], lon, lat, SAME_PLACE_M)
    places = set(zip(i.tolist(), j.tolist(), strict=True))
    named = {(a, b) for a in range(n) for b in np.flatnonzero(names == names[a]).tolist() if names[a]}
    given = applications["replaces"] if "replaces" in applications.columns else pd.Series([""] * n)
    replaced = given.fillna("").astype(str).to_numpy()
    found: dict[str, list[tuple[int, int, Alike]]] = {str(k): [] for k in ids[:n]}
    for a, b in places | named:
        if a != b and service[a] == service[b] and ids[b] != replaced[a]:
            kind: Kind = "both" if (a, b) in places & named else "place" if (a, b) in places else "name"
            found[ids[a]].append((KINDS.index(kind), b, Alike(kind, str(ids[b]), str(known["name"].iloc[b]))))
    return {k: tuple(one for _, _, one in sorted(v, key=lambda t: t[:2])) for k, v in found.items()}


def _plain(name: str) -> str:
    """A name as it is compared: full width as half width, no spacing, small letters."""
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())

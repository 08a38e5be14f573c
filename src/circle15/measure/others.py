"""Who else stands near a site 同类机构: others of its service by distance, campuses of one institution taken together.

A site's own institution (`schema.institution_codes` 分院区) is never another one; an institution with several campuses
within reach counts once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from circle15.project.metric import PointTree, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]


class Sites(NamedTuple):
    """Sites (n,): degrees (NaN where there is no position), services, ids, and codes as of `institution_codes`."""

    lon: FloatArray
    lat: FloatArray
    service: NDArray[np.object_]
    id: NDArray[np.object_]
    code: Sequence[str]


class Kind(NamedTuple):
    """Sites of one service in the register: their rows, degrees, tree, ids, and numbers of their institutions."""

    rows: IndexArray
    lon: FloatArray
    lat: FloatArray
    tree: PointTree
    ids: pd.Index
    whose: IndexArray


class Part(NamedTuple):
    """Sites (k,) of one service that are asked about: places among all asked, degrees, and the register's of the kind.

    `own` is each site's place among the kind (-1 where it is not in the register), `mine` its institution's number.
    """

    asked: IndexArray
    lon: FloatArray
    lat: FloatArray
    kind: Kind
    own: IndexArray
    mine: IndexArray

    def another(self, i: IndexArray, j: IndexArray) -> NDArray[np.bool_]:
        """Pairs (site, place among the kind) that are not of one institution."""
        return np.asarray((j != self.own[i]) & (self.kind.whose[j] != self.mine[i]), dtype=bool)

    def within(self, radius_m: float) -> tuple[IndexArray, IndexArray, FloatArray]:
        """Pairs with others within `radius_m` (bound included) and their metres."""
        i, j, metres = self.kind.tree.within(self.lon, self.lat, radius_m)
        other = self.another(i, j)
        return i[other], j[other], metres[other]

    def institutions(self, i: IndexArray, j: IndexArray) -> IndexArray:
        """How many institutions each site has among its pairs."""
        size = int(self.kind.whose.max(initial=0)) + 1
        pairs = np.unique(i * size + self.kind.whose[j])
        return np.bincount(pairs // size, minlength=len(self.asked)).astype(np.int64)

    def nearest_m(self) -> FloatArray:
        """Metres to the nearest other institution, NaN where there is none; those with more campuses one by one."""
        kind = self.kind
        _, metres = kind.tree.nearest(self.lon, self.lat, skip=self.own)
        campuses = np.bincount(kind.whose, minlength=int(self.mine.max(initial=0)) + 1)[self.mine] > (self.own >= 0)
        for code in np.unique(self.mine[campuses]):
            here, strange = np.flatnonzero(campuses & (self.mine == code)), kind.whose != code
            _, metres[here] = nearest(self.lon[here], self.lat[here], kind.lon[strange], kind.lat[strange])
        return np.where(np.isfinite(metres), metres, np.nan)


class Others:
    """A register (n sites) held ready to be asked who else stands near."""

    def __init__(self, register: Sites) -> None:
        numbers, codes = pd.factorize(np.array(register.code, dtype=object))
        self._numbers = {str(code): n for n, code in enumerate(codes)}
        self.whose = np.asarray(numbers, dtype=np.int64)
        self._kinds: dict[str, Kind] = {}
        for service in dict.fromkeys(register.service):
            rows = np.flatnonzero(register.service == service)
            lon, lat = register.lon[rows], register.lat[rows]
            self._kinds[service] = Kind(
                rows, lon, lat, PointTree(lon, lat), pd.Index(register.id[rows]), self.whose[rows]
            )

    def number_of(self, codes: Sequence[str]) -> IndexArray:
        """Number of each institution as in `whose`; one beyond them all where the register does not hold it."""
        beyond = len(self._numbers)
        return np.array([self._numbers.get(code, beyond) for code in codes], dtype=np.int64)

    def pairs(self, sites: Sites, radius_m: float) -> tuple[IndexArray, IndexArray, FloatArray]:
        """Sites, rows of the register and metres of others within `radius_m` (bound included), nearest first."""
        found = [(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0))]
        for part in self.by_service(sites):
            i, j, metres = part.within(radius_m)
            found.append((part.asked[i], part.kind.rows[j], metres))
        at, other, metres = (np.concatenate(parts) for parts in zip(*found, strict=True))
        order = np.lexsort((other, metres, at))
        return at[order], other[order], metres[order]

    def counts(self, sites: Sites, radius_m: float) -> tuple[IndexArray, FloatArray]:
        """Other institutions within `radius_m` of each site, and metres to the nearest one (NaN without any)."""
        count, nearest_m = np.zeros(len(sites.lon), dtype=np.int64), np.full(len(sites.lon), np.nan)
        for part in self.by_service(sites):
            count[part.asked] = part.institutions(*part.within(radius_m)[:2])
            nearest_m[part.asked] = part.nearest_m()
        return count, nearest_m

    def by_service(self, sites: Sites) -> Iterator[Part]:
        """The sites of each service that the register holds."""
        whose = self.number_of(sites.code)
        for service, kind in self._kinds.items():
            at = np.flatnonzero(sites.service == service)
            if len(at):
                own = np.asarray(kind.ids.get_indexer(pd.Index(sites.id[at])), dtype=np.int64)
                yield Part(at, sites.lon[at], sites.lat[at], kind, own, whose[at])

"""Who else stands near a site 同类机构: others of its service by distance, campuses of one institution taken together.

A site's own institution (`schema.institution_codes` 分院区) is never another one; an institution with several campuses
within reach counts once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from circle15.project.metric import PointTree, distances_m, nearest
from circle15.quantities import DISTANCE_TOLERANCE_M

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]


_NONE, _SEVERAL = -1, -2


class Sites(NamedTuple):
    """Sites (n,): degrees (NaN where there is no position), services, ids, and codes as of `institution_codes`."""

    lon: FloatArray
    lat: FloatArray
    service: NDArray[np.object_]
    id: NDArray[np.object_]
    code: NDArray[np.object_]

    def some(self, at: IndexArray) -> Sites:
        """Some of them by position."""
        return Sites(self.lon[at], self.lat[at], self.service[at], self.id[at], self.code[at])


class Kind(NamedTuple):
    """Sites of one service in the register: their rows, tree, ids, and numbers of their institutions.

    `homes` tells for every number of an institution the place of its only site among the kind, _NONE or _SEVERAL;
    `campuses` whether some institution has several.
    """

    rows: IndexArray
    tree: PointTree
    ids: pd.Index
    whose: IndexArray
    homes: IndexArray
    campuses: bool


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

    def counts(self, radius_m: float) -> tuple[IndexArray, FloatArray]:
        """Other institutions within `radius_m` (bound included), and metres to the nearest one (NaN without any)."""
        tree, home = self.kind.tree, self.kind.homes[self.mine]
        skip = np.where(home >= 0, home, self.own)
        several = (home == _SEVERAL) | ((home >= 0) & (self.own >= 0) & (self.own != home))
        _, metres = tree.nearest(self.lon, self.lat, skip=skip)
        for code in np.unique(self.mine[several]):
            here, strange = np.flatnonzero(several & (self.mine == code)), np.flatnonzero(self.kind.whose != code)
            own = pd.Index(strange).get_indexer(pd.Index(self.own[here]))
            _, metres[here] = nearest(self.lon[here], self.lat[here], tree.lon[strange], tree.lat[strange], skip=own)
        nearest_m = np.where(np.isfinite(metres), metres, np.nan)
        if self.kind.campuses or several.any():
            return self.institutions(*self.within(radius_m)[:2]), nearest_m
        # sites are institutions here: to count those of whom one is near is faster than to name them
        at = np.flatnonzero(metres <= radius_m + DISTANCE_TOLERANCE_M)
        count = np.zeros(len(self.asked), dtype=np.int64)
        count[at] = tree.count(self.lon[at], self.lat[at], radius_m)
        at = at[skip[at] >= 0]
        own_m = distances_m(self.lon[at], self.lat[at], tree.lon[skip[at]], tree.lat[skip[at]])
        count[at] -= own_m <= radius_m + DISTANCE_TOLERANCE_M
        return count, nearest_m


class Others:
    """A register (n sites) held ready to be asked who else stands near."""

    def __init__(self, register: Sites) -> None:
        numbers, codes = pd.factorize(register.code)
        self._numbers = {str(code): n for n, code in enumerate(codes)}
        self.whose = np.asarray(numbers, dtype=np.int64)
        self._kinds = {
            service: self._kind(register, np.flatnonzero(register.service == service))
            for service in dict.fromkeys(register.service)
        }

    def _kind(self, register: Sites, rows: IndexArray) -> Kind:
        whose, beyond = self.whose[rows], len(self._numbers)
        homes = np.full(beyond + 1, _NONE, dtype=np.int64)
        homes[whose] = np.arange(len(rows))
        shared = np.bincount(whose, minlength=beyond + 1) > 1
        homes[shared] = _SEVERAL
        tree, ids = PointTree(register.lon[rows], register.lat[rows]), pd.Index(register.id[rows])
        return Kind(rows, tree, ids, whose, homes, campuses=bool(shared.any()))

    def number_of(self, codes: Iterable[str]) -> IndexArray:
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
            count[part.asked], nearest_m[part.asked] = part.counts(radius_m)
        return count, nearest_m

    def by_service(self, sites: Sites) -> Iterator[Part]:
        """The sites of each service that the register holds."""
        whose = self.number_of(sites.code)
        for service, kind in self._kinds.items():
            at = np.flatnonzero(sites.service == service)
            if len(at):
                own = np.asarray(kind.ids.get_indexer(pd.Index(sites.id[at])), dtype=np.int64)
                yield Part(at, sites.lon[at], sites.lat[at], kind, own, whose[at])

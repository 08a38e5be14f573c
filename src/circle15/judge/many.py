"""Conclusions of many sites 批量研判: each rule is asked once for all that it sees alike, and no verdict is built.

What a finding does to a conclusion is its outcome, effect, ground, bound and notes. Sites on which every rule finds
alike, here and on the other ground where they may stand, come to the same; that is worked out for one of them, as
`verdict.judge_site` does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from circle15.judge.lattice import conclude, deciding_rules
from circle15.judge.position import LEVELS, Elsewhere
from circle15.judge.verdict import findings_of, weigh
from circle15.policy.rules import CircleLimit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circle15.judge.conditions import Site
    from circle15.policy.cards import Card
    from circle15.policy.plan import Plan
    from circle15.schema import Conclusion, Finding

    Codes = NDArray[np.int64]

_PLACES = tuple(f"{level}_id" for level in LEVELS)
_CLASSES = ("density_class", "density_class_place", "density_class_circle", "density_class_cell")
GROUND = (*_PLACES, *(f"{level}_name" for level in LEVELS), "township_settings", *_CLASSES)
"""What rules that can be asked for many sites at once see of the ground."""


class Told(NamedTuple):
    """What a site comes to, and the ids of the rules on which that rests."""

    conclusion: Conclusion
    decided_by: tuple[str, ...]


@dataclass(frozen=True)
class Grounds:
    """Where sites (n,) stand or may stand.

    `table` (k,) holds a row a ground: `site` (position), `moved_m` (0 where the site is thought to be), service, and
    GROUND. `said` (n,) numbers what else the rules know of a site; `seen` what each rule, by id, sees about it.
    `site_at` gives the site on one of the grounds (position in the table) as the rules look at it.
    """

    plan: Plan
    table: pd.DataFrame
    said: Codes
    seen: Mapping[str, Codes]
    site_at: Callable[[int], Site]

    def told(self, progress: Callable[[int], None]) -> list[Told]:
        """What each site (n,) comes to; `progress` is told how many rules are done."""
        rows, site = self._kept(), self.table["site"].to_numpy(dtype=np.int64)
        face, findings = self._faces(rows, progress)
        rank = np.arange(len(rows)) - np.searchsorted(site[rows], site[rows])
        steps = [np.zeros(len(self.said), dtype=np.int64) for _ in range(int(rank.max(initial=-1)) + 1)]
        for k, step in enumerate(steps):
            step[site[rows[rank == k]]] = face[rank == k] + 1
        alike = numbered(steps)
        first = _firsts(alike)
        ends = np.searchsorted(site[rows], first), np.searchsorted(site[rows], first, side="right")
        found = [self._conclusion(rows[a:b], [findings[f] for f in face[a:b]]) for a, b in zip(*ends, strict=True)]
        return [found[number] for number in alike]

    def _kept(self) -> Codes:
        """Grounds that are judged, by site: its own, then others as `position.grounds` picks them, nearest first."""
        site, moved_m = (self.table[c].to_numpy() for c in ("site", "moved_m"))
        order = np.lexsort((np.round(moved_m, 3), site))
        kind = numbered([site[order], *(self._codes(c)[order] for c in (*_PLACES, "density_class"))])
        return order[_firsts(kind)]

    def _codes(self, column: str) -> Codes:
        return np.asarray(pd.factorize(self.table[column].fillna(""))[0], dtype=np.int64)

    def _faces(self, rows: Codes, progress: Callable[[int], None]) -> tuple[Codes, list[list[Finding]]]:
        """Number (rows,) of what all rules find on each ground, and the findings of each number."""
        site, service = self.table["site"].to_numpy()[rows], self.table["service"].to_numpy()[rows]
        codes = {column: self._codes(column)[rows] for column in (*_PLACES, *_CLASSES, "township_settings")}
        codes["somewhere"] = (self.table["township_id"].to_numpy()[rows] != "").astype(np.int64)
        columns, found = [np.zeros(len(rows), dtype=np.int64)], []
        for done, rule in enumerate(self.plan.rules):
            progress(done)
            at = np.flatnonzero(np.isin(service, rule.services))
            sees = [of[site[at]] for of in (self.said, self.seen[rule.id])]
            sees += [codes[c][at] for c in _read_by(rule, self.plan)]
            alike = numbered(sees)
            each = [tuple(findings_of(rule, self.site_at(int(row)))) for row in rows[at[_firsts(alike)]]]
            kinds = {_weight(one): one for one in each}
            numbers = {kind: n for n, kind in enumerate(kinds, start=1)}
            column = np.zeros(len(rows), dtype=np.int64)
            column[at] = np.array([numbers[_weight(one)] for one in each], dtype=np.int64)[alike]
            columns.append(column)
            found.append([(), *kinds.values()])
        face = numbered(columns)
        each_rule = list(zip(found, columns[1:], strict=True))
        return face, [[f for told, column in each_rule for f in told[column[k]]] for k in _firsts(face)]

    def _conclusion(self, rows: Codes, findings: Sequence[Sequence[Finding]]) -> Told:
        """What one site comes to from what is found on its grounds, its own first."""
        sites = [self.site_at(int(row)).row for row in rows]
        there = [Elsewhere(row, tuple(found)) for row, found in zip(sites[1:], findings[1:], strict=True)]
        found, _ = weigh(self.plan, sites[0], findings[0], there)
        return Told(conclude(found), deciding_rules(found))


def numbered(columns: Sequence[Codes]) -> Codes:
    """One number (n,) for each combination of codes (-1 and above), in the order in which they come first."""
    whole = columns[0]
    for column in columns[1:]:
        whole = pd.factorize(whole * (int(column.max(initial=0)) + 2) + column + 1)[0]
    return np.asarray(pd.factorize(whole)[0], dtype=np.int64)


def _firsts(numbers: Codes) -> Codes:
    """Where each number of `numbered` stands first."""
    first = np.zeros(int(numbers.max(initial=-1)) + 1, dtype=np.int64)
    first[numbers[::-1]] = np.arange(len(numbers))[::-1]  # of several the last one stays
    return first


def _read_by(rule: Card, plan: Plan) -> tuple[str, ...]:
    """Columns of the ground that a rule may look at: places, and classes where it speaks of them."""
    where, by_density = rule.where, {c.id for c in plan.density_classes}
    if not isinstance(rule, CircleLimit):
        return _PLACES if where.place_class is None else (*_PLACES, *_CLASSES)
    if where.zones or where.areas or where.place_class not in {None, *by_density}:
        return (*_PLACES, *_CLASSES, "township_settings")
    return (*_CLASSES, "township_settings", "somewhere")


def _weight(findings: Sequence[Finding]) -> tuple[object, ...]:
    """All of one rule's findings that may decide."""
    return tuple((f.bound, f.ground, f.outcome, f.effect, f.evidence.notes) for f in findings)

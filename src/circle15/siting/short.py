"""Why no more sites are proposed 为何不足: what keeps each candidate out that was not chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from circle15.siting.limits import broken
from circle15.siting.schedule import by_gain
from circle15.siting.settle import blocking

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from circle15.quantities import Flags
    from circle15.siting.field import Field
    from circle15.siting.limits import Limits

SATURATED, REFUSED, FORBIDDEN = "saturated", "refused", "forbidden"
NOBODY = 0.5
"""A site that newly covers fewer residents than this covers nobody."""


def left_out(field: Field, limits: Limits, chosen: Flags, refused: Collection[str]) -> Mapping[str, int]:
    """How many candidates each reason keeps out, the most first; one candidate may have several.

    Keys are ids of rules, "quota", "release" and "number" as asked for, "refused" by the judge, "forbidden" by the
    user, "saturated": everybody around is covered already.
    """
    count: dict[str, int] = {}
    depth = np.bincount(field.reach.point[chosen[field.reach.site]], minlength=field.reach.points)
    for site in np.flatnonzero(field.new & ~chosen):
        for why in _reasons(field, limits, chosen, int(site), refused=refused, depth=depth):
            count[why] = count.get(why, 0) + 1
    return dict(sorted(count.items(), key=lambda item: (-item[1], item[0])))


def without_idle(field: Field, limits: Limits, chosen: Flags) -> Flags:
    """The choice without added sites that newly cover nobody, as far as lower limits do without them."""
    kept = chosen.copy()
    for site, gain in reversed(list(by_gain(field, chosen))):
        if gain < NOBODY and not limits.required[site]:
            kept[site] = False
            kept[site] = bool(broken(limits, kept))
    return kept


def _reasons(
    field: Field,
    limits: Limits,
    chosen: Flags,
    site: int,
    *,
    refused: Collection[str],
    depth: np.ndarray[tuple[int], np.dtype[np.int64]],
) -> set[str]:
    if field.ids[site] in refused:
        return {REFUSED}
    if limits.forbidden[site]:
        return {FORBIDDEN}
    around = field.reach.of(site)
    idle = field.demand.residents[around[depth[around] == 0]].sum() < NOBODY
    keys = blocking(limits, chosen, site)
    rules = {field.caps.circle_rule[int(k[1])] if k[0] == "circle" else k[0] for k in keys}
    return rules | {SATURATED} if idle else rules

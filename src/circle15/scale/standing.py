"""In which place each institution stands, and what class of ground that is 机构所在区划与密度分级."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from circle15.judge.limits import UNKNOWN, classify
from circle15.measure.pieces import locate
from circle15.schema import PLACE_LEVELS, SETTINGS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circle15.policy.plan import Plan
    from circle15.scale.task import Task

_PART = 100_000
_TOWNSHIP = PLACE_LEVELS.index("township")


def standing_places(task: Task) -> dict[int, NDArray[np.int32]]:
    """Place (n,) of each level (position in PLACE_LEVELS) where each institution stands; of several the first by id.

    -1 where it stands in none; levels without places are left out.
    """
    found = {}
    from_south = np.argsort(task.lat)  # neighbours together, or every place would be asked about every part
    for level in np.unique(task.outlines.level):
        out = np.full(len(task.lon), -1, dtype=np.int32)
        which = np.flatnonzero(task.outlines.level == level)
        places = task.places.iloc[which]
        for first in range(0, len(from_south), _PART):
            some = from_south[first : first + _PART]
            out[some] = np.append(which, -1)[locate(task.lon[some], task.lat[some], places)]
        found[int(level)] = out
    return found


def needs_townships(task: Task, plan: Plan) -> bool:
    """Whether the plan's classes of density ask for marks of townships and the places hold none."""
    return any(c.settings for c in plan.density_classes) and not (task.outlines.level == _TOWNSHIP).any()


def density_class(
    task: Task, plan: Plan, standing: dict[int, NDArray[np.int32]], rows: slice, density_per_km2: NDArray[np.float64]
) -> NDArray[np.object_]:
    """Class (k,) of some institutions' ground as `judge.limits.classify` tells it from density and township.

    Outside the known townships the class is UNKNOWN unless it is the same in all.
    """
    township = standing[_TOWNSHIP][rows] if _TOWNSHIP in standing else np.full(len(density_per_km2), -1)
    marks = np.append(task.places["settings"].to_numpy().astype(object), "")

    def told(density: NDArray[np.float64], settings: NDArray[np.object_]) -> NDArray[np.object_]:
        return classify(plan.density_classes, density, settings, nowhere=np.zeros(len(density), dtype=bool))

    found = told(density_per_km2, marks[township])
    nowhere = np.flatnonzero(township < 0)
    elsewhere = told(density_per_km2[nowhere], np.full(len(nowhere), ";".join(SETTINGS), dtype=object))
    found[nowhere[found[nowhere] != elsewhere]] = UNKNOWN
    return found

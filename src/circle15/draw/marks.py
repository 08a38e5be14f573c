"""What a page says of its own standing 图面标注: for internal use, or reviewed for the public."""

from __future__ import annotations

from dataclasses import dataclass

from circle15.draw.basemap import Basemap
from circle15.errors import Problem, UsageError


@dataclass(frozen=True)
class Marks:
    """What a page says of its own standing 图面标注.

    `internal` writes 内部使用; `map_number` is the 审图号, "" where there is none; `basemap` a map of the network below
    (None: the page asks nobody for anything).
    """

    internal: bool = True
    map_number: str = ""
    basemap: Basemap | None = None


def page_marks(*, public: bool, map_number: str, basemap: Basemap | None = None) -> Marks:
    """What the pages say of their own standing; UsageError for a public page without a map review number 审图号."""
    number = map_number.strip()
    if public and not number:
        raise UsageError(Problem("use.public_without_number"))
    return Marks(internal=not public, map_number=number, basemap=basemap)

"""Parts of a page beside its map, and what the map then draws from their data instead of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from circle15.draw.tester_grid import Grid


@dataclass(frozen=True)
class Shared:
    """What a part holds exactly, so that the page holds it once.

    `institutions` and `places` (with an outline) give the row in the part's list by id; `grid` the one that its
    populated cells stand on, None where they stand on none.
    """

    institutions: Mapping[str, int]
    places: Mapping[str, int]
    grid: Grid | None


@dataclass(frozen=True)
class PagePart:
    """Something that a page holds beside the map, such as the site tester.

    Its scripts run before district.js, which calls what they define (`mountTester`); blocks are read as
    `C15.blocks[name]`; words (by language) join those of the page.
    """

    scripts: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()
    blocks: Mapping[str, bytes] = field(default_factory=dict)
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    shared: Shared | None = None

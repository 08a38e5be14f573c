"""Both coordinates in one cell 经纬度同列: "105.18,37.51", "东经105°11′24″，北纬37°31′", "(105.18 37.51)".

Such a column becomes two beside it, named as those of any register, so that everything after this reads them as usual.
"""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

from circle15.read.coordinates import canonical
from circle15.read.faults import Faults
from circle15.read.values import Column, is_blank
from circle15.read.words_in import Kind, accepted, text_list

_BETWEEN = re.compile(r"[,;|/\u3001]")
_LED = re.compile(r"([EW].+?)\s*([NS].+)|([NS].+?)\s*([EW].+)")
_ENDED = re.compile(r"(.+[EW])\s*(.+[NS])|(.+[NS])\s*(.+[EW])")


def split_pairs(
    frame: pd.DataFrame, rows: tuple[int, ...], name: str, faults: Faults, *, kind: Kind, sheet: str | None
) -> pd.DataFrame:
    """The table with two columns more: what column `name` holds before and after the mark between its coordinates.

    Which of the two is the longitude is decided where positions are read; a cell that is no pair keeps its text in the
    first column and leaves the second empty, and so becomes a fault there. A column without any pair stays as it is.
    """
    column = Column(frame[name].tolist(), rows, name, sheet)
    pairs = [pair_of(c) for c in column.cells]
    made = [i for i, (_, second) in enumerate(pairs) if second is not None]
    if not made:
        return frame
    i = made[0]
    after = " | ".join(map(str, pairs[i]))
    faults.assume(
        "pair_split", count=len(made), sheet=sheet, row=rows[i], column=name, before=column.cells[i], after=after
    )
    titles = [f"{accepted(kind)[c][0]}({name})" for c in ("lon", "lat")]
    return pd.concat([frame, pd.DataFrame(pairs, columns=pd.Index(titles, dtype=object), dtype=object)], axis=1)


def pair_of(cell: Any) -> tuple[Any, str | None]:  # noqa: ANN401 - any cell
    """The two coordinates of a cell as written; (the cell, None) where it does not hold two."""
    if is_blank(cell) or not isinstance(cell, str):
        return cell, None
    labels = "|".join(text_list("coordinate_labels"))
    bare = re.sub(rf"(?:{labels})\s*[:=\uff1a]?|\bPOINT\b|[\[\](){{}}\uff08\uff09]", " ", cell, flags=re.IGNORECASE)
    text = canonical(bare.strip().replace("\n", ",")).strip(",; ")
    parts = [p.strip() for p in _BETWEEN.split(text)]
    if len(parts) == 1:
        found = _LED.fullmatch(text) or _ENDED.fullmatch(text)
        parts = [g for g in found.groups() if g] if found else _halves(text.split())
    return (parts[0], parts[1]) if len(parts) == 2 and all(parts) else (cell, None)  # noqa: PLR2004 - a pair


def _halves(words: list[str]) -> list[str]:
    """The words of two coordinates that only blanks part, both written alike."""
    half, odd = divmod(len(words), 2)
    return [] if odd else [" ".join(words[:half]), " ".join(words[half:])]

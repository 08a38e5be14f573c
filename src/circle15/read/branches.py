"""Codes of a register 机构编码: damaged by Excel, standing twice, or shared by the sites of one institution 分院区."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import geopandas as gpd
import pandas as pd

from circle15.read.faults import Faults
from circle15.read.values import Column, all_text, texts
from circle15.read.words_in import plain, text_list, without_brackets

_EXACT_DIGITS = 15
"""Decimal digits that a spreadsheet's numbers keep."""
_POWER = re.compile(r"[0-9](\.[0-9]+)?[eE]\+?[0-9]{1,3}")
_ID_BLANKS = re.compile(r"[\s'\"\u2018\u2019`]+")
_STEM = 4
_PLAIN_CODES = re.compile("[A-Z0-9]*")


def codes(column: Column, faults: Faults) -> list[str]:
    """Codes as text in half-width capitals without blanks; those that lost digits to Excel are warned of."""
    plain_texts = texts(column)
    if all_text(column.cells) and _PLAIN_CODES.fullmatch("".join(plain_texts)):
        return plain_texts
    noted: dict[str, str] = {}
    found = [_cleaned(text) for text in plain_texts]
    for cell, text, code in zip(column.cells, plain_texts, found, strict=True):
        if code != text and isinstance(cell, str):
            noted.setdefault(text, code)
    if noted:
        before = next(iter(noted))
        count = sum(t in noted for t in plain_texts)
        at = plain_texts.index(before)
        faults.assume(
            "code_cleaned",
            count=count,
            sheet=column.sheet,
            row=column.rows[at],
            column=column.name,
            before=before,
            after=noted[before],
        )
    _tell_damaged(column, faults)
    return found


def _cleaned(text: str) -> str:
    if _POWER.fullmatch(text):
        return text
    narrow = _ID_BLANKS.sub("", without_brackets(text) if text.endswith(")") else plain_width(text))
    return narrow.upper() if re.fullmatch(r"[hp][0-9]{11}", narrow) else narrow


def plain_width(text: str) -> str:
    """Full-width characters of a code made half-width."""
    return "".join(chr(ord(c) - 0xFEE0) if "\uff01" <= c <= "\uff5e" else c for c in text)


def _tell_damaged(column: Column, faults: Faults) -> None:
    places = [i for i, cell in enumerate(column.cells) if _is_damaged(cell)]
    if places:
        first = places[0]
        cell = column.cells[first]
        row = column.rows[first]
        faults.warn("read.code_damaged", sheet=column.sheet, row=row, column=column.name, value=cell, count=len(places))
        faults.assume("code_damaged", count=len(places), sheet=column.sheet, row=row, column=column.name, value=cell)


def _is_damaged(cell: Any) -> bool:  # noqa: ANN401 - any cell
    if isinstance(cell, float):
        return bool(abs(cell) >= 10**_EXACT_DIGITS)
    return isinstance(cell, str) and "+" in cell and bool(_POWER.fullmatch(cell.strip()))


def settle_sites(table: gpd.GeoDataFrame, faults: Faults) -> gpd.GeoDataFrame:
    """Give each site an id of its own and name the institution it is part of.

    `table` has schema columns, `_sheet` and `_branch`. Rows that share a code are sites of one institution where they
    are of different services, or where their names say so (pharmacies only by a column of branches); any other row
    whose code stands in an earlier row is an error that names that row.
    """
    table = table.assign(institution=table["id"])
    shared = (table["id"].duplicated(keep=False) & (table["id"] != "")).to_numpy()
    if not shared.any():
        return table
    ids = table["id"].tolist()
    branches: list[int] = []
    for _, group in table[shared].groupby("id", sort=False):
        rows = [(table.index.get_loc(i), dict(r)) for i, r in zip(group.index, group.to_dict("records"), strict=True)]
        main = min(rows, key=lambda r: (bool(r[1]["_branch"]), len(r[1]["name"]), r[0]))
        number = 1
        for at, row in rows:
            if at == main[0]:
                continue
            if _is_site_of(main[1], row):
                number += 1
                ids[at] = f"{row['id']}-{number}"
                branches.append(at)
            else:
                _tell_twice(rows[0] if rows[0][0] != at else main, row, faults)
    _tell_branches(table, branches, faults)
    return table.assign(id=pd.array(ids, dtype="str"))


def _is_site_of(main: dict[str, Any], row: dict[str, Any]) -> bool:
    if main["service"] != row["service"]:
        return True
    if row["_branch"] and row["_branch"] != main["_branch"]:
        return True
    if row["service"] == "pharmacy":
        return False
    same_name = plain(main["name"]) == plain(row["name"])
    if same_name:
        moved = not main["geometry"].equals(row["geometry"])
        return bool(plain(main["address"]) != plain(row["address"]) and moved)
    a, b = _stem(main["name"]), _stem(row["name"])
    short, long = sorted((a, b), key=len)
    return len(short) >= _STEM and long.startswith(short) and _names_campus(main["name"], row["name"])


def _stem(name: str) -> str:
    text = plain(without_brackets(name))
    for word in text_list("campus_words"):
        text = text.replace(word, "")
    return text


def _names_campus(*names: str) -> bool:
    return any(word in name for name in names for word in text_list("campus_words"))


def _tell_twice(first: tuple[int, dict[str, Any]], row: dict[str, Any], faults: Faults) -> None:
    sheet, number = first[1]["_sheet"], int(first[1]["source_row"])
    faults.error(
        "id_duplicate",
        sheet=row["_sheet"] or None,
        row=int(row["source_row"]),
        value=row["id"],
        first=f"{sheet}:{number}" if sheet else number,
    )


def _tell_branches(table: gpd.GeoDataFrame, branches: Sequence[int], faults: Faults) -> None:
    if branches:
        row = table.iloc[min(branches)]
        sheet, number = row["_sheet"] or None, int(row["source_row"])
        faults.assume("branches", count=len(branches), sheet=sheet, row=number, example=row["name"])
        faults.warn("read.branches", sheet=sheet, row=number, value=row["name"], count=len(branches))

"""What an address says 地址: which house on which road, and which place of the city it names.

No gazetteer is asked: two addresses are of one building where they agree up to the house number, and of one road where
they agree up to the name before it.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple, cast

import geopandas as gpd
import numpy as np
import numpy.typing as npt

from circle15.schema import PLACE_LEVELS

IndexArray = npt.NDArray[np.int64]

_BRACKETS = re.compile("\\([^)]*\\)?|\\[[^\\]]*\\]?|\u3010[^\u3011]*\u3011?")
_LEAST_NAME = 2
_CODE_LENGTH, _DIVISION_DIGITS = 12, 6


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    told = tomllib.loads(files("circle15.read").joinpath("address_words.toml").read_text(encoding="utf-8"))
    units = "|".join(re.escape(u) for u in sorted(cast("list[str]", told["unit"]), key=len, reverse=True))
    ends = "|".join(re.escape(n) for n in cast("list[str]", told["number"]))
    inside = re.compile(rf"[{re.escape(told['numerals'])}]+(?:-\d+)?(?:{units}).*$", re.DOTALL)
    house = re.compile(rf"^(.*?)(\d+)(?:-(\d+))?(?:{ends}|[,;\s(]|$)", re.DOTALL)
    return inside, house


@lru_cache(maxsize=65536)
def house_of(address: str) -> tuple[str, str]:
    """Road (or estate) and house of an address, both "" where there is none.

    >>> house_of("长虹路203号2号楼1层")
    ('长虹路', '长虹路203')
    """
    inside, house = _patterns()
    text = _BRACKETS.sub(" ", unicodedata.normalize("NFKC", address)).strip()
    found = house.match(text)
    cut = inside.search(text)
    if cut is not None and (found is None or cut.start() < found.end(2)):
        text = text[: cut.start()]
        found = house.match(text)
    if found is None:
        name = _joined(text).rstrip(",;")
        return name, name
    road, extra = _joined(found[1]), found[3]
    more = f"-{int(extra)}" if extra and int(extra) else ""
    return road, f"{road}{int(found[2])}{more}"


def _joined(text: str) -> str:
    return "".join(text.split())


def division_codes(ids: Sequence[str]) -> npt.NDArray[np.object_]:
    """6-digit division of each national code (a letter, 6 digits, 5 digits), "" where the id is of another form."""
    codes = [i[1:7] if len(i) == _CODE_LENGTH and i[0].isalpha() and i[1:].isdigit() else "" for i in ids]
    return np.array(codes, dtype=object)


class Said(NamedTuple):
    """Places (n,) that the rows of a register name: by the district of their code, in words, in their address; -1."""

    code: IndexArray
    unit: IndexArray
    address: IndexArray


def said_of(institutions: gpd.GeoDataFrame, places: gpd.GeoDataFrame) -> Said:
    """Positions of the places that each institution's id, place_told and address name without doubt."""
    names = PlaceNames(places)
    return Said(
        names.of_codes(institutions["id"].tolist()),
        names.of_words(institutions["place_told"].tolist()),
        names.in_addresses(institutions["address"].tolist()),
    )


class PlaceNames:
    """Places of a city by what people call them: id, leading digits of it, name."""

    def __init__(self, places: gpd.GeoDataFrame) -> None:
        self._levels = [PLACE_LEVELS.index(level) for level in places["level"]]
        self._ids = [str(i) for i in places["id"]]
        self._names = [_joined(unicodedata.normalize("NFKC", n)) for n in places["name"]]
        self._parents = [str(p) for p in places["parent"]]
        self._by_name: dict[str, list[int]] = defaultdict(list)
        lengths: dict[str, set[int]] = defaultdict(set)
        for i, name in enumerate(self._names):
            if len(name) >= _LEAST_NAME and self._levels[i] > 0:
                self._by_name[name].append(i)
        for name in self._by_name:
            lengths[name[:_LEAST_NAME]].add(len(name))
        self._lengths = {start: sorted(found) for start, found in lengths.items()}
        self._district_of_code = {
            i[:_DIVISION_DIGITS]: n for n, i in enumerate(self._ids) if places["level"].iloc[n] == "district"
        }
        self._by_id = {i: n for n, i in enumerate(self._ids)}

    def of_codes(self, ids: Sequence[str]) -> IndexArray:
        """Position of the district that each national institution code names, -1 for none."""
        return np.array([self._district_of_code.get(c, -1) for c in division_codes(ids)], dtype=np.int64)

    def of_words(self, words: Sequence[str]) -> IndexArray:
        """Position of the place that each word or code names, -1 where none or several do."""
        return np.array([self._word(w) for w in words], dtype=np.int64)

    def in_addresses(self, addresses: Sequence[str]) -> IndexArray:
        """Position of the most detailed place that each address names without doubt, -1 for none."""
        return np.array([self._address(a) for a in addresses], dtype=np.int64)

    @lru_cache(maxsize=4096)  # noqa: B019 - lives as long as one check
    def _word(self, word: str) -> int:
        text = _joined(unicodedata.normalize("NFKC", word))
        if not text:
            return -1
        for key, known in ((text, self._by_id), (text[:_DIVISION_DIGITS], self._district_of_code)):
            if key in known:
                return known[key]
        found = self._by_name.get(text, [])
        return found[0] if len(found) == 1 else self._address(word)

    def _address(self, address: str) -> int:
        text = _joined(unicodedata.normalize("NFKC", address))
        named: set[int] = set()
        for at in range(len(text) - 1):
            for length in self._lengths.get(text[at : at + _LEAST_NAME], ()):
                named.update(self._by_name.get(text[at : at + length], ()))
        if not named:
            return -1
        deepest = max(self._levels[n] for n in named)
        found = [n for n in named if self._levels[n] == deepest]
        if len(found) > 1:
            above = {self._ids[n] for n in named}
            found = [n for n in found if self._parents[n] in above]
        if len(found) > 1:  # "West Street" within "Great West Street"
            longest = max(len(self._names[n]) for n in found)
            inside = [n for n in found if len(self._names[n]) == longest]
            whole = self._names[inside[0]]
            found = inside if all(self._names[n] in whole for n in found) else []
        return found[0] if len(found) == 1 else -1

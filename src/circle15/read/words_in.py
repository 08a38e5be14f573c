"""Column names and words of registers, matched to the schema's 列名与用语对照."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from importlib.resources import files
from typing import Literal, cast

Kind = Literal["institution", "place", "population", "indicator", "event", "application"]
Vocabulary = Literal["service", "level", "tag", "flag", "place_level", "setting", "event", "denominator", "ownership"]

_BRACKETS = re.compile("\\([^)]*\\)|\\[[^\\]]*\\]|\u3010[^\u3011]*\u3011")
_SPACING = re.compile(r"[\W_]+")


@cache
def _aliases() -> dict[str, dict[str, object]]:
    return cast(
        "dict[str, dict[str, object]]",
        tomllib.loads(files("circle15.read").joinpath("aliases.toml").read_text(encoding="utf-8")),
    )


@lru_cache(maxsize=4096)
def plain(word: str) -> str:
    """Reduce a word to what is compared: NFKC (full-width digits), lower case, no spacing."""
    text = unicodedata.normalize("NFKC", word).casefold()
    return _SPACING.sub("", text) or text.strip()


def accepted(kind: Kind) -> Mapping[str, Sequence[str]]:
    """Schema column -> the column names accepted for it, most trusted first."""
    return cast("Mapping[str, Sequence[str]]", _aliases()[kind])


@cache
def _targets(kind: Kind) -> dict[str, str]:
    return {plain(alias): target for target, spelled in reversed(list(accepted(kind).items())) for alias in spelled}


def alias_of(name: str, kind: Kind) -> str | None:
    """Schema column that a column name stands for, None where it is not known."""
    targets = _targets(kind)
    return targets.get(plain(name)) or targets.get(plain(without_brackets(name)))


def without_brackets(word: str) -> str:
    """A word in half-width form without what stands in brackets."""
    return _BRACKETS.sub("", unicodedata.normalize("NFKC", word))


@cache
def text_list(name: str) -> tuple[str, ...]:
    """Short lists of words in aliases.toml under [text]."""
    return tuple(cast("Sequence[str]", _aliases()["text"][name]))


@cache
def _vocabulary(name: Vocabulary) -> dict[str, str]:
    words = cast("Mapping[str, Sequence[str]]", _aliases()["word"][name])
    return {plain(word): meaning for meaning, spelled in words.items() for word in spelled}


@lru_cache(maxsize=4096)
def meaning(name: Vocabulary, word: str) -> str | None:
    """Schema word for a register's word, None where it is not known."""
    return _vocabulary(name).get(plain(without_brackets(word)))


def meaning_inside(name: Vocabulary, text: str) -> str | None:
    """Schema word of the longest known word that stands in a text (a sheet name), None where none or two tie."""
    inside = plain(text)
    found = [(len(word), known) for word, known in _vocabulary(name).items() if len(word) > 1 and word in inside]
    longest = {known for length, known in found if length == max(found)[0]}
    return longest.pop() if len(longest) == 1 else None


def words_of(name: Vocabulary) -> Mapping[str, Sequence[str]]:
    """Schema word -> the words accepted for it."""
    return cast("Mapping[str, Sequence[str]]", _aliases()["word"][name])


def spellings(name: Vocabulary) -> str:
    """All known words of a vocabulary, for a remedy."""
    return "; ".join(f"{known}: {' '.join(spelled[:4])}" for known, spelled in words_of(name).items())


def match_columns(found: Sequence[str], kind: Kind, columns: Mapping[str, str] | None) -> dict[str, str]:
    """Schema column -> column as found, by explicit mapping first, then by alias in order of trust.

    A column serves once. Explicit columns that do not stand in the file are left out (see `missing_explicit`).
    """
    by_plain: dict[str, str] = {}
    for column in reversed(found):
        by_plain[plain(without_brackets(column))] = column
        by_plain[plain(column)] = column
    taken = {target: name for target, name in (columns or {}).items() if name in found}
    for target, spelled in accepted(kind).items():
        if target in taken:
            continue
        for alias in spelled:
            match = by_plain.get(plain(alias))
            if match is not None and match not in taken.values():
                taken[target] = match
                break
    return taken

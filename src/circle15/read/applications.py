"""What applications say, brought to the schema's form 申请信息归一: names, yes and no, dates, numbers, lists.

Columns of a table of sites and pairs KEY=VALUE are read by the same words as registers (aliases.toml); what is read in
no known form stays as it stands, so that the judge finds it unknown.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from circle15.errors import Problem
from circle15.read.dates import day_of
from circle15.read.values import is_blank
from circle15.read.words_in import Vocabulary, accepted, alias_of, meaning, plain
from circle15.schema import AttributeKind

_REGISTER = ("name", "level", "tags", "address", "beds", "stations", "physicians")
_KINDS: Mapping[str, AttributeKind] = {"application_date": "date", "tags": "words", "approvals": "words"}
_VOCABULARIES: Mapping[str, Vocabulary] = {"tags": "tag", "level": "level", "ownership": "ownership"}
_SEPARATORS = re.compile("[;；,，、]")
_ALIKE = 0.75


def key_of(name: str) -> str:
    """Attribute that a column or key stands for: 申请日期 is application_date; the name itself where none is known."""
    found = alias_of(name, "application")
    register = alias_of(name, "institution")
    return found or (register if register in _REGISTER else None) or name


def schema_form(told: Mapping[str, object], kinds: Mapping[str, AttributeKind]) -> dict[str, object]:
    """What an application says, by schema key and in schema form.

    Parameters
    ----------
    told
        As written: names of columns or keys, and cells or words.
    kinds
        In which form the plan asks for an attribute (`policy.asked.attribute_kinds`).

    Returns
    -------
    Yes and no as True and False, dates as ISO words, lists joined by ";".
    """
    known = {**_KINDS, **kinds}
    keys = ((key_of(name), value) for name, value in told.items())
    return {key: _formed(key, value, known.get(key)) for key, value in keys if not is_blank(value)}


def misspelt(names: Iterable[str], kinds: Mapping[str, AttributeKind], *, strict: bool) -> Iterator[Problem]:
    """Warnings of names that nothing asks for, with the nearest known one; without `strict` only where one is near."""
    keys = {*accepted("application"), *_REGISTER, *_KINDS, *kinds}
    spelled = [a for words in accepted("application").values() for a in words]
    spelled += [a for name in _REGISTER for a in accepted("institution")[name]]
    by_plain = {plain(word): word for word in [*spelled, *sorted(keys)]}
    for name in dict.fromkeys(n for n in names if key_of(n) not in keys):
        near = difflib.get_close_matches(plain(name), by_plain, n=1, cutoff=_ALIKE)
        if near or strict:
            known = by_plain[near[0]] if near else ", ".join(sorted(keys))
            yield Problem("application.unknown", value=name, params={"known": known}, severity="warning")


def _formed(key: str, value: object, kind: AttributeKind | None) -> object:
    if kind == "words" and isinstance(value, str):
        return words_form(key, value)
    if kind == "date":
        day = day_of(value)
        return value if np.isnat(day) else str(day.astype("datetime64[D]"))
    if kind == "flag" and not isinstance(value, bool):
        flag = meaning("flag", f"{value:g}" if isinstance(value, float) else str(value))
        return {"yes": True, "no": False}.get(flag or "", value)
    if kind == "number" and isinstance(value, str):
        return _number(value)
    return value


def words_form(key: str, told: str) -> str:
    """A list of words in schema words where these are known, joined by ";"."""
    vocabulary = _VOCABULARIES.get(key)
    words = [w.strip() for w in _SEPARATORS.split(told) if w.strip()]
    return ";".join((meaning(vocabulary, w) if vocabulary else None) or w for w in words)


def _number(word: str) -> object:
    """A number, also of "65%"; the word itself where it is none."""
    text = word.strip().replace("\uff05", "%")
    try:
        return float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        return word

"""Words for people, looked up by message id 文案.

Each file `locale/<lang>/<room>.toml` holds the sentences of one room; the id is the file name and the keys joined by
dots (`problems.no_crs.fault`). Slots are `{name}` and filled with `str.format`.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Literal, cast

from circle15.errors import Circle15Error, Problem

Lang = Literal["zh", "en"]
LANGS: tuple[Lang, ...] = ("zh", "en")
SHOWN_VALUE = 60
SHOWN_ROWS = 10
_SECRET = re.compile(r"(?i)([a-z][a-z0-9+.-]*://[^\s:/@]*):\S*@")  # scheme://user:password@, up to the last @
_SHOWN_FILE = 4096
_SCHEMA_WORDS = ("service", "level")


def default_lang() -> Lang:
    """Language of the environment variable CIRCLE15_LANG (zh or en); Chinese where it is not set."""
    return "en" if os.environ.get("CIRCLE15_LANG", "zh").lower().startswith("en") else "zh"


@cache
def catalogue(lang: Lang) -> dict[str, str]:
    """All sentences of one language, flat: id -> template."""
    found: dict[str, str] = {}
    for entry in sorted(files("circle15").joinpath("locale", lang).iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".toml"):
            _flatten(tomllib.loads(entry.read_text(encoding="utf-8")), entry.name.removesuffix(".toml"), found)
    return found


def _flatten(node: dict[str, object], prefix: str, into: dict[str, str]) -> None:
    for key, value in node.items():
        name = f"{prefix}.{key}"
        if isinstance(value, dict):
            _flatten(cast("dict[str, object]", value), name, into)
        else:
            into[name] = str(value)


def word(message_id: str, lang: Lang | None = None, /, **slots: object) -> str:
    """The sentence of a message id with its slots filled.

    Raises KeyError for an id that no locale file holds: a missing sentence is a fault of ours, never of the user.
    """
    return catalogue(lang or default_lang())[message_id].format(**slots)


def word_slots(message_id: str, given: Mapping[str, object], lang: Lang | None = None, /, **slots: object) -> str:
    """A sentence with values of a file in its slots: made safe to print, schema words among them in people's words."""
    told = {name: safe(str(value), limit=400) for name, value in given.items()}
    told |= {name: word(f"map.{name}.{told[name]}", lang) for name in _SCHEMA_WORDS if name in told}
    return word(message_id, lang, **slots, **told)


def words_under(prefix: str, lang: Lang | None = None) -> dict[str, str]:
    """All sentences whose id starts with `prefix.`, keyed by the rest of the id (unfilled)."""
    return {k[len(prefix) + 1 :]: v for k, v in catalogue(lang or default_lang()).items() if k.startswith(prefix + ".")}


def word_problem(problem: Problem, lang: Lang | None = None) -> str:
    """One problem as one line: place, value, fault, remedy."""
    return _worded(problem, [] if problem.row is None else [problem.row], lang)


def word_problems(problems: Iterable[Problem], lang: Lang | None = None) -> list[str]:
    """Problems one a line, in order; what differs by its row only is one line that names the rows."""
    alike: dict[str, list[Problem]] = {}
    for problem in problems:
        alike.setdefault(word_problem(replace(problem, row=None), lang), []).append(problem)
    return [_worded(same[0], [p.row for p in same if p.row is not None], lang) for same in alike.values()]


def _worded(problem: Problem, rows: Sequence[int], lang: Lang | None) -> str:
    lang = lang or default_lang()
    place = [safe(problem.file, limit=_SHOWN_FILE)] if problem.file else []
    if problem.sheet is not None:
        place.append(word("problems.place.sheet", lang, value=safe(problem.sheet)))
    if len(rows) == 1:
        place.append(word("problems.place.row", lang, value=rows[0]))
    elif rows:
        some = ", ".join(str(row) for row in rows[:SHOWN_ROWS]) + (" …" if len(rows) > SHOWN_ROWS else "")
        place.append(word("problems.place.rows", lang, value=some, count=len(rows)))
    if problem.column is not None:
        place.append(word("problems.place.column", lang, value=safe(problem.column)))
    if problem.value is not None:
        place.append(word("problems.place.value", lang, value=safe(problem.value)))
    slots = {k: safe(str(v), limit=400) for k, v in problem.params.items()}
    if problem.value is not None:
        slots.setdefault("value", safe(problem.value))
    if "reason" in slots:  # what a library said stands inside our sentence, which has its own full stop
        slots["reason"] = slots["reason"].rstrip(" .")
    fault = word(f"problems.{problem.id}.fault", lang, **slots)
    remedy = word(f"problems.{problem.id}.remedy", lang, **slots)
    sentence = word("problems.place.sentence", lang, fault=fault, remedy=remedy)
    return (
        f"{word('problems.place.join', lang).join(place)}{word('problems.place.colon', lang)}{sentence}"
        if place
        else sentence
    )


def word_error(error: Circle15Error, lang: Lang | None = None) -> str:
    """All problems of an error, one a line."""
    return "\n".join(word_problems(error.problems, lang))


Circle15Error.in_words = word_error


def safe(value: str, *, limit: int = SHOWN_VALUE) -> str:
    """A foreign value made safe to print: no password of an address, control and bidi escaped, long ones shortened."""
    value = _SECRET.sub(r"\1@", value)
    safe = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in value)
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"

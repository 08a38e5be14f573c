"""The verdict sheet 研判单: what a bureau puts in a file, as blocks that .docx and .xlsx show alike.

Conclusion in one sentence; every test with clause, quotation, observed, limit, force and outcome; neighbours; density
by all measures; quotas with head-room; sources with hashes; room for the on-site check and signatures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from circle15.errors import Problem, UsageError
from circle15.schema import CHECKLIST, Finding, Neighbour, Outcome, Verdict
from circle15.words import Lang, catalogue, word
from circle15.write.summary import note_words, way_words

DOCX, XLSX = ".docx", ".xlsx"
_AREAS = ("township", "subdistrict", "community", "zone", "group", "district", "city")
_DENSITIES = ("place", "circle", "cell")
_LONGEST = 600
_HASH_SHOWN = 16
_BIDI = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_BLANK = "　"
_CONCLUSION = ("conclusion", "note")
_ONLY_WHERE_HELD = frozenset({"collisions", "cards"})


@dataclass(frozen=True)
class Words:
    """A paragraph: style is title, marks, heading, conclusion or note."""

    text: str
    style: str


@dataclass(frozen=True)
class Grid:
    """A table: headings (none for a form of label and value pairs), rows, and relative widths of the columns.

    `strong` holds the rows set in bold (what does not comply); `tall` asks for rows with room to write by hand.
    """

    rows: tuple[tuple[str, ...], ...]
    widths: tuple[int, ...]
    headings: tuple[str, ...] = ()
    strong: frozenset[int] = frozenset()
    tall: bool = False


Block = Words | Grid


def write_sheet(path: Path, verdict: Verdict, provenance: Mapping[str, object], *, lang: Lang) -> Path:
    """Write the verdict sheet as .docx or .xlsx by the suffix of `path`; same verdict, same bytes.

    Raises UsageError for another suffix, OutputError when it cannot be written.
    """
    check_suffix(path)
    blocks = sheet_blocks(verdict, provenance, lang=lang)
    if path.suffix.lower() == DOCX:
        from circle15.write.sheet_docx import write_docx  # noqa: PLC0415 - python-docx loads slowly

        return write_docx(path, blocks, lang=lang)
    from circle15.write.sheet_xlsx import write_xlsx  # noqa: PLC0415

    return write_xlsx(path, blocks, lang=lang)


def check_suffix(path: Path) -> None:
    """Refuse a sheet that is neither .docx nor .xlsx, before any work is done. Raises UsageError."""
    if path.suffix.lower() not in {DOCX, XLSX}:
        raise UsageError(Problem("use.sheet_kind", value=path.name))


def sheet_blocks(verdict: Verdict, provenance: Mapping[str, object], *, lang: Lang) -> list[Block]:
    """Every block of the sheet, in the order of the page."""
    say = _Words(lang)
    tests = [f for f in verdict.findings if f.ground != CHECKLIST]
    cards = [f for f in verdict.findings if f.ground == CHECKLIST]
    blocks: list[Block] = [
        Words(_marks(provenance, say), "marks"),
        Words(say("title"), "title"),
        _form(verdict, provenance, say),
    ]
    conclusion = [Words(t, s) for t, s in zip(_conclusion(verdict, tests, provenance, say), _CONCLUSION, strict=True)]
    parts: list[tuple[str, Sequence[Block]]] = [
        ("conclusion", conclusion),
        ("tests", _tests(tests, say)),
        ("collisions", _collisions(verdict, say)),
        ("neighbours", _neighbours(tests, say)),
        ("density", _density(verdict, tests, provenance, say)),
        ("quota", _quota(tests, say)),
        ("cards", _cards(cards, say)),
        ("sources", _sources(provenance, say)),
        ("site_check", _site_check(say)),
        ("signatures", _signatures(say)),
    ]
    shown = [(key, body) for key, body in parts if body or key not in _ONLY_WHERE_HELD]
    for numeral, (key, body) in zip(say("numerals").split(), shown, strict=False):
        blocks += _part(key, numeral, body, say)
    blocks.append(Words(say("foot", version=str(provenance.get("circle15", ""))), "note"))
    return blocks


class _Words:
    """Words of the sheet in one language; foreign text is made safe where it enters."""

    def __init__(self, lang: Lang) -> None:
        self.lang = lang
        self.known = catalogue(lang)

    def __call__(self, key: str, **slots: str) -> str:
        return word(f"sheet.{key}", self.lang, **slots)

    def coded(self, prefix: str, code: object) -> str:
        """Words of a code; a code that nobody has worded is shown as it is."""
        return self.known.get(f"{prefix}.{code}", clean(str(code)))

    def headings(self, *keys: str) -> tuple[str, ...]:
        return tuple(self(f"head.{k}") for k in keys)


def clean(text: str) -> str:
    """Foreign text on one line: control and direction characters replaced, long texts cut."""
    safe = "".join("\ufffd" if _unsafe(c) else c for c in " ".join(text.split()))
    return safe if len(safe) <= _LONGEST else safe[: _LONGEST - 1] + "…"


def _unsafe(character: str) -> bool:
    odd = character < " " or "\x7f" <= character <= "\x9f" or "\ud800" <= character <= "\udfff"
    return odd or character in "\ufffe\uffff" or character in _BIDI


def figure(value: object, digits: int = 2) -> str:
    """A number for people, or a dash."""
    if value is None or isinstance(value, bool) or not isinstance(value, int | float) or value != value:  # noqa: PLR0124
        return "—"
    return f"{value:,.{digits}f}".rstrip("0").rstrip(".") if value % 1 else f"{value:,.0f}"


def _part(key: str, numeral: str, body: Sequence[Block], say: _Words) -> list[Block]:
    lead = say.known.get(f"sheet.lead.{key}", "")
    heading = Words(say("numbered", numeral=numeral, part=say(f"part.{key}")), "heading")
    return [heading, *([Words(lead, "note")] if lead else []), *(body or [Words(say("none"), "note")])]


def _marks(provenance: Mapping[str, object], say: _Words) -> str:
    city = provenance.get("city")
    simulated = isinstance(city, Mapping) and bool(city.get("simulated"))
    marks = [word("workbook.internal", say.lang), *([word("workbook.simulated", say.lang)] if simulated else [])]
    return " · ".join(marks)


# ── parts ─────────────────────────────────────────────────────


def _form(verdict: Verdict, provenance: Mapping[str, object], say: _Words) -> Grid:
    m, plan = verdict.measures, _mapping(provenance.get("plan"))
    place = " ".join(clean(str(m.get(k, ""))) for k in ("city_name", "district_name", "township_name")).strip()
    at = f"{_degrees(m.get('lon'))}, {_degrees(m.get('lat'))} (WGS 84)"
    version = f"{clean(str(plan.get('id', '')))} · {str(plan.get('version', ''))[:_HASH_SHOWN]}"
    pairs = [
        ("name", clean(str(m.get("name") or "")) or _BLANK),
        ("service", say.coded("columns.services", verdict.service)),
        ("place", place or "—"),
        ("position", at),
        ("accuracy", say("metres", value=figure(m.get("position_accuracy_m")))),
        ("as_of", verdict.as_of or "—"),
        ("plan", clean(str(plan.get("title", "")))),
        ("plan_version", version),
    ]
    cells = [(say(f"form.{key}"), value) for key, value in pairs]
    return Grid(tuple((*a, *b) for a, b in zip(cells[::2], cells[1::2], strict=True)), (4, 9, 4, 9))


def _conclusion(
    verdict: Verdict, tests: Sequence[Finding], provenance: Mapping[str, object], say: _Words
) -> tuple[str, str]:
    """The conclusion with what decides it as one sentence, and how many tests came out how."""
    counts = Counter(f.outcome for f in tests)
    titles = {f.rule_id: say("cited", title=clean(f.title), clause=clean(f.clause)) for f in verdict.findings}
    told = say("join").join(titles[r] for r in verdict.decided_by if r in titles)
    sentence = say(
        "conclusion",
        conclusion=say.coded("judge.conclusion", verdict.conclusion),
        decided_by=say("decided_by", titles=told) if told else "",
    )
    counted = say(
        "counted",
        plan=clean(str(_mapping(provenance.get("plan")).get("title", ""))),
        n=str(len(tests)),
        met=str(counts[Outcome.MET]),
        breached=str(counts[Outcome.BREACHED]),
        review=str(counts[Outcome.REVIEW]),
        no_data=str(counts[Outcome.NO_DATA]),
    )
    return sentence, counted


def _tests(tests: Sequence[Finding], say: _Words) -> list[Grid]:
    rows = []
    for at, f in enumerate(tests, start=1):
        name = say("rule", title=clean(f.title), quote=clean(f.quote))
        unit = say.coded("judge.unit", f.unit) if f.unit else ""
        limit = "—" if f.limit is None else f"{say.coded('judge.bound', f.bound or 'max')} {figure(f.limit)}"
        remarks = [clean(n) for n in note_words(f, lang=say.lang)] + ([clean(f.note)] if f.note else [])
        if f.lifted_by:
            remarks.append(say("lifted", rules=say("join").join(f.lifted_by)))
        ground = f"{say.coded('judge.ground', f.ground)} {clean(f.ground_name)}".strip()
        rows.append(
            (
                str(at),
                clean(f.clause),
                name,
                ground,
                f"{figure(f.observed)} {unit}".strip(),
                limit,
                say.coded("judge.force", f.force),
                say.coded("judge.outcome", f.outcome),
                " ".join(remarks),
            )
        )
    strong = frozenset(at for at, f in enumerate(tests) if f.outcome is Outcome.BREACHED)
    heads = say.headings("no", "clause", "rule", "ground", "observed", "limit", "force", "outcome", "remark")
    return [Grid(tuple(rows), (8, 30, 46, 18, 14, 18, 14, 15, 33), heads, strong)] if rows else []


def _collisions(verdict: Verdict, say: _Words) -> list[Grid]:
    if not verdict.collisions:
        return []
    rows = tuple(
        (
            say.coded("judge.collision", c.kind),
            say("join").join(clean(x) for x in c.clauses),
            " / ".join(clean(q) for q in c.quotes),
            clean(c.detail),
        )
        for c in verdict.collisions
    )
    return [Grid(rows, (5, 4, 12, 5), say.headings("collision", "clause", "quote", "remark"))]


def _neighbours(tests: Sequence[Finding], say: _Words) -> list[Block]:
    held: dict[str, tuple[Neighbour, set[str]]] = {}
    for f in tests:
        for key, group in (
            ("inside", f.evidence.neighbours),
            ("edge", f.evidence.borderline),
            ("apart", f.evidence.apart),
        ):
            for n in group:
                marks = held.setdefault(n.id, (n, set()))[1]
                marks.add(key)
                marks |= {"would_exceed"} if n.would_exceed else set()
    every = sorted(held.values(), key=lambda h: (h[0].distance_m, h[0].id))
    own = [h for h in every if h[1] != {"apart"}]
    foreign = [h for h in every if h[1] == {"apart"}]
    blocks: list[Block] = [_listed(own, say)] if own else []
    if foreign:
        blocks += [Words(say("apart_title"), "note"), _listed(foreign, say)]
    return blocks


def _listed(held: Sequence[tuple[Neighbour, set[str]]], say: _Words) -> Grid:
    """Neighbours with code, name, distance, accuracy and what is to be said of each, nearest first."""
    rows = []
    for at, (n, marks) in enumerate(held, start=1):
        said = [say(f"neighbour.{k}") for k in ("inside", "edge", "apart", "would_exceed") if k in marks]
        said += [way] if (way := way_words(n, lang=say.lang)) else []
        distance, accuracy = f"{n.distance_m:,.1f}", figure(n.position_accuracy_m)
        rows.append((str(at), clean(n.id), clean(n.name), distance, accuracy, say("join").join(said)))
    heads = say.headings("no", "code", "name", "distance", "accuracy", "remark")
    return Grid(tuple(rows), (9, 34, 60, 20, 20, 47), heads)


def _density(verdict: Verdict, tests: Sequence[Finding], provenance: Mapping[str, object], say: _Words) -> list[Grid]:
    deciding = _mapping(provenance.get("plan")).get("density_unit")
    figures: dict[str, Any] = {}
    for f in tests:
        figures |= {k: v for k, v in f.evidence.figures.items() if k.startswith("density_class_")}
    rows = tuple(
        (
            say.coded("judge.density_unit", unit),
            figure(verdict.measures.get(f"density_{unit}_per_km2"), 0),
            _class(figures.get(f"density_class_{unit}", verdict.measures.get(f"density_class_{unit}")), say),
            say("deciding") if unit == deciding else "",
        )
        for unit in _DENSITIES
    )
    m = verdict.measures
    around = (
        say("head.residents_within"),
        figure(m.get("residents_within"), 0),
        say("head.land_within"),
        f"{figure(m.get('circle_land_km2'))} km²",
    )
    return [
        Grid(rows, (8, 5, 8, 5), say.headings("measure", "density", "class", "remark")),
        Grid((around,), (8, 5, 8, 5)),
    ]


def _class(value: object, say: _Words) -> str:
    code = str(value or "")
    for prefix in ("judge.density_class", "columns.classes"):
        if f"{prefix}.{code}" in say.known:
            return say.known[f"{prefix}.{code}"]
    return clean(code) or "—"


def _quota(tests: Sequence[Finding], say: _Words) -> list[Grid]:
    rows: list[tuple[str, ...]] = []
    strong: set[int] = set()
    for ground in _AREAS:
        for f in (f for f in tests if f.ground == ground and f.bound == "max" and f.limit is not None):
            left = f.headroom
            if left is not None and left < 0:
                strong.add(len(rows))
            unit = say.coded("judge.unit", f.unit) if f.unit else ""
            rows.append(
                (
                    say.coded("judge.ground", ground),
                    clean(f.ground_name) or "—",
                    clean(f.title),
                    figure(f.observed),
                    figure(f.limit),
                    figure(left),
                    unit,
                )
            )
    heads = say.headings("ground", "name", "rule_short", "after", "cap", "headroom", "unit")
    return [Grid(tuple(rows), (3, 5, 8, 3, 3, 3, 3), heads, frozenset(strong))] if rows else []


def _cards(cards: Sequence[Finding], say: _Words) -> list[Grid]:
    if not cards:
        return []
    rows = tuple(
        (
            str(at),
            clean(f.clause),
            say("rule", title=clean(f.title), quote=clean(f.quote)),
            say.coded("judge.force", f.force),
            say("tick"),
        )
        for at, f in enumerate(cards, start=1)
    )
    return [Grid(rows, (9, 30, 90, 17, 44), say.headings("no", "clause", "rule", "force", "by_hand"))]


def _sources(provenance: Mapping[str, object], say: _Words) -> list[Grid]:
    rows = []
    for s in _inputs(provenance):
        day = str(_mapping(s.get("options")).get("as_of") or "—")
        rows.append(
            (
                say.coded("sheet.role", s.get("role", "")),
                clean(str(s.get("file", ""))),
                str(s.get("datum") or "—"),
                day,
                str(s.get("sha256", ""))[:_HASH_SHOWN],
            )
        )
    plan = _mapping(provenance.get("plan"))
    for key, version in (("plan", "version"), ("text", "text_version")):
        if plan.get(version):
            rows.append(
                (say(f"role.{key}"), clean(str(plan.get("id", ""))), "—", "—", str(plan[version])[:_HASH_SHOWN])
            )
    heads = say.headings("role", "file", "datum", "as_of", "hash")
    return [Grid(tuple(rows), (4, 9, 3, 4, 6), heads)]


def _site_check(say: _Words) -> list[Grid]:
    lines = [("lon", "lat"), ("datum", "device"), ("walk", "photos"), ("opinion", "checkers")]
    rows = tuple((say(f"check.{a}"), _BLANK, say(f"check.{b}"), _BLANK) for a, b in lines)
    return [Grid(rows, (5, 8, 5, 8), tall=True)]


def _signatures(say: _Words) -> list[Grid]:
    rows = tuple((say(f"sign.{k}"), _BLANK, say("sign.date"), _BLANK) for k in ("clerk", "reviewer", "head"))
    return [Grid(rows, (5, 8, 5, 8), tall=True)]


# ── small ─────────────────────────────────────────────────────


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _inputs(provenance: Mapping[str, object]) -> Iterator[Mapping[str, Any]]:
    given = provenance.get("inputs")
    for one in given if isinstance(given, list | tuple) else ():
        yield _mapping(one)


def _degrees(value: object) -> str:
    return f"{value:.6f}" if isinstance(value, float) and value == value else "—"  # noqa: PLR0124 - NaN is not itself

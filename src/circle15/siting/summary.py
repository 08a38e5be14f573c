"""A plan of sites in sentences 决策摘要: what is gained, what is lost, for whom, how certain, and who decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from circle15.schema import Conclusion
from circle15.siting.add import AddPlan
from circle15.siting.doubles import KINDS
from circle15.words import Lang, word

if TYPE_CHECKING:
    from circle15.prepared import Prepared
    from circle15.schema import Finding
    from circle15.siting.cover import Choice
    from circle15.siting.doubles import Alike
    from circle15.siting.field import Field
    from circle15.siting.recheck import Recheck
    from circle15.siting.retire import ExitPlan
    from circle15.siting.rounds import RoundResult
    from circle15.siting.settle import Key

SHOWN = 5
CERTAIN = frozenset({Conclusion.ADMIT, Conclusion.PRIORITY, Conclusion.ADMIT_ALL})
"""Verdicts that leave nothing to find out."""


def exit_lines(plan: ExitPlan, *, aside: Sequence[str], lang: Lang) -> list[str]:
    """A plan of exits in sentences; figures are those of its tables."""
    field, steps = plan.field, plan.steps
    first, last = steps.iloc[0], steps.iloc[-1]
    lines = _head(field, aside, lang)
    lines.append(
        word(
            "siting.exits",
            lang,
            before=int(first["standing"]),
            after=int(last["standing"]),
            exits=len(plan.exits),
            entries=len(plan.entries),
            steps=int(last["step"]),
        )
    )
    lines += [*_coverage_lines(plan, lang), *_target_lines(plan, lang), *_proof_lines(plan, lang)]
    lines += [*_near_lines(plan, lang), *_cause_lines(plan, lang)]
    lost = plan.losers.head(SHOWN)
    if len(lost):
        lines.append(
            word("siting.losers", lang, people=_count(plan.losers["residents_lost"].sum()), n=len(plan.losers))
        )
        lines += [
            word(
                "siting.loser" if r["after_m"] == r["after_m"] else "siting.loser_edge",
                lang,
                name=r["name"],
                people=_count(r["residents_lost"]),
                before=_count(r["before_m"]),
                after=_count(r["after_m"]),
            )
            for r in lost.to_dict("records")
        ]
    lines += _entry_lines(plan, lang)
    if plan.ties:
        lines.append(word("siting.ties", lang, n=len(plan.ties), columns=_joined({t.column for t in plan.ties}, lang)))
    lines += [*_check_lines(plan.recheck, lang), *_verdict_lines(plan, lang)]
    lines += [*collision_lines(plan, lang), *_open_lines(field, aside, lang)]
    return lines + _sheet_lines({"alternatives": plan.alternatives}, lang)


def add_lines(plan: AddPlan, *, aside: Sequence[str], lang: Lang) -> list[str]:
    """A set of sites to add in sentences."""
    field = plan.field
    top = plan.coverage[plan.coverage["level"] == plan.coverage["level"].iloc[0]]
    lines = _head(field, aside, lang)
    before, after = (float(top[c].sum()) for c in ("covered_before", "covered_after"))
    if plan.sites.empty:
        lines.append(word("siting.no_room", lang))
    else:
        lines.append(word("siting.added", lang, n=len(plan.sites), people=_count(after - before)))
        lines += _coverage_lines(plan, lang)
        lines += [
            word(
                "siting.site",
                lang,
                id=r["id"],
                place=f"{r['district_name']}{r['township_name']}",
                people=_count(r["residents_gained"]),
                lon=f"{r['lon']:.6f}",
                lat=f"{r['lat']:.6f}",
                conclusion=word(f"judge.conclusion.{r['conclusion']}", lang),
            )
            for r in plan.sites.head(SHOWN).to_dict("records")
        ]
        lines += _sheet_lines({"entries": plan.sites.iloc[SHOWN:]}, lang)
    if plan.target == plan.target and after < plan.target * 0.999:
        lines.append(word("siting.target_missed", lang, target=_count(plan.target), reached=_count(after)))
    lines += _gap_line(plan.question, plan.choice, lang) if not plan.sites.empty else []
    if plan.number is not None and len(plan.sites) < plan.number:
        lines += _short_lines(plan, plan.number, len(plan.sites), lang)
    lines += [*_check_lines(plan.recheck, lang), *_verdict_lines(plan, lang)]
    lines += [*_keys_line(plan.collisions, field, lang), *_open_lines(field, aside, lang)]
    return lines + _sheet_lines({"buys": plan.buys, "alternatives": plan.alternatives}, lang)


def _sheet_lines(tables: Mapping[str, pd.DataFrame], lang: Lang) -> list[str]:
    """Where in the workbook more is told than these sentences tell."""
    return [word(f"siting.see.{name}", lang, n=len(table)) for name, table in tables.items() if len(table)]


def _entry_lines(plan: ExitPlan, lang: Lang) -> list[str]:
    """What comes in, in which step, and why no more."""
    lines = []
    if len(plan.entries):
        lines.append(word("siting.gained", lang, people=_count(plan.entries["residents_gained"].sum())))
        lines += _gap_line("cover", plan.entered, lang) if plan.entered is not None else []
        steps = plan.entries.groupby("step").size()
        told = [word("siting.in_step", lang, step=int(str(k)), n=int(v)) for k, v in steps.items()]
        lines.append(word("siting.entry_steps", lang, steps=_joined(told, lang)))
    if plan.waiting:
        lines.append(word("siting.waiting", lang, n=len(plan.waiting)))
    if len(plan.entries) < plan.additions:
        lines += _short_lines(plan, plan.additions, len(plan.entries), lang)
    return lines


def _short_lines(plan: AddPlan | ExitPlan, asked: int, got: int, lang: Lang) -> list[str]:
    """Why fewer sites are proposed than were asked for."""
    cards = {r.id: r for r in plan.field.plan.rules}
    slots = {"asked": asked, "n": got, "candidates": int(plan.field.new.sum())}
    lines = [word("siting.short", lang, **slots)]
    for why, count in plan.left_out.items():
        if why in cards:
            lines.append(word("siting.left_out.rule", lang, n=count, title=cards[why].title, clause=cards[why].clause))
        else:
            lines.append(word(f"siting.left_out.{why}", lang, n=count))
    return lines


def _verdict_lines(plan: AddPlan | ExitPlan, lang: Lang) -> list[str]:
    """What the judge says of the added sites, and what people have to find out before they come in."""
    table = plan.sites if isinstance(plan, AddPlan) else plan.entries
    if table.empty:
        return []
    count = table["conclusion"].value_counts()
    told = [
        word("siting.judged_as", lang, conclusion=word(f"judge.conclusion.{k}", lang), n=int(v))
        for k, v in sorted(count.items(), key=lambda item: str(item[0]))
    ]
    lines = [word("siting.verdicts", lang, n=len(table), told=_joined(told, lang))]
    titles = {r.id: r.title for r in plan.field.plan.rules}
    doubtful = table[~table["conclusion"].isin(CERTAIN)]
    why = {_quoted(titles.get(r, r), lang) for rules in doubtful["rules"] for r in str(rules).split(";") if r}
    if len(doubtful):
        lines.append(word("siting.to_settle", lang, n=len(doubtful), why=_joined(why, lang)))
    return lines


def _open_lines(field: Field, aside: Sequence[str], lang: Lang) -> list[str]:
    """Rules that the choice could not be held to, and swaps that bind though nobody knows whether they hold."""
    titles = {r.id: r.title for r in field.plan.rules if r.id not in set(aside)}
    parts = {"unsettled": field.caps.unsettled, "doubtful": field.caps.doubtful}
    told = {k: [_quoted(titles[i], lang) for i in ids if i in titles] for k, ids in parts.items()}
    return [word(f"siting.{k}", lang, rules=_joined(t, lang)) for k, t in told.items() if t]


def round_lines(result: RoundResult, *, ready: Prepared, lang: Lang) -> list[str]:
    """A round in sentences: what was decided on each application, and because of whom."""
    table, city = result.decisions, ready.city
    count = table["decision"].value_counts()
    told = {k: int(count.get(k, 0)) for k in ("admitted", "held", "refused")}
    lines = [word("siting.round", lang, city=city.name, n=len(table), **told)]
    lines += [word("summary.simulated", lang)] if city.simulated else []
    lines += [word("siting.round_distance", lang, radius=f"{ready.plan.circle.radius_m:g}")]
    lines += [word("siting.round_walked", lang, radius=f"{ready.plan.circle.radius_m:g}")] if result.on_foot else []
    lines += _order_lines(result, lang)
    names = dict(zip(table["id"], table["name"], strict=True))
    titles = {r.id: r.title for r in ready.plan.rules}
    for row in table.to_dict("records"):
        why = _joined([_quoted(titles.get(r, r), lang) for r in str(row["rules"]).split(";") if r], lang)
        others = _joined([names.get(i, i) for i in str(row["because_of"]).split(";") if i], lang)
        sentence = word(f"siting.decision.{row['decision']}", lang, order=row["order"], name=row["name"] or row["id"])
        if row["decision"] == "admitted":
            sentence += word("siting.reaches", lang, people=_count(row["residents_gained"]))
        sentence += word("siting.why", lang, why=why) if why else ""
        sentence += word("siting.because", lang, others=others) if others else ""
        lines.append(sentence + _alike_words(result.alike[row["id"]], lang))
    for service, most in result.joint.items():
        got = int(((table["service"] == service) & (table["decision"] == "admitted")).sum())
        lines.append(word("siting.joint", lang, service=word(f"columns.services.{service}", lang), most=most, got=got))
    return lines


def _order_lines(result: RoundResult, lang: Lang) -> list[str]:
    """How the order came about, and what it was told nothing of."""
    seed = "" if result.seed is None else str(result.seed)
    lines = [word(f"siting.by.{result.by}", lang, seed=seed)]
    asked = {"rank": ("score", "arrival"), "first": ("arrival",)}.get(result.by, ())
    return lines + [word(f"siting.without.{name}", lang) for name in asked if not result.told[name]]


def _alike_words(alike: Sequence[Alike], lang: Lang) -> str:
    """Whom an application looks like, the surest kind first."""
    parts = []
    for kind in KINDS:
        others = [word("siting.named", lang, name=a.name, id=a.other) for a in alike if a.kind == kind]
        parts += [word(f"siting.alike.{kind}", lang, others=_joined(others, lang))] if others else []
    return "".join(parts)


def collision_lines(plan: ExitPlan, lang: Lang) -> list[str]:
    """Why some limits cannot hold: those who stay, or limits that collide."""
    lines = []
    for key, ids in plan.unhelped.items():
        lines.append(word("siting.unhelped", lang, limit=_key(key, plan.field, lang), ids=_joined(ids, lang)))
    for keys in plan.collisions:
        lines += _keys_line(keys, plan.field, lang)
    return lines


def _keys_line(keys: Sequence[Key], field: Field, lang: Lang) -> list[str]:
    if not keys:
        return []
    return [word("siting.collide", lang, limits=_joined([_key(k, field, lang) for k in keys[: 2 * SHOWN]], lang))]


def _key(key: Key, field: Field, lang: Lang) -> str:
    """One limit in words: rule and place, circle of whom, or who stays."""
    if key[0] in {"circle", "required"}:
        site = key[1] if key[1] in field.ids else field.ids[int(key[1])]
        return word(f"siting.key.{key[0]}", lang, site=site)
    caps = {c.row.key: c for c in field.caps.areas}
    if key in caps:
        cap = caps[key]
        return word("siting.key.cap", lang, title=cap.title, place=cap.place_name, clause=cap.clause)
    return word("siting.key.asked", lang)


def _head(field: Field, aside: Sequence[str], lang: Lang) -> list[str]:
    service, city = word(f"columns.services.{field.service}", lang), field.ready.city
    lines = [word("siting.title", lang, city=city.name, service=service, radius=f"{field.radius_m:g}")]
    if city.simulated:
        lines.append(word("summary.simulated", lang))
    if aside:
        titles = {r.id: r.title for r in field.plan.rules}
        lines.append(word("siting.aside", lang, rules=_joined([_quoted(titles[r], lang) for r in aside], lang)))
    lines.append(word("siting.walked" if field.walked else "siting.straight", lang, radius=f"{field.radius_m:g}"))
    return lines + _off_lines(field, lang)


def _off_lines(field: Field, lang: Lang) -> list[str]:
    """Who is on no street, where distances are walked."""
    snap, off, lines = f"{field.ready.city.pace.max_snap_m:g}", field.off_sites, []
    if field.off_residents > 0:
        lines.append(word("siting.off_streets", lang, snap=snap, people=_count(field.off_residents)))
    if off:
        ids = _joined([*off[:SHOWN], *(["…"] if len(off) > SHOWN else [])], lang)
        lines.append(word("siting.off_sites", lang, snap=snap, n=len(off), ids=ids))
    return lines


def _coverage_lines(plan: AddPlan | ExitPlan, lang: Lang) -> list[str]:
    """Coverage before and after as the plan reckons, and by straight distance beside where that is on foot."""
    if not plan.field.walked:
        return [_coverage_line("coverage", plan.coverage, lang)]
    tables = {"coverage_walked": plan.coverage, "coverage_beside": plan.straight}
    return [_coverage_line(key, table, lang) for key, table in tables.items()]


def _coverage_line(key: str, table: pd.DataFrame, lang: Lang) -> str:
    top = table[table["level"] == table["level"].iloc[0]]
    before, after, people = (float(top[c].sum()) for c in ("covered_before", "covered_after", "residents"))
    return word(
        f"siting.{key}",
        lang,
        before=_share(before / people),
        after=_share(after / people),
        people_before=_count(before),
        people_after=_count(after),
    )


def _target_lines(plan: ExitPlan, lang: Lang) -> list[str]:
    if plan.found.target != plan.found.target:
        return []
    slots = {"target": _count(plan.found.target), "most": _count(plan.found.cover.objective)}
    return [word("siting.floor_kept" if plan.found.reached else "siting.floor_missed", lang, **slots)]


def _proof_lines(plan: ExitPlan, lang: Lang) -> list[str]:
    lines = _gap_line("exits", plan.found.cover, lang)
    kept = int((plan.chosen & ~plan.field.new).sum())
    if plan.found.kept_bound == plan.found.kept_bound:
        lines.append(word("siting.kept", lang, kept=kept, most=int(plan.found.kept_bound + 1e-6)))
    return lines


def _near_lines(plan: ExitPlan, lang: Lang) -> list[str]:
    """How far residents have to go, how many have a choice of two, and what no plan can better."""
    near = plan.nearness
    metres = {k: _count(getattr(near, f"metres_{k}")) for k in ("before", "after", "bound", "end")}
    limit = _count(near.limit_m)
    lines = [word("siting.near_walked" if plan.field.walked else "siting.near", lang, limit=limit, **metres)]
    if plan.entered is not None and len(plan.entries):
        lines.append(word("siting.near_end", lang, **metres))
    deep = {k: _count(getattr(near, f"deep_{k}")) for k in ("before", "after")}
    if near.deep_bound == near.deep_bound:
        return [*lines, word("siting.deep", lang, bound=_count(near.deep_bound), **deep)]
    return lines


def _gap_line(question: str, choice: Choice, lang: Lang) -> list[str]:
    """How far from the best possible, and in what."""
    if choice.status == "infeasible":
        return []
    known = choice.gap < float("inf")
    what = word(f"siting.proof_of.{question}", lang)
    return [word(f"siting.proof.{choice.status if known else 'unproven'}", lang, what=what, gap=_share(choice.gap))]


def _cause_lines(plan: ExitPlan, lang: Lang) -> list[str]:
    """How many exits each rule forces."""
    count: dict[str, int] = {}
    for rules in plan.exits["rules"]:
        for rule in filter(None, str(rules).split(";")):
            count[rule] = count.get(rule, 0) + 1
    cards = {r.id: r for r in plan.field.plan.rules}
    ordered = sorted(count.items(), key=lambda item: (-item[1], item[0]))
    lines = [word("siting.cause", lang, n=n, title=cards[r].title, clause=cards[r].clause) for r, n in ordered]
    return [word("siting.causes", lang), *lines] if lines else []


def _check_lines(check: Recheck, lang: Lang) -> list[str]:
    worse = len(check.new)
    key = "judged_well" if check.holds else "judged_worse" if worse else "judged"
    lines = [word(f"siting.{key}", lang, n=len(check.remaining), worse=worse)]
    lines += [_remaining(f, lang) for f in check.remaining[:SHOWN]]
    if len(check.remaining) > SHOWN:
        lines.append(word("siting.more", lang, n=len(check.remaining) - SHOWN))
    if check.unsure:
        lines.append(word("siting.unsure", lang, n=len(check.unsure)))
    return lines


def _remaining(one: Finding, lang: Lang) -> str:
    figures = {k: f"{v:g}" if v is not None else "" for k, v in (("observed", one.observed), ("limit", one.limit))}
    place = one.ground_name or one.subject
    return word("siting.remaining", lang, title=one.title, place=place, clause=one.clause, **figures)


def _quoted(title: str, lang: Lang) -> str:
    """A title of the plan among others: titles have commas of their own."""
    return word("siting.quoted", lang, title=title)


def _joined(words: Sequence[str] | set[str], lang: Lang) -> str:
    return word("siting.join", lang).join(sorted(words) if isinstance(words, set) else words)


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _share(value: float) -> str:
    return f"{value:.2%}"


def ties_table(plan: ExitPlan) -> pd.DataFrame:
    """Exchanges that data decided, one a row."""
    columns = ["stays", "leaves", "column", "stays_value", "leaves_value"]
    return pd.DataFrame([{c: getattr(t, c) for c in columns} for t in plan.ties], columns=columns)


def titled(table: pd.DataFrame, titles: Mapping[str, str], lang: Lang) -> pd.DataFrame:
    """A table whose column `rules` names rules by their titles."""
    if "rules" not in table.columns:
        return table
    shown = [_joined([titles.get(r, r) for r in str(v).split(";") if r], lang) for v in table["rules"]]
    return table.assign(rules=shown)

"""The command `check-plan`: figures of a plan worked out again."""

from __future__ import annotations

from pathlib import Path

import click

from circle15.cli.tell import tell_written
from circle15.errors import Problem, UsageError
from circle15.policy.audit import FigureVerdict, audit_plan
from circle15.policy.figures import load_figures, shipped_figures
from circle15.words import Lang
from circle15.write.audit import audit_lines, audit_record

DONE, FAULTS = 0, 1


def check_plan(*, lang: Lang, plan_file: str | None, as_json: bool, out: str | None) -> int:
    """Audit one plan; every shipped plan where none is named."""
    if plan_file is None and (as_json or out is not None):
        raise UsageError(Problem("use.plan_missing", params={"known": ", ".join(shipped_figures())}))
    wrong = 0
    for name in [plan_file] if plan_file is not None else shipped_figures():
        checks, title = audit_plan(name), load_figures(name).title
        if as_json:
            click.echo(audit_record(checks, title=title, lang=lang), nl=False)
        else:
            click.echo("\n".join(audit_lines(checks, title=title, lang=lang)))
        if out is not None:
            from circle15.write.audit_book import write_audit  # noqa: PLC0415 - pandas, half of the command's time

            tell_written([write_audit(Path(out), checks, title=title, lang=lang)], lang, aside=as_json)
        wrong += sum(c.verdict is FigureVerdict.INCONSISTENT for c in checks)
    return FAULTS if wrong else DONE

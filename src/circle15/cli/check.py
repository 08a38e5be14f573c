"""The commands `check-data` and `check-plan`: faults in the inputs, figures of a plan worked out again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from circle15.cli.load import files_of, tell_written
from circle15.errors import Problem, UsageError
from circle15.policy.audit import FigureVerdict, audit_plan
from circle15.policy.figures import load_figures, shipped_figures
from circle15.read.check import check_city
from circle15.words import Lang, word, word_problem
from circle15.write.audit import audit_lines, audit_record, write_audit
from circle15.write.report import problem_rows, write_problems

DONE, FAULTS = 0, 1


def check_data(*, lang: Lang, out: str | None, **inputs: Any) -> int:  # noqa: ANN401
    """Say everything that is wrong with the inputs."""
    files = files_of(inputs)
    problems = check_city(files)
    for problem in problems:
        click.echo(f"[{word(f'columns.severities.{problem.severity}', lang)}] {word_problem(problem, lang)}")
    errors = sum(p.severity == "error" for p in problems)
    click.echo(word("cli.checked", lang, errors=errors, warnings=len(problems) - errors))
    if out is not None:
        title = word("workbook.title.check", lang, city=files.name)
        tell_written([write_problems(Path(out), problem_rows(problems, lang=lang), title=title, lang=lang)], lang)
    return FAULTS if errors else DONE


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
            tell_written([write_audit(Path(out), checks, title=title, lang=lang)], lang, aside=as_json)
        wrong += sum(c.verdict is FigureVerdict.INCONSISTENT for c in checks)
    return FAULTS if wrong else DONE

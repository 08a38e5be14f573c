"""Options that would have no effect, or that stand against each other, are refused 选项搭配.

`--by lottery` among the others means the option with that value, `--sites` any value that is not its absence.
"""

from __future__ import annotations

from collections.abc import Mapping

import click
from click.core import ParameterSource

from circle15.errors import Problem, UsageError

NEEDS: Mapping[str, Mapping[str, str]] = {
    "map": {"--basemap-key": "--basemap tianditu"},
    "add": {"--spacing-m": "--candidates lattice", "--datum": "--sites"},
    "retire": {
        "--least-share": "--fewest",
        "--release": "--additions",
        "--displace": "--additions",
        "--candidates": "--additions",
        "--sites": "--additions",
        "--spacing-m": "--candidates lattice",
        "--datum": "--sites",
    },
    "round": {"--seed": "--by lottery"},
}
CLASHES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "site": {"--lon": ("--sites",), "--lat": ("--sites",), "--name": ("--sites",)},
    "add": {"--nearest": ("--share",)},
    "round": {
        "--by": ("--replay",),
        "--seed": ("--replay",),
        "--score-column": ("--by lottery", "--by coverage", "--by first"),
        "--arrival-column": ("--by lottery", "--by coverage"),
    },
    "nation": {"--workers": ("--scheduler",)},
}


def check_together(context: click.Context) -> None:
    """Raise UsageError with every option of the command line that goes without what it needs, or beside a rival."""
    name = context.command.name or ""
    params = {option: p for p in context.command.params for option in p.opts}

    def given(option: str) -> bool:
        return context.get_parameter_source(params[option].name or "") is ParameterSource.COMMANDLINE

    def holds(other: str) -> bool:
        option, _, value = other.partition(" ")
        found = context.params[params[option].name or ""]
        return found == value if value else bool(found)

    rivals = [(o, other) for o, others in CLASHES.get(name, {}).items() if given(o) for other in others if holds(other)]
    settled = {option for option, _ in rivals}
    idle = [(o, n) for o, n in NEEDS.get(name, {}).items() if given(o) and o not in settled and not holds(n)]
    problems = [Problem("use.options_clash", params={"option": o, "other": other}) for o, other in rivals]
    problems += [Problem("use.option_idle", params={"option": o, "other": other}) for o, other in idle]
    if problems:
        raise UsageError(problems)

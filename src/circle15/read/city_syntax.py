"""What breaks the form of a city file 城市配置的书写: the habits of word processors and Windows paths by name."""

from __future__ import annotations

import re

from circle15.errors import Problem

_WIDE = re.compile("[\u201c\u201d\u2018\u2019\uff02\uff07\uff1d\uff3b\uff3d\u3010\u3011\uff0c]")
_QUOTED = re.compile(r'"[^"]*"|\'[^\']*\'')


def syntax_problem(file: str, text: str, fault: Exception) -> Problem:
    """The fault of a file that is not TOML, with its line; `fault` is what the parser raised."""
    found = re.search(r"at line (\d+)", str(fault))
    if found is None:
        return Problem("config_syntax", file)
    row = int(found[1])
    line = text.splitlines()[row - 1] if row <= text.count("\n") + 1 and text else ""
    outside = _QUOTED.sub("", line.split("#")[0])
    if wide := _WIDE.findall(outside):
        return Problem("config_wide", file, row=row, params={"found": " ".join(dict.fromkeys(wide))})
    if "\\" in line:
        return Problem("config_backslash", file, row=row)
    return Problem("config_syntax", file, row=row)

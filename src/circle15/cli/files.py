"""What an option does with a file: reads it, writes it, fills a folder. The guard (guard.py) goes by these kinds."""

from __future__ import annotations

import click


class Reads(click.types.StringParamType):
    """A file that is read; what is no file (the id of a plan, `table:…`, `live`) is nobody's to replace."""

    name = "file"


class Writes(click.types.StringParamType):
    """A file that is written, by its suffix; any where none is named."""

    name = "file"

    def __init__(self, *suffixes: str) -> None:
        self.suffixes = suffixes


class Fills(click.types.StringParamType):
    """A folder that files are written into; `names` are their patterns, with {city} and {service} in them."""

    name = "folder"

    def __init__(self, *names: str) -> None:
        self.names = names

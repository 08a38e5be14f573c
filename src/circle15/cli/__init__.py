"""Command line 命令行: no logic of its own.

`app` runs a command and words every fault, `commands` declares commands and options (light imports, so that `--help`
answers at once); each command's work stands in a module that is imported when it is called.
"""

from circle15.cli.app import main

__all__ = ["main"]

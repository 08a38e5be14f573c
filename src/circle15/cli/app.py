"""One run of the command line: language, command, fault in words, exit code.

Exit codes: 0 done; 1 problems found in the input, in a plan's figures or at the output place; 2 wrong use; 130 Ctrl-C.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

import click

from circle15.cli.commands import build_app
from circle15.cli.tell import tell_problems
from circle15.cli.words import word_usage
from circle15.errors import Circle15Error, UsageError
from circle15.words import LANGS, Lang, default_lang, safe, word

DONE, PROBLEMS, WRONG_USE, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: choose the language, run the command, word every fault, set the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    lang = _asked_lang(given)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    sys.exit(_run(given, lang))


def _run(arguments: list[str], lang: Lang) -> int:
    try:
        code = build_app(lang).main(args=arguments, prog_name="circle15", standalone_mode=False)
        sys.stdout.flush()
    except Circle15Error as error:
        tell_problems(error.problems, lang)
        return WRONG_USE if isinstance(error, UsageError) else PROBLEMS
    except click.UsageError as fault:
        click.echo(word_usage(fault, lang), err=True)
        return WRONG_USE
    except (KeyboardInterrupt, click.Abort):
        click.echo(word("cli.interrupted", lang), err=True)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except OSError as fault:
        click.echo(_word_system(fault, lang), err=True)
        return PROBLEMS
    return code if isinstance(code, int) else DONE


def _word_system(fault: OSError, lang: Lang) -> str:
    """What the system says of a file, or of the place where the lines go."""
    reason = fault.strerror or str(fault)
    *_, (last, _) = traceback.walk_tb(fault.__traceback__)
    if last.f_globals["__name__"] in {click.echo.__module__, __name__}:  # such a fault names no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return word("cli.lines_lost", lang, reason=reason)
    file = word("cli.some_file", lang) if fault.filename is None else safe(os.fsdecode(fault.filename))
    return word("cli.file_lost", lang, file=file, reason=reason)


def _asked_lang(arguments: Sequence[str]) -> Lang:
    for at, argument in enumerate(arguments):
        value = argument.removeprefix("--lang=") if argument.startswith("--lang=") else None
        if argument == "--lang" and at + 1 < len(arguments):
            value = arguments[at + 1]
        if value in LANGS:
            return value
    return default_lang()

"""Click's own words in the user's language: headings of the help, and faults of use."""

from __future__ import annotations

import math
import signal
import sys
import threading
import time
from types import FrameType, TracebackType
from typing import Any, Self

import click

from circle15.words import Lang, word


class _Local:
    """Help whose headings (usage, options, commands) are in one language."""

    lang: Lang

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the usage line."""
        pieces = " ".join(self.collect_usage_pieces(ctx))  # type: ignore[attr-defined]
        formatter.write_usage(ctx.command_path, pieces, prefix=word("cli.heading.usage", self.lang))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write options, and the commands of a group."""
        options = [p for p in self.get_params(ctx) if isinstance(p, click.Option)]  # type: ignore[attr-defined]
        with formatter.section(word("cli.heading.options", self.lang)):
            formatter.write_dl([r for p in options if (r := p.get_help_record(ctx))])
        if isinstance(self, click.Group):
            commands = [(name, c.get_short_help_str(limit=200)) for name, c in self.commands.items()]
            with formatter.section(word("cli.heading.commands", self.lang)):
                formatter.write_dl(commands)

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Click's help option with our words."""
        found: click.Option | None = super().get_help_option(ctx)  # type: ignore[misc]
        if found is not None:
            found.help = word("cli.option.help", self.lang)
        return found


class Number(click.FloatRange):
    """A finite number within bounds: "nan" and "inf" pass every comparison of a range, and are refused here."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401
        """Read the number as click does; raises click.BadParameter where it is not finite."""
        found = super().convert(value, param, ctx)
        if not math.isfinite(found):
            self.fail("", param, ctx)
        return found


class LocalOption(click.Option):
    """An option whose help tells its default, its bounds and whether it is required in one language."""

    def __init__(self, names: list[str], *, lang: Lang, **more: Any) -> None:  # noqa: ANN401 - handed on to click
        super().__init__(names, **more)
        self.lang = lang
        if self.metavar is None and isinstance(self.type, click.types.FloatParamType):
            self.metavar = "NUM"  # click's own FLOAT RANGE is no word, and a wide one would break the columns
        elif self.metavar is None and isinstance(self.type, click.types.IntParamType):
            self.metavar = "N"

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """The option and its help."""
        found = super().get_help_record(ctx)
        if found is None:
            return None
        told = []
        if self.show_default:
            shown = f"{self.default:g}" if isinstance(self.default, float) else self.default
            told.append(word("cli.usage.default", self.lang, value=shown))
        if isinstance(self.type, click.FloatRange | click.IntRange):
            told.append(_taken(self.type, self.lang))
        if self.required:
            told.append(word("cli.usage.required", self.lang))
        joined = word("cli.usage.join", self.lang).join(told)
        return found[0], f"{self.help}{word('cli.usage.extra', self.lang, told=joined) if told else ''}"


class _WordedError(click.UsageError):
    """A fault of use whose message is in the user's language already."""


class LocalCommand(_Local, click.Command):
    """A command with its help in one language."""

    def __init__(self, name: str, *, lang: Lang, **more: Any) -> None:  # noqa: ANN401 - handed on to click
        self.lang = lang
        more["options_metavar"] = word("cli.metavar.options", lang)
        super().__init__(name, **more)


class LocalGroup(_Local, click.Group):
    """A group that lists its commands in the order of the work, with its help in one language."""

    def __init__(self, name: str, *, lang: Lang, **more: Any) -> None:  # noqa: ANN401 - handed on to click
        self.lang = lang
        more["options_metavar"] = word("cli.metavar.options", lang)
        more["subcommand_metavar"] = word("cli.metavar.command", lang)
        super().__init__(name, **more)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; one that is not known is said in the user's language."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            known = ", ".join(self.list_commands(ctx))
            raise _WordedError(word("cli.usage.no_such_command", self.lang, name=args[0], known=known), ctx)
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Commands as they were added, not by alphabet."""
        del ctx
        return list(self.commands)


def word_usage(fault: click.UsageError, lang: Lang) -> str:
    """A fault of use in the user's language, with where to read on."""
    if isinstance(fault, click.exceptions.NoArgsIsHelpError):
        return fault.format_message()
    path = fault.ctx.command_path if fault.ctx else "circle15"
    return f"{_sentence(fault, lang)}\n{word('cli.usage.see', lang, path=path)}"


def _sentence(fault: click.UsageError, lang: Lang) -> str:
    if isinstance(fault, _WordedError):
        return fault.message
    if isinstance(fault, click.MissingParameter):
        return word("cli.usage.missing", lang, name=_name(fault.param))
    if isinstance(fault, click.NoSuchOption):
        near = ", ".join(fault.possibilities or [])
        hint = word("cli.usage.did_you_mean", lang, near=near) if near else ""
        return word("cli.usage.no_such_option", lang, name=fault.option_name, hint=hint)
    if isinstance(fault, click.BadParameter):
        kind = fault.param.type if fault.param else None
        return word("cli.usage.bad_value", lang, name=_name(fault.param), known=_taken(kind, lang))
    return word("cli.usage.other", lang, fault=fault.format_message())


def _taken(kind: object, lang: Lang) -> str:
    """What a parameter of this kind takes, in words."""
    if isinstance(kind, click.Choice):
        return ", ".join(kind.choices)
    if isinstance(kind, click.DateTime):
        return word("cli.usage.day", lang)
    whole = isinstance(kind, click.types.IntParamType)
    said = word("cli.usage.whole" if whole else "cli.usage.number", lang)
    least, most = getattr(kind, "min", None), getattr(kind, "max", None)
    if least is None:
        return said
    if most is not None:
        return word("cli.usage.number_between", lang, kind=said, least=f"{least:g}", most=f"{most:g}")
    form = "above" if getattr(kind, "min_open", False) else "from"
    return word(f"cli.usage.number_{form}", lang, kind=said, least=f"{least:g}")


def _name(parameter: click.Parameter | None) -> str:
    if parameter is None:
        return ""
    return parameter.opts[0] if isinstance(parameter, click.Option) else parameter.human_readable_name


_SEVERAL, _SURE_S = 3, 1.0


class StepBar:
    """Steps of long work on stderr with the time left; Ctrl-C is never lost.

    An interrupt that falls into a compiler's callback is swallowed there; it is noted and raised at the next step.
    """

    def __init__(self, lang: Lang) -> None:
        self.lang = lang
        self._interrupted = False
        self._before: Any = None
        self._last = (0, 0)
        self._first: tuple[int, float] | None = None
        self._wide = 0

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._interrupt)
        return self

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self._interrupted = True
        signal.default_int_handler(number, frame)

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
        if self._wide:
            sys.stderr.write("\r" + " " * self._wide + "\r")
            sys.stderr.flush()
        if self._interrupted and kind is None:  # no later step would tell of an interrupt that was swallowed
            raise KeyboardInterrupt

    def show(self, step: str, done: int, total: int) -> None:
        """Tell which step begins; in a terminal one line is rewritten, in a log each step is a line."""
        if self._interrupted:
            raise KeyboardInterrupt
        line = f"[{done}/{total}] {word(f'cli.step.{step}', self.lang)}{self._left(done, total)}"
        if sys.stderr.isatty():
            wide = sum(2 if ord(c) > 0x2E80 else 1 for c in line)  # noqa: PLR2004 - CJK is two columns wide
            sys.stderr.write("\r" + line + " " * max(0, self._wide - wide))
            self._wide = wide
        else:
            sys.stderr.write(line + "\n")
        sys.stderr.flush()

    def _left(self, done: int, total: int) -> str:
        """Time left, once several are done after the first: that one compiles and waits for workers, or stood there."""
        now = time.monotonic()
        (before, of), self._last = self._last, (done, total)
        if done < before or total != of:
            self._first = None
        elif self._first is None and done > before:
            self._first = done, now
        if self._first is None:
            return ""
        several, spent = done - self._first[0], now - self._first[1]
        if several < _SEVERAL or spent < _SURE_S or done == total:
            return ""
        return word("cli.step.left", self.lang, seconds=f"{spent / several * (total - done):.0f}")

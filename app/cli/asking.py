"""How commands are answered to: secrets that are never arguments, times to come, settings by name."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import click
from pydantic import SecretStr

_SPAN: Final = re.compile(r"([1-9][0-9]{0,3})([hdw])", re.ASCII)
_UNITS: Final = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def secret(label: str, variable: str | None = None) -> SecretStr:
    """Read a secret from a variable of the environment, from a pipe, or by asking; an argument would be on show."""
    value = optional_secret(label, variable)
    if value is None:
        raise click.ClickException(
            f"{label}: nothing was given. Type it, pipe it in, or name a variable that holds it."
        )
    return value


def optional_secret(label: str, variable: str | None = None) -> SecretStr | None:
    """The same of a secret that may be left out."""
    if variable is not None:
        if variable not in os.environ:
            raise click.ClickException(f"There is no variable {variable} in the environment.")
        value = os.environ[variable]
    elif sys.stdin.isatty():
        value = click.prompt(label, hide_input=True, err=True, default="", show_default=False)
    else:
        value = sys.stdin.readline()
    value = value.strip("\r\n")
    return SecretStr(value) if value else None


class Span(click.ParamType[timedelta]):
    """A time from now, as `12h`, `30d` or `4w`."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        found = _SPAN.fullmatch(str(value))
        if not found:
            self.fail(f"{value!r} is not a time such as 12h, 30d or 4w.", param, ctx)
        return int(found[1]) * _UNITS[found[2]]


class Pair(click.ParamType[tuple[str, str]]):
    """A setting, as `name=value`."""

    name = "name=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        name, equals, rest = str(value).partition("=")
        if not (name and equals):
            self.fail(f"{value!r} is not of the form name=value.", param, ctx)
        return name, rest


def shown(moment: datetime | None) -> str:
    """A moment as the command line shows it: UTC, to the minute."""
    return f"{moment:%Y-%m-%d %H:%M}Z" if moment else "-"


def table(rows: Sequence[tuple[str, ...]], *titles: str) -> None:
    """Print rows below their titles; nothing where there are none, so that a script sees nothing."""
    if not rows:
        return
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    for row in (titles, *rows):
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())

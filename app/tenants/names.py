"""What names and values of a tenant look like, checked where they come in."""

from __future__ import annotations

import re
from functools import cache
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from app.tenants.errors import BadEmail, BadName, BadValue

NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
RFC: Final = re.compile(r"[A-ZÑ&]{3,4}[0-9]{6}[A-Z0-9]{3}")
ACCENT: Final = re.compile(r"#[0-9a-f]{6}", re.ASCII)
#: Where an organization is named, this stands for the house, whose connections lend their credentials.
HOUSE: Final = "house"
#: What stands in addresses where a connection's name may, and so is none.
RESERVED: Final = frozenset(
    {
        "audit",
        "connections",
        "export",
        "forms",
        "links",
        "receipts",
        "restore",
        "tokens",
        "uploads",
        "usage",
        "webhooks",
    }
)
LOCALES: Final = frozenset({"es", "en"})
_LABEL: Final = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
#: As HTML has it for its own field, but for a domain without a dot, to which no mail goes.
EMAIL: Final = re.compile(rf"[a-zA-Z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_LABEL}(?:\.{_LABEL})+", re.ASCII)
LONGEST_EMAIL: Final = 254
#: What a column of integers holds.
MOST: Final = 2**31 - 1


def name(value: str, field: str) -> str:
    """Return `value` if it can stand in an address; raises BadName."""
    if not NAME.fullmatch(value):
        raise BadName(field=field, name=value[:80])
    return value


def text(value: str, field: str, longest: int) -> str:
    """Return `value` if it is a line of text, and no longer than that; raises BadValue."""
    if not value.strip() or len(value) > longest or not value.isprintable():
        raise BadValue(field=field, name=field, value=value[:80])
    return value


def optional(value: str | None, field: str, longest: int) -> str | None:
    """The same, for what need not be there."""
    return None if value is None else text(value, field, longest)


def address(value: str | None, field: str, longest: int) -> str | None:
    """Return `value` if it is a web address, which a page can link to, or nothing; raises BadValue."""
    if value is None:
        return None
    try:
        parts = urlsplit(text(value, field, longest))
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise BadValue(field=field, name=field, value=value[:80])
    return value


def count(value: int, field: str) -> int:
    """Return `value` if so many things can be counted; raises BadValue."""
    if not 0 < value <= MOST:
        raise BadValue(field=field, name=field, value=value)
    return value


def rfc(value: str) -> str:
    """Return the taxpayer's RFC in capitals; raises BadValue."""
    capitals = value.strip().upper()
    return _matching(RFC, capitals, "rfc")


def accent(value: str) -> str:
    """Return the colour as pages write it; raises BadValue."""
    return _matching(ACCENT, value.lower(), "accent")


def locale(value: str) -> str:
    """Return `value` if it is a language that pages speak; raises BadValue."""
    if value not in LOCALES:
        raise BadValue(field="locale", name="locale", value=value[:80])
    return value


def email(value: str, field: str) -> str:
    """Return the e-mail address, without what stands around it; raises BadEmail."""
    given = value.strip()
    if len(given) > LONGEST_EMAIL or not EMAIL.fullmatch(given):
        raise BadEmail(field=field, typed=given[:LONGEST_EMAIL])
    return given


@cache
def zones() -> tuple[str, ...]:
    """Every zone's name, in order: each time that Python is asked for them it looks through all their files."""
    return tuple(sorted(available_timezones()))


def timezone(value: str) -> str:
    """Return `value` if it is the name of a zone; raises BadValue."""
    if value not in zones():
        raise BadValue(field="timezone", name="timezone", value=value[:80])
    return value


def _matching(pattern: re.Pattern[str], value: str, field: str) -> str:
    if not pattern.fullmatch(value):
        raise BadValue(field=field, name=field, value=value[:80])
    return value

"""What of a provider's API may be called through the gateway: a row for each call, and nothing that is in no row.

A path is understood in one way or not at all. It is compared segment by segment, each percent-decoded once; what
another reader could take for another path (dots, empty segments, escaped letters or slashes, semicolons) has no row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal
from urllib.parse import unquote_to_bytes

#: A segment as it may be written: letters that need no escape, and others that do and are not there to mislead.
_PLAIN: Final = re.compile(r"(?:[\w.~!$&'()*+,:@=|-]|%[0-9A-Fa-f]{2})+", re.ASCII)
#: What it may not say once it is decoded: itself a separator to somebody, an escape, or nothing that is seen.
_MISLEADING: Final = re.compile(r"[/\\%?#;\x00-\x1f\x7f-\x9f]|^\.{1,2}$")
#: Written as an escape by nobody who means well.
_NEEDLESS: Final = re.compile(r"%(?:3[0-9]|[46][1-9A-F]|[57][0-9A]|2[DE]|5F|7E)", re.IGNORECASE)

_CALL: Final = re.compile(r"(GET|PUT|POST|PATCH|DELETE) ((?:/[\w.-]+|/\{\w+\})+)", re.ASCII)


class Verdict(StrEnum):
    """What is done with a call."""

    ALLOW = "allow"
    #: Passed on where somebody opened it for the connection.
    ASK = "ask"
    DENY = "deny"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """An id in a request that has to be the connection's own, or whoever calls would name another tenant's."""

    where: Literal["path", "query", "form", "json"]
    name: str
    #: The connection's setting that it has to equal.
    setting: str
    #: What it means where it is not there; without that, it may not be missing. No path lacks any.
    absent: str | None = None

    def agrees(self, value: str | None, settings: Mapping[str, Any]) -> bool:
        """Whether a value, None where there is none, is the connection's."""
        own = settings.get(self.setting)
        return own is not None and (self.absent if value is None else value) == str(own)


def path(name: str, setting: str) -> Owned:
    """A parameter of the path."""
    return Owned(where="path", name=name, setting=setting)


def query(name: str, setting: str, *, absent: str | None = None) -> Owned:
    """A parameter of the query, which may then be there once only."""
    return Owned(where="query", name=name, setting=setting, absent=absent)


def form(name: str, setting: str, *, absent: str | None = None) -> Owned:
    """A field of a multipart body."""
    return Owned(where="form", name=name, setting=setting, absent=absent)


def json(name: str, setting: str, *, absent: str | None = None) -> Owned:
    """A member of a body that is a JSON object; the body is then read before any of it is passed on."""
    return Owned(where="json", name=name, setting=setting, absent=absent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A row: one call of the provider's, what is done with it, and why."""

    method: str
    #: Below the provider's base path, as `/organizations/{organization}/certificate`.
    path: str
    verdict: Verdict
    #: One sentence, for people.
    reason: str
    #: Slug of the operation that it hands in for, whose limits and checks its file has to pass.
    operation: str | None = None
    #: Its parts by the operation's names for them, where the provider calls them otherwise: several may stand for one.
    parts: Mapping[str, str] = field(default_factory=dict)
    #: Fields that may come beside them, by the provider's names; those that are owned may, too.
    fields: tuple[str, ...] = ()
    owned: tuple[Owned, ...] = ()
    #: Path whose answer stands for one that was lost, of something that arrived all the same; it may name the path's
    #: own parameters and `{reference}`, what the provider calls it. Empty: a 200 without a word.
    again: str = ""
    #: What makes it, where it is neither handed in by a form nor passed on as it comes: `app.passthrough.calling.Make`.
    make: Callable[..., Any] | None = None
    #: Whether a connection may call it that borrows its credential from the house: not what shows or changes more than
    #: one tenant's.
    borrowed: bool = True

    @property
    def call(self) -> str:
        """What it is called, in settings and in refusals."""
        return f"{self.method} {self.path}"


def allow(call: str, reason: str, **more: Any) -> Rule:
    """A row for what is passed on."""
    return _rule(call, Verdict.ALLOW, reason, **more)


def ask(call: str, reason: str, **more: Any) -> Rule:
    """A row for what is passed on where a connection was opened for it."""
    return _rule(call, Verdict.ASK, reason, **more)


def deny(call: str, reason: str) -> Rule:
    """A row for what is never passed on."""
    return _rule(call, Verdict.DENY, reason)


def _rule(call: str, verdict: Verdict, reason: str, **more: Any) -> Rule:
    written = _CALL.fullmatch(call)
    if written is None:
        raise ValueError(f"Not a call: {call}")
    return Rule(method=written[1], path=written[2], verdict=verdict, reason=reason, **more)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The row that a call is in, and what its path says for each parameter."""

    rule: Rule
    values: Mapping[str, str]


class Rules:
    """A provider's rows. Of two templates that a path fits the one with the earlier literal segment is meant."""

    def __init__(self, *rows: Rule) -> None:
        self._rows: Final = rows
        self._by_path: dict[tuple[str, ...], dict[str, Rule]] = {}
        for row in rows:
            shape = tuple("{}" if one.startswith("{") else one for one in _segments(row.path))
            methods = self._by_path.setdefault(shape, {})
            if row.method in methods:
                raise ValueError(f"Two rows for {row.call}")
            methods[row.method] = row

    def __iter__(self) -> Iterator[Rule]:
        return iter(self._rows)

    def find(self, method: str, path: str) -> Match | None:
        """The row for a call to that path, raw as it was sent; None where it is in none, or could be in two.

        The path alone decides which template is meant: a method that this one has no row for is not looked for in
        another, where the provider might find it or not.
        """
        segments = decoded(path)
        if segments is None:
            return None
        shape = next((shape for shape in self._shapes(segments) if shape in self._by_path), None)
        rule = self._by_path[shape].get(method) if shape is not None else None
        if rule is None:
            return None
        named = zip(_segments(rule.path), segments, strict=True)
        return Match(rule=rule, values={name[1:-1]: value for name, value in named if name.startswith("{")})

    def by_call(self, call: str) -> Rule | None:
        """The row of that name."""
        return next((row for row in self._rows if row.call == call), None)

    def _shapes(self, segments: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        """The templates that a path could fit, those with earlier literals first."""
        known = [shape for shape in self._by_path if _fits(shape, segments)]
        yield from sorted(known, key=lambda shape: tuple(one == "{}" for one in shape))


def decoded(path: str) -> tuple[str, ...] | None:
    """The segments of a raw path, each percent-decoded once; None for a path that is not canonical."""
    if not path.startswith("/"):
        return None
    segments = []
    for raw in _segments(path):
        if not _PLAIN.fullmatch(raw) or _NEEDLESS.search(raw):
            return None
        try:
            segment = unquote_to_bytes(raw).decode()
        except UnicodeDecodeError:
            return None
        if _MISLEADING.search(segment):
            return None
        segments.append(segment)
    return tuple(segments)


def _segments(path: str) -> tuple[str, ...]:
    return tuple(path.removeprefix("/").split("/"))


def _fits(shape: tuple[str, ...], segments: tuple[str, ...]) -> bool:
    return len(shape) == len(segments) and all(one in {"{}", other} for one, other in zip(shape, segments, strict=True))

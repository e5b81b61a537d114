"""Logs: structured lines that name what happened and to what, and never what was sent.

No line holds a query string or the address of a link or an outcome: those are keys. A request is named by its rule
(`/l/<token>`). What libraries write by themselves passes through `mask`.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

import structlog

#: Addresses that are keys, keys of providers and of ours, and what is sent as authorization.
_SECRETS: Final = (
    (re.compile(r"-----BEGIN [A-Z ]+-----.*?(?:-----END [A-Z ]+-----|\Z)", re.DOTALL), "-----…"),
    (re.compile(r"/(l|o|files|join|recover|proxy/-)/[\w~-]{8,}"), r"/\1/…"),
    (re.compile(r"\b(sk_(?:user|live|test)|sk|ffy_(?:prod|test)|vnt|whsec)_[\w+/=-]+"), r"\1_…"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]+"), "eyJ…"),  # a token (JWT)
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}"), r"\1 …"),
    (re.compile(r"(?i)\b((?:set-)?cookie['\"]?\s*[:=])[^\r\n]+"), r"\1 …"),
    (re.compile(r"\b([a-z][a-z0-9+.-]*://[^:@/\s]*):[^@\s]*@"), r"\1:…@"),
    (re.compile(r"\?[^\s\"')]+"), "?…"),
)
#: At `debug` these write addresses and headers of what goes out.
_TALKATIVE: Final = ("urllib3", "requests", "procrastinate", "alembic", "psycopg")

_SHARED: Final[list[structlog.typing.Processor]] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,  # the traceback alone: variables may hold what was handed in
]
#: One list, however often it is configured: a logger holds on to the one of its first line.
_CHAIN: Final = [*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter]


def mask(text: str) -> str:
    """Write `text` without what could be a key, an address that is one, or a query string."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def configure(level: str, *, console: bool) -> None:
    """Send everything to standard error: lines for people (`console`), or an object of JSON a line."""
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        if console
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=_CHAIN,
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _masked, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.captureWarnings(capture=True)


def _masked(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in event.items():
        event[name] = _plain(value)
    return event


def _plain(value: object) -> object:
    """A value as it may be written, whatever it is made of; of bytes only how many there are."""
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return mask(value)
        case bytes() | bytearray() | memoryview():
            return f"({len(value)} bytes)"
        case Mapping():
            return {mask(str(name)): _plain(one) for name, one in value.items()}
        case Sequence() | AbstractSet():
            return [_plain(one) for one in value]
        case _:
            return mask(str(value))

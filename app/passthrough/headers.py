"""Which headers pass: all but those of one hop, those that say who asks, and those that make it another call."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: Between two neighbours (RFC 9110, 7.6.1), beside whatever `Connection` names.
HOP: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
#: Who asks, from where, and by which address.
OURS: Final = frozenset({"host", "cookie", "authorization", "expect", "forwarded", "x-real-ip", "via"})
#: By these some servers take a request for another than its line says: what was judged is not what would be done.
OVERRIDES: Final = frozenset(
    {"x-http-method-override", "x-http-method", "x-method-override", "x-original-url", "x-rewrite-url"}
)
FORWARDED: Final = "x-forwarded-"
#: What a server tells browsers and caches about its own origin; passed back, it would be said of ours.
ITS_ORIGIN: Final = frozenset(
    {
        "accept-ch",
        "age",
        "alt-svc",
        "cache-control",
        "clear-site-data",
        "content-security-policy",
        "content-security-policy-report-only",
        "document-policy",
        "expect-ct",
        "expires",
        "feature-policy",
        "nel",
        "origin-agent-cluster",
        "permissions-policy",
        "pragma",
        "public-key-pins",
        "referrer-policy",
        "refresh",
        "report-to",
        "reporting-endpoints",
        "service-worker-allowed",
        "speculation-rules",
        "strict-transport-security",
        "timing-allow-origin",
        "x-content-type-options",
        "x-frame-options",
        "x-xss-protection",
    }
)
#: Whole families of them.
ITS_ORIGINS: Final = ("access-control-", "cross-origin-")
#: Of an answer: what each server says of itself, and what is kept for a browser that is not there.
NOT_BACK: Final = HOP | ITS_ORIGIN | {"set-cookie", "set-cookie2", "date", "server"}

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
#: A value that goes on in the next line, as long ago.
_FOLD: Final = re.compile(r"\r?\n[ \t]+")


def sent_on(environ: WSGIEnvironment) -> list[tuple[str, str]]:
    """Headers of a request as they are passed on, in the order in which they came."""
    names = {
        name: name.removeprefix("HTTP_").replace("_", "-").lower()
        for name in environ
        if name.startswith("HTTP_") or name in {"CONTENT_TYPE", "CONTENT_LENGTH"}
    }
    left_out = HOP | OURS | OVERRIDES | _named(environ.get("HTTP_CONNECTION", ""))
    return [
        (header.title(), environ[name])
        for name, header in names.items()
        if header not in left_out and not header.startswith(FORWARDED)
    ]


def sent_back(headers: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Headers of an answer as they are passed back, without what no server may write or each reads otherwise."""
    known = [(name, _FOLD.sub(" ", value)) for name, value in headers]
    left_out = NOT_BACK | _named(",".join(value for name, value in known if name.lower() == "connection"))
    if not _has_one_length(known):
        left_out |= {"content-length"}
    return (
        (name, value)
        for name, value in known
        if name.lower() not in left_out
        and not name.lower().startswith(ITS_ORIGINS)
        and _NAME.fullmatch(name)
        and _VALUE.fullmatch(value)
    )


def _has_one_length(headers: Iterable[tuple[str, str]]) -> bool:
    """Whether its length is what one header says: in chunks it is what they come to, whatever else is said."""
    told = [(name.lower(), value.strip()) for name, value in headers]
    lengths = [value for name, value in told if name == "content-length"]
    chunked = any(name == "transfer-encoding" for name, _ in told)
    return len(lengths) == 1 and not chunked and lengths[0].isascii() and lengths[0].isdecimal()


def _named(connection: str) -> frozenset[str]:
    return frozenset(option.strip().lower() for option in connection.split(","))

"""Lists by pages: a token says after, or before, which item the next one goes on; it holds although others come in."""

from __future__ import annotations

import base64
import binascii
import json
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, TypeVar

from flask import request

from app.sandbox.factify import inputs
from app.sandbox.factify.errors import Refused

T = TypeVar("T")
#: What a list is sorted by: a text, and the id that makes it unique.
Key = tuple[str, str]

ON_A_PAGE, MOST_ON_A_PAGE = 50, 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Some of what was found, and the tokens of what comes after and before; blank where nothing does."""

    items: list[Any]
    after: str
    before: str


def page(
    found: Iterable[T], show: Callable[[T], dict[str, Any]], *, key: Callable[[T], Key], descending: bool = True
) -> dict[str, Any]:
    """One page of what was found, as the query asks for it. Raises Refused."""
    cut = cut_out(found, key=key, descending=descending, token_name="page_token")  # noqa: S106 - a parameter's name
    return {
        "items": [show(one) for one in cut.items],
        "pagination": {
            "has_more": bool(cut.after),
            "next_page_token": cut.after,
            "prev_page_token": cut.before,
        },
    }


def cut_out(found: Iterable[T], *, key: Callable[[T], Key], descending: bool, token_name: str) -> Slice:
    """The items that the query's token and `page_size` ask for. Raises Refused."""
    size = inputs.number("page_size", ON_A_PAGE, MOST_ON_A_PAGE)
    ordered = sorted(found, key=key, reverse=descending)
    start = 0
    if token := request.args.get(token_name):
        way, anchor = _read(token, token_name)
        compare = _COMPARE[way, descending]
        passed = sum(compare(key(one), anchor) for one in ordered)
        start = passed if way == _AFTER else max(0, passed - size)
    items = ordered[start : start + size]
    return Slice(
        items=items,
        after=_token(_AFTER, key(items[-1]), token_name) if start + size < len(ordered) else "",
        before=_token(_BEFORE, key(items[0]), token_name) if start and items else "",
    )


_AFTER: Final = "after"
_BEFORE: Final = "before"
#: Which items a token leaves behind, by its way and whether the list is descending: all up to its own, or up to it.
_COMPARE: Final[dict[tuple[str, bool], Callable[[Key, Key], bool]]] = {
    (_AFTER, True): operator.ge,
    (_AFTER, False): operator.le,
    (_BEFORE, True): operator.gt,
    (_BEFORE, False): operator.lt,
}


def _token(way: str, key: Key, name: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([_question(name), way, *key]).encode()).decode().rstrip("=")


def _read(token: str, name: str) -> tuple[str, Key]:
    try:
        question, way, *key = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        first, second = key
    except (binascii.Error, ValueError, TypeError):
        raise Refused("invalid_cursor", param=name) from None
    known = question == _question(name) and way in {_AFTER, _BEFORE}
    if not known or not isinstance(first, str) or not isinstance(second, str):
        raise Refused("invalid_cursor", param=name)
    return way, (first, second)


def _question(token_name: str) -> str:
    """What was asked for, but for the page: a token is of no use to any other list or filter."""
    asked = sorted(pair for pair in request.args.items(multi=True) if pair[0] not in {token_name, "page_size"})
    return sha256(json.dumps([request.path, asked]).encode()).hexdigest()[:16]

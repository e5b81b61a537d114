"""What may stand in a JSON body or a query; the first fault is named."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from flask import request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from app.sandbox.factify import ids, moments
from app.sandbox.factify.errors import Refused, unreadable

#: Takes a field's name and its value; returns what it stands for or raises Refused.
Read = Callable[[str, Any], Any]

ACCESS_LEVELS: Final = ("private", "organization", "public")
STATUSES: Final = ("processing", "ready", "failed")
MEMBER_ROLES: Final = ("owner", "admin", "member")

TITLE_LENGTH, DESCRIPTION_LENGTH = 255, 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a body. None, where it may be left out, stands for 'none'."""

    read: Read
    required: bool = False


def text(*, least: int = 0, most: int | None = None) -> Read:
    """Text of so many characters; a field that may not be empty is missing when it is."""

    def read(param: str, value: Any) -> str:
        if not isinstance(value, str):
            raise Refused("invalid_field_value", param=param)
        if len(value) < least:
            raise Refused("missing_required_field", f"{param} cannot be empty", param=param)
        if most is not None and len(value) > most:
            raise Refused("invalid_field_value", f"{param} has more than {most} characters", param=param)
        return value

    return read


def one_of(allowed: Collection[str]) -> Read:
    def read(param: str, value: Any) -> str:
        if not isinstance(value, str) or value not in allowed:
            raise Refused("invalid_enum_value", param=param)
        return value

    return read


def an_id(kind: str) -> Read:
    return lambda param, value: ids.checked(kind, value, param)


def moment(param: str, value: Any) -> datetime:
    try:
        return moments.parse(value)
    except (TypeError, ValueError):
        raise Refused("invalid_field_value", param=param) from None


def boolean(param: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise Refused("invalid_field_value", param=param)
    return value


def positive(param: str, value: Any) -> int:
    if type(value) is not int or value < 1:
        raise Refused("invalid_field_value", f"{param} must be greater than 0", param=param)
    return value


def records(fields: Mapping[str, Field], *, most: int) -> Read:
    """A list of one to so many objects of those fields."""

    def read(param: str, value: Any) -> list[dict[str, Any]]:
        if not isinstance(value, list) or not 1 <= len(value) <= most:
            raise Refused("invalid_field_value", param=param)
        return [_fields(one, fields) for one in value]

    return read


TITLE: Final = text(least=1, most=TITLE_LENGTH)
DESCRIPTION: Final = text(most=DESCRIPTION_LENGTH)


def body(fields: Mapping[str, Field]) -> dict[str, Any]:
    """The fields that the JSON body has, if every one of them may stand there. Raises Refused."""
    if not request.content_length:
        return _fields({}, fields)
    try:
        return _fields(request.get_json(), fields)
    except (BadRequest, UnsupportedMediaType):
        raise unreadable() from None


def _fields(data: Any, fields: Mapping[str, Field]) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise Refused("invalid_field_value", "An object was expected")
    if unknown := sorted(data.keys() - fields.keys()):
        raise Refused("invalid_field_value", "This field does not exist", param=unknown[0])
    for name, field in fields.items():
        if field.required and data.get(name) is None:
            raise Refused("missing_required_field", param=name)
    return {
        name: None if data[name] is None else field.read(name, data[name])
        for name, field in fields.items()
        if name in data
    }


def choices(name: str, allowed: Collection[str]) -> set[str]:
    """The values of a filter that may be repeated; none where it was not given."""
    return {one_of(allowed)(name, value) for value in request.args.getlist(name)}


def bounds(name: str) -> Callable[[datetime], bool]:
    """Whether a moment lies between `name.after` and `name.before`, either of which may be missing; both count in."""
    after, before = (request.args.get(f"{name}.{side}") for side in ("after", "before"))
    since = moment(f"{name}.after", after) if after else None
    until = moment(f"{name}.before", before) if before else None
    return lambda one: (since is None or one >= since) and (until is None or one <= until)


def flag(name: str) -> bool:
    value = request.args.get(name, "false")
    if value not in {"true", "false"}:
        raise Refused("invalid_field_value", param=name)
    return value == "true"


def number(name: str, default: int, most: int) -> int:
    value = request.args.get(name, str(default))
    if not value.isascii() or not value.isdecimal() or not 1 <= int(value) <= most:
        raise Refused("invalid_field_value", f"{name} is a number from 1 to {most}", param=name)
    return int(value)

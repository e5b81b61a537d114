"""What the fields beside a document say: its path, tags, attributes, actions and metadata.

Each is written one a line, as people do in a form, or as JSON, as programs do; what can be read as neither is refused
at its field before anything is asked of the provider.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from app.providers.base import HandIn

#: Bytes of a path: what the name of an object in the bucket can have.
LONGEST_PATH: Final = 1024
#: Tags, attributes, actions or metadata of one document; and how long a name and a value can be.
MOST, LONGEST_NAME, LONGEST_VALUE = 100, 200, 1000

_PLACE: Final = re.compile(r"\{([^{}]*)\}")
_ACTION: Final = re.compile(r"[A-Z][A-Z0-9_]{1,39}")
_ATTRIBUTE_VALUES: Final = frozenset(
    {"stringValue", "stringValues", "numberValue", "numberValues", "booleanValue", "classificationId"}
)


class Unreadable(Exception):  # noqa: N818 - says what it is
    """A field that does not say what it has to; `problem` is its slug."""

    def __init__(self, problem: str, **params: Any) -> None:
        self.problem = problem
        self.params = params
        self.field = ""
        super().__init__(problem)


def read(handin: HandIn, filename: str) -> dict[str, Any]:
    """The members of a request that describe the document; raises Unreadable."""
    members: dict[str, Any] = {"path": _read("path", lambda: path(handin, filename))}
    for field, (member, reader) in READERS.items():
        if given := handin.fields.get(field, "").strip():
            members[member] = _read(field, lambda reader=reader, given=given: reader(given))  # type: ignore[misc]
    return members


def path(handin: HandIn, filename: str) -> str:
    """Where the document is put: a template filled in, free of everything that means something in a path."""
    template = handin.fields.get("path", "").strip() or "{filename}"
    values = {
        "organization": handin.organization,
        "date": handin.received_at.date().isoformat(),
        "filename": filename.replace("/", "_"),
    }
    if template.endswith("/"):  # a folder
        template += "{filename}"
    if set(_PLACE.findall(template)) - values.keys() or set("{}") & set(_PLACE.sub("", template)):
        raise Unreadable("bad-path")
    filled = _PLACE.sub(lambda place: values[place[1]], template)
    steps = [step for part in filled.split("/") if (step := part.strip()) not in {"", "."}]
    whole = "/".join(steps)
    if not steps or ".." in steps or "\\" in template or not whole.isprintable():
        raise Unreadable("bad-path")
    if len(whole.encode()) > LONGEST_PATH:
        raise Unreadable("path-too-long", limit=LONGEST_PATH)
    return whole


def tags(text: str) -> list[dict[str, Any]]:
    """Tags, or metadata: names with a value or several."""
    listed = []
    for name, value in _pairs(text, frozenset({"value", "values"})):
        if isinstance(value, Mapping):
            listed.append({"key": name, **value})
        elif isinstance(value, list):
            listed.append({"key": name, "values": [_plain(one) for one in value]})
        else:
            listed.append({"key": name, "value": _plain(value)})
    return listed


def attributes(text: str) -> list[dict[str, Any]]:
    """Attributes: names with a text, a number, yes or no, or several of one kind."""
    listed = []
    for name, value in _pairs(text, _ATTRIBUTE_VALUES):
        if isinstance(value, Mapping):
            listed.append({"key": name, **value})
        elif isinstance(value, list) and value:
            kinds = {_kind(one) for one in value}
            if len(kinds) != 1 or kinds == {"booleanValue"}:
                raise Unreadable("bad-pairs")
            listed.append({"key": name, f"{kinds.pop()}s": value})
        else:
            listed.append({"key": name, _kind(value): value})
    return listed


def actions(text: str) -> list[dict[str, Any]]:
    """What is done with it there: kinds of action, one a line, or JSON where they have parameters."""
    found = _json(text, "[", "bad-actions")
    listed = [{"type": line.strip().upper()} for line in text.splitlines() if line.strip()] if found is None else found
    if len(listed) > MOST or not all(_is_action(one) for one in listed):
        raise Unreadable("bad-actions")
    return listed


#: What each field comes to in a request, and who reads it.
READERS: Final[Mapping[str, tuple[str, Callable[[str], list[dict[str, Any]]]]]] = {
    "tags": ("tags", tags),
    "attributes": ("attributes", attributes),
    "actions": ("actions", actions),
    "document_metadata": ("metadata", tags),
}


def _read(field: str, reader: Callable[[], Any]) -> Any:
    try:
        return reader()
    except Unreadable as unreadable:
        unreadable.field = field
        raise


def _pairs(text: str, values: frozenset[str]) -> list[tuple[str, Any]]:
    """Names and what stands beside them: from `name=value` lines, a JSON object, or the provider's own list."""
    found = _json(text, "{[", "bad-pairs")
    if found is None:
        split = [line.partition("=") for line in text.splitlines() if line.strip()]
        if not all(sign for _, sign, _ in split):
            raise Unreadable("bad-pairs")
        pairs: list[tuple[str, Any]] = [(name.strip(), value.strip()) for name, _, value in split]
    elif isinstance(found, dict):
        pairs = list(found.items())
        if any(isinstance(value, dict) for _, value in pairs):
            raise Unreadable("bad-pairs")
    else:
        pairs = [_own(one, values) for one in found]
    if len(pairs) > MOST or not all(0 < len(name) <= LONGEST_NAME and name.isprintable() for name, _ in pairs):
        raise Unreadable("bad-pairs")
    return pairs


def _own(one: Any, values: frozenset[str]) -> tuple[str, dict[str, Any]]:
    """An entry in the provider's own words: a key, and members of ours alone."""
    if not isinstance(one, dict) or not isinstance(one.get("key"), str):
        raise Unreadable("bad-pairs")
    rest = {name: value for name, value in one.items() if name != "key"}
    if rest.keys() - values:
        raise Unreadable("bad-pairs")
    for value in rest.values():
        for single in value if isinstance(value, list) else [value]:
            _kind(single)
    return one["key"], rest


def _plain(value: Any) -> str:
    """A tag's value, which is a text whatever it was written as."""
    if _kind(value) == "stringValue":
        return str(value)
    return json.dumps(value)


def _kind(value: Any) -> str:
    """Which of an attribute's values a JSON value is."""
    if isinstance(value, bool):
        return "booleanValue"
    if isinstance(value, int | float):
        return "numberValue"
    if isinstance(value, str) and len(value) <= LONGEST_VALUE:
        return "stringValue"
    raise Unreadable("bad-pairs")


def _is_action(one: Any) -> bool:
    return (
        isinstance(one, dict)
        and isinstance(one.get("type"), str)
        and _ACTION.fullmatch(one["type"]) is not None
        and one.keys() <= {"type", "parameters", "queueId"}
        and isinstance(one.get("parameters", {}), dict)
        and isinstance(one.get("queueId", ""), str)
    )


def _json(text: str, opening: str, problem: str) -> Any:
    """The JSON that a text is; None where it does not look like any. Raises Unreadable."""
    if text[:1] not in opening:
        return None
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Unreadable(problem) from None


def _no_constant(name: str) -> None:
    raise ValueError(name)  # NaN and Infinity, which are no JSON

"""The document as a page: the same words, in an order that people read in.

Written here rather than by a script of others: those want to write styles and markup into the page while it is open,
which the policy of all our pages forbids.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup, escape

METHODS: Final = ("get", "post", "put", "patch", "delete")
_CODE: Final = re.compile(r"`([^`]+)`")
_PART: Final = re.compile(r"(\{[^}]+\})")

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One parameter, or one member of a model."""

    name: str
    where: str
    kind: Markup
    required: bool
    about: Markup


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One status that an operation may answer with."""

    status: str
    about: Markup
    kinds: tuple[Markup, ...]
    headers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one address."""

    id: str
    method: str
    path: Markup
    summary: str
    about: tuple[Markup, ...]
    scope: str | None
    parameters: tuple[Row, ...]
    bodies: tuple[tuple[str, Markup, tuple[Row, ...]], ...]
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """What stands under one heading."""

    name: str
    about: Markup
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model, by its members."""

    name: str
    about: Markup
    kind: Markup
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The whole page."""

    about: tuple[Markup, ...]
    groups: tuple[Group, ...]
    models: tuple[Model, ...]


def reference(document: Schema) -> Reference:
    """Write the document out for people."""
    groups = tuple(
        Group(name=tag["name"], about=prose(tag["description"]), operations=tuple(_operations(document, tag["name"])))
        for tag in document["tags"]
    )
    models = tuple(
        Model(name=name, about=prose(one.get("description", "")), kind=_kind(one), rows=_members(one))
        for name, one in document["components"]["schemas"].items()
    )
    return Reference(about=_paragraphs(document["info"]["description"]), groups=groups, models=models)


def prose(text: str) -> Markup:
    """A sentence, what stands between backticks as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped, but for the tag


def _paragraphs(text: str) -> tuple[Markup, ...]:
    return tuple(prose(one) for one in text.strip().split("\n\n") if one)


def _operations(document: Schema, tag: str) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods and tag in methods[method]["tags"]:
                yield _operation(document, path, method, methods[method])


def _operation(document: Schema, path: str, method: str, told: Schema) -> Operation:
    bodies = told.get("requestBody", {}).get("content", {})
    answers = {status: _resolved(document, one) for status, one in sorted(told["responses"].items())}
    return Operation(
        id=told["operationId"],
        method=method.upper(),
        path=Markup(_PART.sub(r"<var>\1</var>", str(escape(path)).replace("/", "<wbr>/"))),  # noqa: S704 - escaped, but for tags
        summary=told["summary"],
        about=_paragraphs(re.sub(r"\n*Scope: `[^`]+`\.", "", told.get("description", ""))),
        scope=told.get("x-scope"),
        parameters=tuple(_row(one["name"], one["in"], one["schema"], one) for one in told["parameters"]),
        bodies=tuple((kind, _kind(one["schema"]), _members(one["schema"])) for kind, one in bodies.items()),
        answers=tuple(_answer(status, one) for status, one in answers.items()),
    )


def _answer(status: str, told: Schema) -> Answer:
    kinds = tuple(_kind(one["schema"]) for one in told.get("content", {}).values())
    return Answer(
        status=status, about=prose(told["description"]), kinds=kinds, headers=tuple(sorted(told.get("headers", {})))
    )


def _members(schema: Schema) -> tuple[Row, ...]:
    required = schema.get("required", ())
    return tuple(
        _row(name, "", one, {"required": name in required, "description": one.get("description", "")})
        for name, one in schema.get("properties", {}).items()
    )


def _row(name: str, where: str, schema: Schema, told: Schema) -> Row:
    return Row(
        name=name,
        where=where,
        kind=_kind(schema),
        required=bool(told.get("required")),
        about=prose(told.get("description", "")),
    )


def _kind(schema: Schema) -> Markup:
    """What a value is, in a few words; a model is a link to what it has."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return Markup('<a href="#{0}">{0}</a>').format(name)
    if "anyOf" in schema:
        return Markup(" or ").join(_kind(one) for one in schema["anyOf"])
    if "enum" in schema:
        return Markup(", ").join(Markup("<code>{}</code>").format(one) for one in schema["enum"])
    if "const" in schema:
        return Markup("<code>{}</code>").format(schema["const"])
    if schema.get("type") == "array":
        return Markup("list of {}").format(_kind(schema.get("items", {})))
    return escape(" ".join(filter(None, (schema.get("type", "anything"), schema.get("format"), _bounds(schema)))))


def _bounds(schema: Schema) -> str:
    least = schema.get("minimum", schema.get("minLength", schema.get("minItems")))
    most = schema.get("maximum", schema.get("maxLength", schema.get("maxItems")))
    if most is None:
        return ""
    return f"({least}–{most})" if least is not None else f"(at most {most})"


def _resolved(document: Schema, told: Schema) -> Schema:
    if "$ref" not in told:
        return told
    found: Schema = document["components"]["responses"][told["$ref"].rpartition("/")[2]]
    return found

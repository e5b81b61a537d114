"""How what services send becomes a pydantic model, and models become schemas of the document.

APIFlask asks whoever is registered for pydantic to do both. Its own way takes any body for JSON and names faults by
dots; ours takes bodies as strictly as hand-ins are taken (one JSON object of its media type, nothing twice, bounded in
size and time, and its digest is verified) and names each fault by its JSON pointer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

from apiflask.schema_adapters.pydantic import PydanticAdapter
from flask import Request
from pydantic import BaseModel, ConfigDict, ValidationError

from app.api.errors import Fault, NotValid
from app.api.receiving import can_be_kept, receive_json
from app.intake.document import BadJson
from app.intake.errors import DuplicatePart, NotText
from app.providers.operation import KIB

T = TypeVar("T")

#: No resource's body is larger.
MOST: Final = 256 * KIB
#: What a fault of a model is called; any other is `not-taken`.
SLUGS: Final = {"missing": "missing-field", "extra_forbidden": "unknown-member"}


class Model(BaseModel):
    """What services send and are shown; names that it does not have are faults, and so are values of other types."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


#: In place of what a change does not say.
UNSAID: Final[Any] = None


def _without_defaults(schema: dict[str, Any]) -> None:
    for one in schema.get("properties", {}).values():
        one.pop("default", None)


class Change(Model):
    """What is to be changed, as a JSON merge patch: what is not named stays, and null takes away what need not be."""

    model_config = ConfigDict(json_schema_extra=_without_defaults)

    def said(self) -> dict[str, Any]:
        """What is to be changed, by its names."""
        return self.model_dump(include=self.model_fields_set)


class Adapter(PydanticAdapter):
    """Takes and describes models for APIFlask."""

    def validate_input(self, request: Request, location: str, **_: Any) -> BaseModel:
        """Take a body, or a query; raises NotValid, and what intake has against a body."""
        return taken(self.model_class) if location == "json" else asked(self.model_class, request)

    def get_openapi_schema(self, **_: Any) -> dict[str, Any]:
        """Describe the model; those inside it under `$defs`, by their own names."""
        return self.model_class.model_json_schema(ref_template="#/components/schemas/{model}")


def taken(model: type[BaseModel]) -> BaseModel:
    """The body of this request as a model."""
    found = receive_json(MOST)
    for name, value in found.items():
        if not can_be_kept(value):
            raise NotText(field=name, name=name)
    try:
        return held(lambda: model.model_validate_json(json.dumps(found, allow_nan=False), strict=True))
    except ValueError:  # a number that JSON can spell and nobody can hold
        raise BadJson from None


def asked(model: type[BaseModel], request: Request) -> BaseModel:
    """The query of a request as a model."""
    given: dict[str, str] = {}
    for name, value in request.args.items(multi=True):
        if name in given:
            raise DuplicatePart(field=name, name=name)
        if "\0" in value:
            raise NotText(field=name, name=name)
        given[name] = value
    return held(lambda: model.model_validate_strings(given, strict=True))


def held(validate: Callable[[], T], *within: str) -> T:
    """What a model makes of what was sent; raises NotValid, each fault by where it lies `within` that."""
    try:
        return validate()
    except ValidationError as exc:
        faults = tuple(faults_of(exc, *within))
    raise NotValid(faults)  # out here, because the model's exception holds on to what was sent


def faults_of(exc: ValidationError, *within: str) -> Iterator[Fault]:
    """What a model has against what was sent, each by its JSON pointer (RFC 6901); never the value itself."""
    for error in exc.errors(include_url=False, include_context=False, include_input=False):
        at = [*within, *(str(one) for one in error["loc"])]
        slug = SLUGS.get(error["type"], "not-taken")
        yield Fault(at=tuple(at), slug=slug, params={"name": at[-1] if at else "", "reason": error["msg"]})

"""How FormKiQ is given bytes: within a JSON object, or by an address that it has a store sign for them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import parse_qs

from flask import g

from app.checks import types
from app.delivery import Result, registry
from app.delivery.calls import Answered, Call, Whole, read_whole
from app.delivery.handing import Handing
from app.intake import Deadlines
from app.intake.along import Enclosed, content_of, object_of
from app.intake.part_header import PartHeader
from app.passthrough import calling, placing
from app.passthrough.base import Face
from app.passthrough.entrance import Entrance
from app.passthrough.errors import NoAnswerCame, Unfit
from app.passthrough.rules import Match
from app.providers.base import Ending, Outcome
from app.providers.operation import MIB
from app.providers.outcomes import by_cause
from app.providers.wire import NoAnswer
from app.services import services

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

OPERATION: Final = "formkiq/document"
#: Most bytes of an object: what lies before the interface takes no more.
OBJECT_BYTES: Final = 8 * MIB
CREATED: Final = 201
#: Members that stand for bytes which nobody here sees: documents within the document, and a link to elsewhere.
UNSEEN: Final = ("documents", "deepLinkPath")
#: What a document without a name of its own is called here.
NAMELESS: Final = "document"


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What a call says of the document that it is about."""

    id: str | None
    path: str
    content_type: str

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Self:
        """Read a call's object, or its query; raises Unfit for what cannot be read, or not be looked at."""
        if any(value.get(name) for name in UNSEEN):
            raise Unfit(field=next(name for name in UNSEEN if value.get(name)))
        texts = [value.get(name) or "" for name in ("documentId", "path", "contentType")]
        if not all(isinstance(text, str) for text in texts):
            raise Unfit
        id_, path, content_type = texts
        return cls(id=id_ or None, path=path, content_type=content_type)

    @property
    def filename(self) -> str:
        return named(self.path, self.content_type)


def named(path: str, content_type: str) -> str:
    """The name of a file by where it is put, with an ending that says its type, as it is declared, if it has none."""
    name = path.rpartition("/")[2] or NAMELESS
    if types.by_ending("." + name.rpartition(".")[2]) is not None and "." in name:
        return name
    said = types.media_type(content_type)
    kind = next((one for one in types.TYPES.values() if said in one.media_types), None)
    return name + kind.endings[0] if kind else name


def inline(way: Entrance, face: Face, found: Match, made: Call, environ: WSGIEnvironment) -> Answered | Result:  # noqa: ARG001
    """Pass a document on whose content is in the call."""
    operation = registry.operation(OPERATION)
    g.check = operation.check
    content, value, body = object_of(environ, OBJECT_BYTES, Deadlines.from_settings(services().settings))
    described = Described.of(value)
    enclosed = Enclosed(
        content=content,
        body=body,
        header=PartHeader(
            name=operation.parts[0].name,
            filename=described.filename,
            content_type=described.content_type or None,
        ),
        enclosed=content_of(value, "content", "isBase64"),
    )
    remembered = {"document_id": described.id} if described.id else {}
    handing = Handing(
        call=made,
        operation=operation,
        along=enclosed,
        judge=lambda handin, account, answer: face.judge(operation, handin, account, answer),
        check=lambda _fields, _all_there: None,
        baseline=lambda _fields, _now: remembered,
        recall=lambda outcome: _made(way, outcome),
    )
    handed = services().deliverer.hand_in_call(way.origin(), handing, way.destination.way)
    return handed.answered or handed.result


def announce(way: Entrance, face: Face, found: Match, made: Call, environ: WSGIEnvironment) -> Answered:
    """Ask where bytes are to be put, and answer with an address of ours that leads there by way of the checks."""
    if made.method == "POST":
        content, value, _ = object_of(environ, OBJECT_BYTES, Deadlines.from_settings(services().settings))
        made = replace(made, body=content)
    else:
        value = _query(made)
    if value.get("content"):  # whatever becomes of it there, nobody looks at it here
        raise Unfit(field="content")
    described = Described.of(value)
    # What comes compressed could not be read here; a client that takes it takes this, too.
    headers = [(name, "identity" if name.lower() == "accept-encoding" else text) for name, text in made.headers]
    answer = services().deliverer.hand_on(way.destination.way, replace(made, headers=headers))
    calling.note(way, found.rule, answer)
    if isinstance(answer, Outcome):
        raise NoAnswerCame(answer)
    if answer.status >= 300 or way.destination.connection.settings.get("direct_puts"):
        return answer
    whole = read_whole(answer)
    if isinstance(whole, NoAnswer):
        raise NoAnswerCame(by_cause(whole))
    token = face.token(environ.get("HTTP_AUTHORIZATION", "")) or ""
    try:
        reference = str(json.loads(whole.content)["documentId"])
        return placing.replaced(
            way,
            token,
            whole,
            "url",
            {"reference": reference, "path": described.path, "content_type": described.content_type},
        )
    except (ValueError, KeyError, TypeError):  # an address that nobody looked at would lead around the gateway
        raise NoAnswerCame(Outcome(ending=Ending.FAILED, problem="provider-error")) from None


def _query(made: Call) -> dict[str, str]:
    """What a query says; raises Unfit where it says something twice."""
    found = parse_qs(made.target.partition("?")[2])
    if any(len(values) > 1 for values in found.values()):
        raise Unfit
    return {name: values[0] for name, values in found.items()}


def _made(way: Entrance, outcome: Outcome) -> Whole | None:
    """What is answered for a document that is there although the answer was lost."""
    if outcome.reference is None:
        return None
    told = {"documentId": outcome.reference, "siteId": way.destination.connection.settings.get("site_id", "default")}
    content = json.dumps(told).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(content)))]
    return Whole(status=CREATED, reason="Created", headers=headers, content=content)

"""The store behind a provider, as its clients see it: one PUT, and XML where that is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final
from uuid import uuid4
from xml.sax.saxutils import escape

from flask import g

from app.delivery import Result, registry
from app.delivery.calls import Answered, Call, Whole
from app.delivery.handing import Handing
from app.intake import Deadlines, Limits
from app.intake.along import bare_along
from app.passthrough import entrance, headers
from app.passthrough.address import Address
from app.passthrough.base import Spelled, Told
from app.passthrough.entrance import Entrance
from app.passthrough.errors import Unfit
from app.passthrough.faces import FACES
from app.passthrough.formkiq_calls import OPERATION, named
from app.passthrough.placing import Placed
from app.providers import formkiq_replies as replies
from app.providers.base import Account, Ending, HandIn, Outcome
from app.providers.formkiq_steps import STORED
from app.providers.outcomes import in_doubt, unconfirmed
from app.providers.wire import Answer, Reply
from app.services import services

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

PROVIDER: Final = "formkiq"
OK: Final = 200
#: Code, by the status of the refusal as the API has it; then what a store has for the rest.
CODES: Final[Mapping[int, tuple[int, str]]] = {
    401: (403, "AccessDenied"),
    403: (403, "AccessDenied"),
    404: (403, "AccessDenied"),
    411: (411, "MissingContentLength"),
    413: (400, "EntityTooLarge"),
    429: (503, "SlowDown"),
    503: (503, "SlowDown"),
    507: (503, "SlowDown"),
}
REFUSED: Final = (400, "InvalidRequest")
BROKEN: Final = (500, "InternalError")


@dataclass(frozen=True, kw_only=True)
class Xml(Spelled):
    """A refusal as XML."""

    def whole(self) -> Whole:
        inner = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in self.body.items())
        content = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}</Error>'.encode()
        told = [("Content-Type", "application/xml"), ("Content-Length", str(len(content))), *self.headers.items()]
        return Whole(status=self.status, reason="", headers=told, content=content)


class Bucket:
    """Says no as a store does."""

    language: ClassVar[str] = "en"

    def spell(self, told: Told) -> Spelled:
        status, code = CODES.get(told.status, BROKEN if told.status >= 500 else REFUSED)
        body = {"Code": code, "Message": told.detail, "RequestId": (told.upload_id or uuid4()).hex, "HostId": "gateway"}
        again = {} if told.retry_after is None else {"Retry-After": str(told.retry_after)}
        return Xml(status=status, body=body, headers=again)


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """Bytes that are to be put somewhere, and who may."""

    placed: Placed
    way: Entrance


def find(sealed: str, environ: WSGIEnvironment) -> Put:
    """Find where an address leads; raises what keeps one out, before a byte of the body is read."""
    placed = Placed.unseal(sealed)
    placed.check(services().clock())
    if "HTTP_AUTHORIZATION" in environ:  # as at the store itself: it would be one more way to say who asks
        raise Unfit
    wanted = Address(
        provider=PROVIDER, organization=placed.organization, connection=placed.connection, path="", query=""
    )
    shown = {**environ, "HTTP_AUTHORIZATION": placed.token}
    return Put(placed=placed, way=entrance.find(shown, FACES[PROVIDER], wanted))


def take(put: Put, environ: WSGIEnvironment) -> Answered | Result:
    """Pass the bytes on to the store, judged on their way."""
    placed, way, operation = put.placed, put.way, registry.operation(OPERATION)
    g.check = operation.check
    scheme, _, rest = placed.url.partition("://")
    host, slash, target = rest.partition("/")
    made = Call(method="PUT", target=slash + target, headers=headers.sent_on(environ), store=f"{scheme}://{host}")
    filename = named(placed.path, placed.content_type or environ.get("CONTENT_TYPE", ""))
    limits, deadlines = Limits.of(operation), Deadlines.from_settings(services().settings)
    with bare_along(environ, operation.parts[0].name, filename, limits, deadlines) as along:
        handing = Handing(
            call=made,
            operation=operation,
            along=along,
            judge=lambda handin, account, answer: _judge(placed, handin, account, answer),
            check=lambda _fields, _all_there: None,
            baseline=lambda _fields, _now: {"document_id": placed.reference},
            recall=lambda _: Whole(status=OK, reason="OK", headers=[("Content-Length", "0")], content=b""),
        )
        handed = services().deliverer.hand_in_call(way.origin(), handing, way.destination.way)
    return handed.answered or handed.result


def _judge(placed: Placed, handin: HandIn, account: Account, answer: Answer) -> Outcome:  # noqa: ARG001
    """The store has the bytes when it says so; what the provider makes of them shows later."""
    if isinstance(answer, Reply) and answer.status in STORED:
        return Outcome(
            ending=Ending.DELIVERED,
            reference=placed.reference,
            provider_status="processing",
            http_status=answer.status,
        )
    refused = replies.store_refusal(answer)
    return unconfirmed(refused) if in_doubt(answer) else refused

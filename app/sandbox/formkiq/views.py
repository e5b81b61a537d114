"""FormKiQ's addresses: those that take an API key under `/formkiq`, those that take a token under `/formkiq/jwt`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import wraps
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, cast

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from app.sandbox.formkiq import inputs
from app.sandbox.formkiq.errors import Invalid, Refused, present
from app.sandbox.formkiq.installation import PAGE, SHORT_SECONDS, SLUG
from app.sandbox.ledger import Part
from app.sandbox.provider import received
from app.sandbox.state import sandbox

if TYPE_CHECKING:
    from app.sandbox.formkiq import Formkiq
    from app.sandbox.formkiq.callers import Caller
    from app.sandbox.formkiq.installation import Document, Installation

P = ParamSpec("P")

bp = Blueprint(SLUG, __name__, url_prefix=f"/{SLUG}")
bp.register_error_handler(Refused, present)

#: Where each kind of credential is taken.
KEY, TOKEN = "", "/jwt"
#: Largest request that the code behind the gateway is given; the gateway itself would take 10 MiB.
REQUEST_BYTES: Final = 6 << 20
#: Content is shown within an answer if it is of these types, and as long as an answer can be.
TEXTS: Final = ("text/", "application/json", "application/x-www-form-urlencoded")
ANSWER_BYTES: Final = 5 << 20


def installation() -> Installation:
    return cast("Formkiq", sandbox().providers[SLUG]).installation


def route(
    method: str, path: str, permission: str
) -> Callable[[Callable[Concatenate[str, Caller, P], Response]], Callable[..., Response]]:
    """Serve it in both places, with the site that it is about and whoever asks, if they may."""

    def decorate(view: Callable[Concatenate[str, Caller, P], Response]) -> Callable[..., Response]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> Response:
            here = installation()
            with here.lock:
                if received().entry.bytes > REQUEST_BYTES:
                    raise Refused(413)
                by_token = request.path.startswith(f"/{SLUG}{TOKEN}/")
                caller = (here.by_token if by_token else here.by_key)(request.headers.get("Authorization"))
                return view(caller.site(request.args.get("siteId"), permission), caller, *args, **kwargs)

        for name, prefix in (("key", KEY), ("token", TOKEN)):
            bp.add_url_rule(prefix + path, f"{view.__name__}_by_{name}", guarded, methods=[method])
        return guarded

    return decorate


@route("POST", "/documents", "WRITE")
def add(site: str, caller: Caller) -> Response:
    new = inputs.document(_json(), inline=True)
    for one in (new, *new.children):
        _note(one)
    made = installation().add(new, site, caller.name)
    body: dict[str, Any] = {"documentId": made.id, "siteId": site}
    if new.content is None:
        body["uploadUrl"] = installation().address(made, "PUT", inputs.HOURS * SHORT_SECONDS)
    elif new.checksum is not None:
        body["headers"] = new.checksum.headers
    if new.children:
        children = [installation().add(one, site, caller.name) for one in new.children]
        body["documents"] = [{"documentId": one.id} for one in children]
    return _created(body)


@route("POST", "/documents/upload", "WRITE")
def add_upload(site: str, caller: Caller) -> Response:
    return _created(_upload(inputs.document(_json(), inline=False), site, caller))


@route("GET", "/documents/upload", "WRITE")
def get_upload(site: str, caller: Caller) -> Response:
    new = inputs.NewDocument(path=request.args.get("path") or None, checksum=inputs.checksum(request.args))
    return jsonify(_upload(new, site, caller))


@route("GET", "/documents/<id_>/upload", "WRITE")
def get_id_upload(site: str, _caller: Caller, id_: str) -> Response:
    found = installation().find(site, id_)
    found.announced = inputs.checksum(request.args)
    return jsonify(_address(found, SHORT_SECONDS, None))


@route("GET", "/documents", "READ")
def search(site: str, _caller: Caller) -> Response:
    limit = request.args.get("limit") or str(PAGE)
    if not (limit.isascii() and limit.isdecimal() and int(limit)):
        raise Invalid("limit", "'limit' is not a number")
    day = request.args.get("date")
    try:
        asked = date.fromisoformat(day) if day else None
        offset = _offset(request.args.get("tz") or "+0000")
    except ValueError:
        raise Refused(400, "Invalid date string") from None
    after = request.args.get("next") or request.args.get("previous") or None
    return jsonify(installation().page(site, day=asked, offset=offset, after=after, limit=int(limit)))


@route("GET", "/documents/<id_>", "READ")
def get(site: str, _caller: Caller, id_: str) -> Response:
    return jsonify(installation().find(site, id_).shown(installation().world.clock.now()))


@route("DELETE", "/documents/<id_>", "DELETE")
def delete(site: str, _caller: Caller, id_: str) -> Response:
    installation().delete(installation().find(site, id_))
    return jsonify(message=f"'{id_}' object deleted")


@route("GET", "/documents/<id_>/content", "READ")
def content(site: str, _caller: Caller, id_: str) -> Response:
    found, here = installation().find(site, id_), installation()
    if found.stored is None:
        raise Refused(404, f"Document {id_} not found.")
    kind = found.content_type or found.stored.content_type or "application/octet-stream"
    if kind.startswith(TEXTS) and found.stored.size <= ANSWER_BYTES:
        text = (here.world.store.read(SLUG, found.key) or b"").decode(errors="replace")
        return jsonify(content=text, contentType=kind, isBase64=False)
    return jsonify(contentUrl=here.address(found, "GET", SHORT_SECONDS), contentType=kind)


@route("GET", "/documents/<id_>/url", "READ")
def url(site: str, _caller: Caller, id_: str) -> Response:
    found = installation().find(site, id_)
    return jsonify(url=installation().address(found, "GET", inputs.duration(request.args)), documentId=id_)


def _upload(new: inputs.NewDocument, site: str, caller: Caller) -> dict[str, Any]:
    here = installation()
    length = inputs.length(request.args, here.switches.max_bytes)
    seconds = inputs.duration(request.args)
    return _address(here.add(new, site, caller.name), seconds, length)


def _address(document: Document, seconds: float, length: int | None) -> dict[str, Any]:
    """Where to put it, and with which headers, if any."""
    address = installation().address(document, "PUT", seconds, length=length, checksum=True)
    body: dict[str, Any] = {"documentId": document.id, "url": address}
    if document.announced is not None:
        body["headers"] = document.announced.headers
    return body


def _note(new: inputs.NewDocument) -> None:
    """List a document that came inside of JSON as the part that it would have been."""
    if new.content is not None:
        received().entry.parts.append(
            Part(
                name="content",
                filename=new.path,
                content_type=new.content_type,
                size=len(new.content),
                sha256=sha256(new.content).hexdigest(),
            )
        )


def _created(body: dict[str, Any]) -> Response:
    answer = jsonify(body)
    answer.status_code = 201
    return answer


def _offset(zone: str) -> timedelta:
    """`-0600` as a time; raises ValueError."""
    sign, digits = zone[:1], zone[1:].replace(":", "")
    if sign not in {"+", "-", " "} or len(digits) != 4:
        raise ValueError
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return -offset if sign == "-" else offset


def _json() -> Any:
    try:
        return request.get_json(force=True)
    except (BadRequest, UnsupportedMediaType):
        raise Refused(400, "invalid JSON body") from None

"""The addresses: `/files`, where a file is begun, and `/files/<key>`, where it goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from app.api import problems
from app.database import AWAY
from app.errors import Refusal
from app.intake.addresses import address
from app.intake.body import Body
from app.intake.shedding import Caller
from app.records import resumables
from app.records.models import Resumable, ResumableKind
from app.resumable import beginning, completing, entrance, outcome, pieces, protocol
from app.resumable.entrance import Found, Opening
from app.resumable.errors import BadHeader, Gone, JoinedAlready, WrongOffset
from app.resumable.holding import Hold, holds
from app.services import services

METHODS: Final = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
OVERRIDE: Final = "X-HTTP-Method-Override"
#: What a page of ours may send and read, where it has another origin of ours.
ALLOWED: Final = (
    "Authorization, Content-Type, Tus-Resumable, Upload-Concat, Upload-Checksum, Upload-Defer-Length, Upload-Length, "
    f"Upload-Metadata, Upload-Offset, {OVERRIDE}, {entrance.FORM}, {entrance.LINK}, {entrance.CSRF}, "
    f"{entrance.EMBEDDED}"
)
EXPOSED: Final = (
    "Location, Retry-After, Tus-Checksum-Algorithm, Tus-Extension, Tus-Max-Size, Tus-Resumable, Tus-Version, "
    "Upload-Concat, Upload-Defer-Length, Upload-Expires, Upload-Length, Upload-Metadata, Upload-Offset, "
    f"{outcome.UPLOAD}, {outcome.STATE}, {outcome.PLACE}"
)
Methods = Mapping[str, Callable[..., ResponseReturnValue]]

resumable = Blueprint("resumable", __name__)
resumable.register_error_handler(Refusal, outcome.refused)
resumable.register_error_handler(HTTPException, problems.failed)
for fault in AWAY:
    resumable.register_error_handler(fault, problems.away)


@resumable.route("/files", methods=METHODS, provide_automatic_options=False)
def files() -> ResponseReturnValue:
    """Begin a file, or say what is spoken here."""
    return _by_method({"OPTIONS": _options, "POST": _create})


@resumable.route("/files/<key>", methods=METHODS, provide_automatic_options=False)
def file(key: str) -> ResponseReturnValue:
    """Go on with a file, ask how far it is, or give it up."""
    return _by_method({"OPTIONS": _options, "HEAD": _head, "PATCH": _patch, "DELETE": _delete}, key=key)


@resumable.after_request
def speak(response: Response) -> Response:
    """Say which version is spoken; and to pages of another origin of ours, that they may read it."""
    response.headers["Tus-Resumable"] = protocol.VERSION
    origin = request.headers.get("Origin")
    response.headers.add("Vary", "Origin")
    if origin in services().settings.origins:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = EXPOSED
    return response


def _by_method(methods: Methods, **found: str) -> ResponseReturnValue:
    """Do what the method says, or the one that is to be taken for it."""
    method = request.headers.get(OVERRIDE, request.method)
    if method not in methods:
        raise MethodNotAllowed(list(methods))
    if method != "OPTIONS":
        protocol.check_version(request.headers)
    return methods[method](**found)


def _options(key: str = "") -> Response:
    """What is spoken here, to whoever asks; and which pages may."""
    del key
    response = Response(status=204, headers=dict(protocol.offered()))
    if request.headers.get("Origin") in services().settings.origins:
        response.headers["Access-Control-Allow-Methods"] = "POST, HEAD, PATCH, DELETE, OPTIONS"
        response.headers["Access-Control-Allow-Headers"] = ALLOWED
        response.headers["Access-Control-Max-Age"] = "86400"
    return response


def _create() -> Response:
    """Begin a file; with a body, take its first piece, too."""
    concat = protocol.concat(request.headers)
    said = request.headers.get("Upload-Metadata", "")
    given = protocol.metadata(said)
    piece = pieces.body()
    if concat.kind is ResumableKind.JOINED:
        return _join(concat.keys, said, given, piece)
    length = protocol.length(request.headers)
    checksum = protocol.checksum(request.headers)
    if piece.left != 0:
        pieces.check_type()
    opening = entrance.to_begin(given, part=concat.kind is ResumableKind.PART)
    caller = _caller(opening)
    with services().shedding.admit(caller, keeps=length.total or 0):
        found = beginning.begin(opening, given, kind=concat.kind, length=length.total, said=said)
        headers = {"Location": _place(found), "Upload-Expires": protocol.date(found.row.expires_at)}
        if piece.left == 0:
            return Response(status=201, headers=headers)
        with holds().hold(found.organization_id, found.row.id) as hold:
            return _take(found, hold, piece, checksum, Response(status=201, headers=headers))


def _join(keys: tuple[str, ...], said: str, given: Mapping[str, str], piece: Body) -> Response:
    """Begin a file that consists of others, and hand it on."""
    for name in ("Upload-Length", "Upload-Defer-Length"):
        if name in request.headers:
            raise BadHeader(name=name)
    if piece.left != 0:
        raise JoinedAlready
    opening = entrance.to_begin(given, part=False)
    parts = [entrance.to_resumable(key) for key in keys]
    caller = _caller(opening)
    with services().shedding.admit(caller, keeps=sum(one.row.received for one in parts)):
        joined = request.headers["Upload-Concat"]
        found = beginning.join(opening, given, parts, said=said, joined=joined)
        with holds().hold(found.organization_id, found.row.id) as hold:
            upload = completing.complete(found, hold)
    return outcome.told(found, upload, Response(status=201, headers={"Location": _place(found)}))


def _head(key: str) -> Response:
    """How far a file is. Whoever still writes over a connection that is gone comes to an end first."""
    found = entrance.to_resumable(key)
    if found.row.lock is None and not completing.is_whole(found.row):
        return _shown(found, found.row.received, found.row.length)
    with holds().hold(found.organization_id, found.row.id) as hold:
        row = hold.row
        if not completing.is_whole(row):
            return _shown(found, row.received, row.length)
        upload = completing.complete(found, hold)
    return outcome.told(found, upload, _shown(found, row.length or 0, row.length))


def _patch(key: str) -> Response:
    """Take the next piece; with the last one the file is handed on, and its state told."""
    found = entrance.to_resumable(key)
    piece = pieces.body()
    pieces.check_type()
    offset = protocol.needed(request.headers, "Upload-Offset")
    total = protocol.number(request.headers, "Upload-Length")
    checksum = protocol.checksum(request.headers)
    if found.row.kind is ResumableKind.JOINED:
        raise JoinedAlready
    caller = _caller(found.row)
    keeps = None if piece.left == 0 else piece.left or 0
    with (
        services().shedding.admit(caller, keeps=keeps),
        holds().hold(found.organization_id, found.row.id) as hold,
    ):
        if hold.row.expires_at <= services().clock():
            raise Gone
        if offset != hold.row.received:
            raise WrongOffset(offset=hold.row.received)
        return _take(found, hold, piece, checksum, Response(status=204), total=total)


def _take(
    found: Found,
    hold: Hold,
    piece: Body,
    checksum: protocol.Checksum | None,
    response: Response,
    *,
    total: int | None = None,
) -> Response:
    """Take a piece, and hand the file on if that was the last."""
    taking = pieces.Taking(found, hold)
    taking.set_length(total)
    taking.take(piece, checksum)
    response.headers["Upload-Offset"] = str(taking.received)
    if found.row.kind is ResumableKind.PART or taking.received != taking.length:
        response.headers["Upload-Expires"] = protocol.date(pieces.expires_at())
        return response
    with services().database.transaction(found.organization_id) as session:
        hold.row = resumables.get(session, found.row.id)
    return outcome.told(found, completing.complete(found, hold), response)


def _delete(key: str) -> Response:
    """Give a file up, and all that came of it; what it has become is not taken back."""
    found = entrance.to_resumable(key)
    with holds().hold(found.organization_id, found.row.id) as hold:
        row, now = hold.row, services().clock()
        with services().database.transaction(found.organization_id) as session:
            resumables.terminate(session, row.id, hold.lock, now)
        if row.upload_id is None and row.whole_id is None:
            for copy in row.objects:
                services().spool.remove(copy)
    return Response(status=204)


def _shown(found: Found, offset: int, length: int | None) -> Response:
    headers = {"Upload-Offset": str(offset)}
    headers |= {"Upload-Defer-Length": "1"} if length is None else {"Upload-Length": str(length)}
    if found.purpose.said:
        headers["Upload-Metadata"] = found.purpose.said
    if found.row.kind is not ResumableKind.WHOLE:
        headers["Upload-Concat"] = found.purpose.joined or protocol.PART
    headers["Upload-Expires"] = protocol.date(found.row.expires_at)
    return Response(status=200, headers=headers)


def _place(found: Found) -> str:
    return url_for(".file", key=found.purpose.key)


def _caller(whose: Opening | Resumable) -> Caller:
    return Caller(
        organization_id=whose.organization_id,
        token_id=whose.api_token_id,
        link_id=whose.link_id,
        address=address(request.environ, services().settings.forwarded_allow_ips),
    )

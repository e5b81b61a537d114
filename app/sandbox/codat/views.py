"""Codat's addresses. It answers an upload with 200 and says nothing of what it made."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import wraps
from io import BytesIO
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, cast

from flask import Blueprint, Response, g, jsonify, request

from app.sandbox.codat.clients import Client, Clients, Company, Kind, Uploaded
from app.sandbox.codat.errors import DAILY, Refused, present, stamp
from app.sandbox.provider import received
from app.sandbox.state import sandbox

if TYPE_CHECKING:
    from app.sandbox.body import ReceivedPart
    from app.sandbox.codat import Codat

P = ParamSpec("P")

bp = Blueprint("codat", __name__, url_prefix="/codat")

MOST_FILES = 20
#: Decimal megabytes: the service does not say which, and these are the stricter.
FILE_BYTES = 10_000_000
ENDINGS: Final = frozenset({"pdf", "xls", "xlsx", "xlsb", "csv", "doc", "docx", "ppt", "pptx", "jpeg", "jpg", "png"})
#: The vendor's package and the vendor's description of its API differ in what they call a file.
FILE_PARTS: Final = frozenset({"fileName", "file"})
MOST_ON_A_PAGE, ON_A_PAGE = 5_000, 100


def clients() -> Clients:
    return cast("Codat", sandbox().providers["codat"]).clients


bp.register_error_handler(Refused, present)


@bp.after_request
def tell_limits(response: Response) -> Response:
    client: Client | None = g.get("client")
    limit, used = (client.limit, client.used) if client else (DAILY, 0)
    return stamp(response, limit=limit, used=used, now=clients().world.clock.now())


def for_client(view: Callable[Concatenate[Client, P], Response]) -> Callable[P, Response]:
    """Whoever has a client's key may do this."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Response:
        with clients().lock:
            g.client = clients().client(request.headers.get("Authorization"))
            clients().count(g.client, request.remote_addr or "")
            return view(g.client, *args, **kwargs)

    return guarded


def for_company(view: Callable[Concatenate[Company, P], Response]) -> Callable[..., Response]:
    """Whoever has the key of the client that the company is one of may do this."""

    @wraps(view)
    def guarded(company_id: str, *args: P.args, **kwargs: P.kwargs) -> Response:
        return for_client(lambda client: view(clients().company(client, company_id), *args, **kwargs))()

    return guarded


@bp.get("/integrations")
@for_client
def integrations(_client: Client) -> Response:
    return _page([kind.shown() for kind in Kind])


@bp.get("/companies/<company_id>")
@for_company
def get_company(company: Company) -> Response:
    return jsonify(company.shown())


@bp.get("/companies/<company_id>/connections")
@for_company
def list_connections(company: Company) -> Response:
    return _page([one.shown(company) for one in company.connections.values()])


@bp.post("/companies/<company_id>/connections/<connection_id>/files")
@for_company
def upload(company: Company, connection_id: str) -> Response:
    connection, now = company.connection(connection_id), clients().world.clock.now().astimezone(UTC)
    for name, part in _files():
        content = part.held.content() or b""
        company.files.append(
            Uploaded(
                name=name,
                connection=connection,
                uploaded=now,
                size=part.held.size,
                sha256=part.held.sha256,
                kept=clients().world.files.keep(content),
            )
        )
    return jsonify({})


@bp.get("/companies/<company_id>/files")
@for_company
def list_files(company: Company) -> Response:
    return jsonify([one.shown() for one in company.files])


@bp.get("/companies/<company_id>/files/download")
@for_company
def download(company: Company) -> Response:
    return Response(_zip(company.of(_day(request.args.get("date")))), content_type="application/octet-stream")


def _files() -> list[tuple[str, ReceivedPart]]:
    """The files of an upload by their names, all of them good. Raises Refused."""
    body = received()
    files = [part for part in body.parts if part.name in FILE_PARTS and part.filename]
    if not body.multipart or not files:
        raise Refused(400, fault=("file", "No file was given: a part with a file name is needed."))
    if len(files) > MOST_FILES:
        raise Refused(400, fault=("file", f"At most {MOST_FILES} files can be uploaded at a time."))
    named = [(PurePosixPath(part.filename or "").name, part) for part in files]
    for name, part in named:
        if PurePosixPath(name).suffix[1:].lower() not in ENDINGS:
            raise Refused(400, fault=(name, "This type of file is not supported."))
        if part.held.size > FILE_BYTES:
            raise Refused(400, fault=(name, "The file is larger than 10 MB."))
    return named


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        # A `+` that came as it is has become a blank.
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise Refused(400, fault=("date", "The date is not valid.")) from None
    return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)).date()


def _zip(files: list[Uploaded]) -> bytes:
    """The files, each in the folder of its integration. What is too old to be kept is not among them."""
    made, taken = BytesIO(), set[str]()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for one in files:
            content = clients().world.files.read(one.kept)
            path = _free(PurePosixPath(one.connection.kind.platform, one.name), taken)
            if content is not None:
                archive.writestr(path, content)
    return made.getvalue()


def _free(path: PurePosixPath, taken: set[str]) -> str:
    """The path, with a number where a file of that name is there already."""
    number, free = 1, path
    while str(free) in taken:
        number += 1
        free = path.with_name(f"{path.stem} ({number}){path.suffix}")
    taken.add(str(free))
    return str(free)


def _page(items: list[dict[str, Any]]) -> Response:
    """One page of a list, in the wrapper that all but the Files API's have."""
    number, size = _number("page", 1), min(_number("pageSize", ON_A_PAGE), MOST_ON_A_PAGE)
    start = (number - 1) * size

    def link(page: int) -> dict[str, str]:
        return {"href": f"{request.path.removeprefix('/codat')}?page={page}&pageSize={size}"}

    links = {"self": {"href": request.path.removeprefix("/codat")}, "current": link(number)}
    if start + size < len(items):
        links["next"] = link(number + 1)
    if number > 1:
        links["previous"] = link(number - 1)
    return jsonify(
        results=items[start : start + size],
        pageNumber=number,
        pageSize=size,
        totalResults=len(items),
        _links=links,
    )


def _number(name: str, default: int) -> int:
    text = request.args.get(name, str(default))
    if not text.isdecimal() or not int(text):
        raise Refused(400, fault=(name, "A positive number is needed."))
    return int(text)

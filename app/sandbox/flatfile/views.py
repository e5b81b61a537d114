"""Flatfile's addresses. Every answer but a download has its content in `data`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, cast

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from app.sandbox.flatfile.accounts import Account, Accounts, Environment, File, Space, new_id
from app.sandbox.flatfile.errors import Refused, present
from app.sandbox.provider import received
from app.sandbox.state import sandbox

if TYPE_CHECKING:
    from app.sandbox.flatfile import Flatfile

P = ParamSpec("P")

bp = Blueprint("flatfile", __name__, url_prefix="/flatfile")

MODES: Final = ("import", "export")
ORIGINS: Final = ("filesystem", "googledrive", "box", "onedrive")
#: What is kept as it was given, and shown so.
ENVIRONMENT_GIVEN: Final = ("guestAuthentication", "metadata", "translationsPath", "namespaces", "languageOverride")
SPACE_GIVEN: Final = (
    *("spaceConfigId", "guestAuthentication", "displayOrder", "metadata", "settings", "actions", "access"),
    *("autoConfigure", "namespace", "labels", "languageOverride", "translationsPath", "primaryWorkbookId"),
    *("appId", "isAppTemplate", "archivedAt"),
)
FILES_ON_A_PAGE, OTHERS_ON_A_PAGE = 20, 10


def accounts() -> Accounts:
    return cast("Flatfile", sandbox().providers["flatfile"]).accounts


bp.register_error_handler(Refused, present)


def served(
    method: str, path: str
) -> Callable[[Callable[Concatenate[Account, P], Response]], Callable[Concatenate[Account, P], Response]]:
    """Serve a view to whoever has an account's key; a second slash, of a base URL that ends with one, does no harm."""

    def decorate(view: Callable[Concatenate[Account, P], Response]) -> Callable[Concatenate[Account, P], Response]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> Response:
            with accounts().lock:
                return view(accounts().account(request.headers.get("Authorization")), *args, **kwargs)

        for prefix in ("/v1/", "/v1//"):
            bp.add_url_rule(prefix + path, view_func=guarded, methods=[method], merge_slashes=False)
        return view

    return decorate


@served("POST", "files")
def upload(account: Account) -> Response:
    body, now = received(), accounts().world.clock.now()
    part = next((one for one in body.parts if one.name == "file" and one.is_file), None)
    if not body.multipart or part is None:
        raise Refused(400, "file is required", key="file")
    space, environment = account.space(_text("spaceId")), account.environment(_text("environmentId"))
    if space.environment_id != environment.id:
        raise Refused(400, "the space is not in this environment", key="environmentId")
    content = part.held.content()
    file = File(
        id=new_id("fl"),
        name=part.filename or "upload",
        mimetype=part.content_type or "application/octet-stream",
        size=part.held.size,
        space_id=space.id,
        mode=_one_of("mode", MODES, _text("mode", "import") or "import"),
        origin=_one_of("origin", ORIGINS, _text("origin", "filesystem")),
        created_at=now,
        updated_at=now,
        kept=None if content is None else accounts().world.files.keep(content),
    )
    account.files[file.id] = file
    return jsonify(data=file.shown())


@served("GET", "files")
def list_files(account: Account) -> Response:
    mode, space_id = request.args.get("mode") or "import", request.args.get("spaceId")
    found = [one for one in account.files.values() if one.mode == mode and space_id in {None, one.space_id}]
    for one in found:
        one.settle(accounts().world.clock.now())
    return _page([one.shown() for one in reversed(found)], FILES_ON_A_PAGE)


@served("GET", "files/<file_id>")
def get_file(account: Account, file_id: str) -> Response:
    file = account.file(file_id)
    file.settle(accounts().world.clock.now(), asked=True)
    return jsonify(data=file.shown())


@served("PATCH", "files/<file_id>")
def update_file(account: Account, file_id: str) -> Response:
    file, data = account.file(file_id), _json()
    texts = {key: data[key] for key in ("workbookId", "name", "mode", "status") if data.get(key) is not None}
    for key, value in texts.items():
        if not isinstance(value, str):
            raise Refused(400, f"{key} must be a string", key=key)
    if not isinstance(data.get("actions") or [], list):
        raise Refused(400, "actions must be an array", key="actions")
    file.mode = _one_of("mode", MODES, texts.get("mode", file.mode))
    file.name = texts.get("name", file.name)
    file.status = texts.get("status", file.status)
    file.workbook_id = texts.get("workbookId", file.workbook_id)
    file.actions = data.get("actions", file.actions)
    file.updated_at = accounts().world.clock.now()
    return jsonify(data=file.shown())


@served("DELETE", "files/<file_id>")
def delete_file(account: Account, file_id: str) -> Response:
    del account.files[account.file(file_id).id]
    return jsonify(data={"success": True})


@served("GET", "files/<file_id>/download")
def download(account: Account, file_id: str) -> Response:
    file = account.file(file_id)
    content = None if file.kept is None else accounts().world.files.read(file.kept)
    if content is None:
        # Where the sandbox falls short of the service, it says so.
        raise Refused(501, "The sandbox keeps its newest files, and none larger than 16 MiB")
    return Response(content, content_type=file.mimetype)


@served("POST", "environments")
def create_environment(account: Account) -> Response:
    data = _json()
    if not isinstance(data.get("name"), str) or not data["name"]:
        raise Refused(400, "name is required", key="name")
    if not isinstance(data.get("isProd"), bool):
        raise Refused(400, "isProd is required", key="isProd")
    made = Environment(
        id=new_id("env"), name=data["name"], is_prod=data["isProd"], given=_given(data, ENVIRONMENT_GIVEN)
    )
    account.environments[made.id] = made
    return jsonify(data=made.shown(account))


@served("GET", "environments")
def list_environments(account: Account) -> Response:
    return _page([one.shown(account) for one in account.environments.values()], OTHERS_ON_A_PAGE)


@served("GET", "environments/<environment_id>")
def get_environment(account: Account, environment_id: str) -> Response:
    return jsonify(data=account.environment(environment_id).shown(account))


@served("POST", "spaces")
def create_space(account: Account) -> Response:
    data, now = _json(), accounts().world.clock.now()
    name = data.get("name") or "Space"
    if not isinstance(name, str):
        raise Refused(400, "name must be a string", key="name")
    environment = account.environment(str(data.get("environmentId") or "current"))
    made = Space(
        id=new_id("sp"), name=name, environment_id=environment.id, created_at=now, given=_given(data, SPACE_GIVEN)
    )
    account.spaces[made.id] = made
    return jsonify(data=made.shown(account))


@served("GET", "spaces")
def list_spaces(account: Account) -> Response:
    wanted = request.args
    found = [
        one.shown(account)
        for one in account.spaces.values()
        if wanted.get("environmentId") in {None, one.environment_id}
        and wanted.get("namespace") in {None, one.given.get("namespace")}
        and wanted.get("search", "").casefold() in one.name.casefold()
    ]
    return _page(found, OTHERS_ON_A_PAGE)


@served("GET", "spaces/<space_id>")
def get_space(account: Account, space_id: str) -> Response:
    return jsonify(data=account.space(space_id).shown(account))


def _text(name: str, default: str | None = None) -> str:
    """A text part of an upload; without a default it has to be there. Raises Refused."""
    part = received().named(name)
    value = (part.held.content() or b"").decode(errors="replace") if part else default
    if not value and default is None:
        raise Refused(400, f"{name} is required", key=name)
    return value or ""


def _one_of(name: str, choices: Iterable[str], value: str) -> str:
    if value not in choices:
        raise Refused(400, f"{name} must be one of {', '.join(choices)}", key=name)
    return value


def _json() -> dict[str, Any]:
    try:
        data = request.get_json()
    except (BadRequest, UnsupportedMediaType):
        raise Refused(400, "The body is not valid JSON") from None
    if not isinstance(data, dict):
        raise Refused(400, "The body is not an object")
    return data


def _given(data: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: data[name] for name in names if data.get(name) is not None}


def _page(items: list[dict[str, Any]], size: int) -> Response:
    """One page of a list; they are counted from 1."""
    number, size = _number("pageNumber", 1), _number("pageSize", size)
    start = (number - 1) * size
    pages = -(-len(items) // size)
    return jsonify(
        data=items[start : start + size],
        pagination={"currentPage": number, "pageCount": pages, "totalCount": len(items)},
    )


def _number(name: str, default: int) -> int:
    text = request.args.get(name) or str(default)
    if not text.isdecimal() or not int(text):
        raise Refused(400, f"{name} must be a positive number", key=name)
    return int(text)

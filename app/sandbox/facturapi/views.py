"""Facturapi's addresses for organizations, API v2."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, cast

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from app.sandbox.facturapi import inputs
from app.sandbox.facturapi.errors import Refused, detail, present, stamp
from app.sandbox.facturapi.keys import Caller, Kind
from app.sandbox.facturapi.organizations import iso
from app.sandbox.provider import received
from app.sandbox.state import sandbox

if TYPE_CHECKING:
    from app.sandbox.body import ReceivedPart
    from app.sandbox.facturapi import Facturapi
    from app.sandbox.facturapi.account import Account
    from app.sandbox.facturapi.organizations import Organization

P = ParamSpec("P")

bp = Blueprint("facturapi", __name__, url_prefix="/facturapi")

#: Largest certificate or key; the service has a limit and does not say which.
CERTIFICATE_BYTES = 1 << 20
LOGO_BYTES = 500 * 1000
#: How the images begin that the service takes.
IMAGES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}


def account() -> Account:
    return cast("Facturapi", sandbox().providers["facturapi"]).account


bp.register_error_handler(Refused, present)
bp.after_request(stamp)


def _caller(kinds: tuple[Kind, ...]) -> Caller:
    """Whose key came, if its kind may do this and has not done it too often."""
    caller = account().keys.caller(request.headers.get("Authorization"))
    account().keep_to_limits(caller, writes=request.method not in {"GET", "HEAD"})
    if caller.kind not in kinds:
        test_only = caller.kind is Kind.TEST and Kind.LIVE in kinds
        raise Refused("live_api_key_required" if test_only else "api_key_not_allowed")
    return caller


def for_account(view: Callable[P, Response]) -> Callable[P, Response]:
    """Only the account's own key may do this."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Response:
        with account().lock:
            _caller((Kind.USER,))
            return view(*args, **kwargs)

    return guarded


def for_organization(
    *kinds: Kind,
) -> Callable[[Callable[Concatenate[Organization, P], Response]], Callable[..., Response]]:
    """Keys of those kinds may do this: an organization's only to itself, which it may call `me`."""

    def decorate(view: Callable[Concatenate[Organization, P], Response]) -> Callable[..., Response]:
        @wraps(view)
        def guarded(organization_id: str, *args: P.args, **kwargs: P.kwargs) -> Response:
            with account().lock:
                caller = _caller(kinds)
                if caller.organization_id is not None and organization_id in {"me", caller.organization_id}:
                    organization_id = caller.organization_id
                elif caller.kind is not Kind.USER or organization_id == "me":
                    raise Refused("api_key_not_allowed")
                return view(account().find(organization_id), *args, **kwargs)

        return guarded

    return decorate


def _json() -> Any:
    try:
        return request.get_json()
    except (BadRequest, UnsupportedMediaType):
        raise Refused("invalid_json", location="body") from None


@bp.post("/v2/organizations")
@for_account
def create() -> Response:
    return jsonify(account().add(inputs.body(_json(), inputs.NEW)["name"]).shown())


@bp.get("/v2/organizations")
@for_account
def search() -> Response:
    return jsonify(account().search(inputs.search(request.args)))


@bp.get("/v2/organizations/<organization_id>")
@for_organization(Kind.USER, Kind.LIVE, Kind.TEST)
def retrieve(organization: Organization) -> Response:
    return jsonify(organization.shown())


@bp.delete("/v2/organizations/<organization_id>")
@for_organization(Kind.USER)
def delete(organization: Organization) -> Response:
    account().delete(organization)
    return jsonify(organization.shown())


@bp.put("/v2/organizations/<organization_id>/legal")
@for_organization(Kind.USER, Kind.LIVE)
def update_legal(organization: Organization) -> Response:
    organization.update_legal(inputs.body(_json(), inputs.LEGAL))
    return jsonify(organization.shown())


@bp.put("/v2/organizations/<organization_id>/customization")
@for_organization(Kind.USER, Kind.LIVE)
def update_customization(organization: Organization) -> Response:
    organization.update_customization(inputs.body(_json(), inputs.CUSTOMIZATION))
    return jsonify(organization.shown())


@bp.put("/v2/organizations/<organization_id>/certificate")
@for_organization(Kind.USER, Kind.LIVE)
def upload_certificate(organization: Organization) -> Response:
    account().take_csd(organization, *_certificate_parts())
    return jsonify(organization.shown())


@bp.delete("/v2/organizations/<organization_id>/certificate")
@for_organization(Kind.USER, Kind.LIVE)
def delete_certificate(organization: Organization) -> Response:
    organization.csd.hold(None, account().world.clock.now())
    return jsonify(updated_at=iso(organization.csd.updated_at or organization.created_at))


@bp.put("/v2/organizations/<organization_id>/fiel")
@for_organization(Kind.USER, Kind.LIVE)
def upload_fiel(organization: Organization) -> Response:
    account().take_fiel(organization, *_certificate_parts())
    return jsonify(organization.shown())


@bp.put("/v2/organizations/<organization_id>/logo")
@for_organization(Kind.USER, Kind.LIVE)
def upload_logo(organization: Organization) -> Response:
    _multipart()
    part = _file("file")
    if part is None:
        raise Refused("image_file_required", location="files", path="file")
    content = part.held.content() or b""
    if len(content) > LOGO_BYTES or not content.startswith(tuple(IMAGES)):
        raise Refused("invalid_image_file", location="files", path="file")
    organization.hold_logo(f"{request.host_url}facturapi/files/{account().world.files.keep(content)}")
    return jsonify(organization.shown())


@bp.get("/v2/organizations/<organization_id>/apikeys/test")
@for_organization(Kind.USER)
def get_test_key(organization: Organization) -> Response:
    return jsonify(account().keys.test(organization.id))


@bp.put("/v2/organizations/<organization_id>/apikeys/test")
@for_organization(Kind.USER)
def renew_test_key(organization: Organization) -> Response:
    return jsonify(account().keys.renew_test(organization.id))


@bp.get("/v2/organizations/<organization_id>/apikeys/live")
@for_organization(Kind.USER)
def list_live_keys(organization: Organization) -> Response:
    return jsonify([key.shown() for key in account().keys.live(organization.id)])


@bp.put("/v2/organizations/<organization_id>/apikeys/live")
@for_organization(Kind.USER)
def add_live_key(organization: Organization) -> Response:
    return jsonify(account().keys.add_live(organization.id, account().world.clock.now()).secret)


@bp.delete("/v2/organizations/<organization_id>/apikeys/live/<key_id>")
@for_organization(Kind.USER)
def delete_live_key(organization: Organization, key_id: str) -> Response:
    account().keys.delete_live(organization.id, key_id)
    return jsonify([key.shown() for key in account().keys.live(organization.id)])


@bp.get("/files/<name>")
def download(name: str) -> Response:
    """A logo, where `logo_url` says that it is; the service has them on a host of their own."""
    content = account().world.files.read(name)
    if content is None:
        raise Refused("not_found")
    return Response(content, content_type=next(kind for start, kind in IMAGES.items() if content.startswith(start)))


def _multipart() -> None:
    if not received().multipart:
        raise Refused("invalid_multipart_form_data", location="body")


def _file(name: str) -> ReceivedPart | None:
    part = received().named(name)
    return part if part is not None and part.is_file and part.held.size else None


def _certificate_parts() -> tuple[bytes, bytes, str]:
    """`.cer`, `.key` and password, found by part name alone."""
    _multipart()
    cer, key, password = _file("cer"), _file("key"), received().named("password")
    if not any(part.is_file for part in received().parts):
        raise Refused("certificate_files_required", location="files")
    if cer is None:
        raise Refused("certificate_file_required", location="files", path="cer")
    if key is None:
        raise Refused("private_key_file_required", location="files", path="key")
    if password is None or not password.held.size:
        fault = detail("password", "required", 'El campo "password" es requerido.')
        raise Refused("invalid_request", details=[fault])
    if max(part.held.size for part in (cer, key, password)) > CERTIFICATE_BYTES:
        raise Refused("payload_too_large", location="files")
    secret = (password.held.content() or b"").decode(errors="replace")
    return cer.held.content() or b"", key.held.content() or b"", secret

"""What only the simulated Factify can be told: how processing ends, who signs in, which policies there are."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request

from app.sandbox.factify.ids import new_id
from app.sandbox.factify.papers import Version
from app.sandbox.factify.people import Organization, Policy
from app.sandbox.factify.service import EXPORT_SECONDS, Export, Processing, service
from app.sandbox.provider import BadSeed

bp = Blueprint("control", __name__)


def _order(*names: str) -> dict[str, Any]:
    """The order's body, if it has no others than those. Raises BadSeed."""
    data = request.get_json()
    if not isinstance(data, dict) or not data.keys() <= set(names):
        raise BadSeed(f"an object with, at most, {', '.join(names)}")
    return data


def _organization(data: dict[str, Any]) -> Organization:
    key = service().keys.get(data.get("key", ""))
    if key is None:
        raise BadSeed("key: one that is known")
    return service().organizations[key.organization_id]


@bp.post("/processing")
def order_processing() -> Response:
    """`{"key", "result", "seconds"}`: how what its organization uploads from now on ends, and after how long.

    Without `seconds` it goes on for ever, or until `/processed`.
    """
    data = _order("key", "result", "seconds")
    result, seconds = data.get("result", "ready"), data.get("seconds")
    if result not in {"ready", "failed"}:
        raise BadSeed("result: ready or failed")
    if seconds is not None and (type(seconds) not in {int, float} or seconds < 0):
        raise BadSeed("seconds: a number, or none at all")
    with service().lock:
        service().processing[_organization(data).id] = Processing(result=result, seconds=seconds)
    return jsonify({})


@bp.post("/export")
def order_export() -> Response:
    """`{"key", "seconds", "headers"}`: how long its organization's files can be fetched, and what to send for them."""
    data = _order("key", "seconds", "headers")
    seconds, headers = data.get("seconds", EXPORT_SECONDS), data.get("headers", {})
    if type(seconds) not in {int, float} or seconds < 0:
        raise BadSeed("seconds: a number")
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        raise BadSeed("headers: an object of texts")
    with service().lock:
        service().exports[_organization(data).id] = Export(seconds=seconds, headers=headers)
    return jsonify({})


@bp.post("/processed")
def end_processing() -> Response:
    """`{"id", "status"}`: processing of that document's current version, or of that version, ends now."""
    data = _order("id", "status")
    if data.get("status") not in {"ready", "failed"}:
        raise BadSeed("status: ready or failed")
    with service().lock:
        version = _version(data.get("id", ""))
        version.result, version.ends_at = data["status"], service().now()
    return jsonify({})


def _version(version_id: str) -> Version:
    if (document := service().documents.get(version_id)) is not None:
        return document.current
    if (version := service().versions.get(version_id)) is not None:
        return version
    raise BadSeed("id: of a document or a version")


@bp.post("/token")
def sign_in() -> Response:
    """`{"key"}` or `{"email"}`: a token of the key's owner, or of whoever has that address, who may be new."""
    data = _order("key", "email")
    with service().lock:
        if "key" in data:
            _organization(data)
            user = service().users[service().keys[data["key"]].user_id]
        elif isinstance(data.get("email"), str) and "@" in data["email"]:
            user = service().user(data["email"])
        else:
            raise BadSeed("email: an address")
        return jsonify(token=service().sign_in(user), user=user.shown())


@bp.get("/invites/<invite_id>")
def read_mail(invite_id: str) -> Response:
    """The token that was mailed with an invitation."""
    for organization in service().organizations.values():
        if invite_id in organization.invites:
            return jsonify(token=organization.invites[invite_id].token)
    raise BadSeed("invite_id: of an invitation")


@bp.post("/policies")
def add_policy() -> Response:
    """`{"key", "name"}`: a policy that the key's organization can attach."""
    data = _order("key", "name")
    if not isinstance(data.get("name"), str):
        raise BadSeed("name: a text")
    with service().lock:
        made = Policy(id=new_id("pol"), name=data["name"], created_at=service().now())
        _organization(data).policies[made.id] = made
        return jsonify(policy=made.shown())

"""`api_keys`: made, listed, revoked by those who run an organization."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from flask import request

from app.sandbox.factify import inputs, paging
from app.sandbox.factify.errors import Refused
from app.sandbox.factify.inputs import Field
from app.sandbox.factify.moments import iso, to_millisecond
from app.sandbox.factify.routing import operation
from app.sandbox.factify.service import Caller, service

LONGEST: Final = timedelta(hours=8760)

_NEW: Final = {
    "name": Field(read=inputs.text(least=1), required=True),
    "organization_id": Field(read=inputs.an_id("org"), required=True),
    "expires_at": Field(read=inputs.moment),
}


@operation("GET", "/api-keys")
def search(caller: Caller) -> dict[str, Any]:
    """Expired keys are listed; revoked ones where they are asked for."""
    if "organization_id" not in request.args:
        raise Refused("missing_required_field", param="organization_id")
    organization = service().organization(caller, request.args["organization_id"], runs=True)
    all_of_them, now = inputs.flag("include_revoked"), service().now()
    return paging.page(
        [key for key in service().keys_of(organization) if all_of_them or key.revoked_at is None],
        lambda key: key.shown(now),
        key=lambda key: (iso(key.created_at), key.id),
    )


@operation("POST", "/api-keys")
def create(caller: Caller) -> dict[str, Any]:
    wanted, now = inputs.body(_NEW), service().now()
    organization = service().organization(caller, wanted["organization_id"], runs=True)
    ends = wanted.get("expires_at")
    if ends is not None and not now < ends <= now + LONGEST:
        raise Refused("invalid_field_value", "A key lasts a year at most", param="expires_at")
    made = service().add_key(organization, caller.user, wanted["name"], expires_at=ends and to_millisecond(ends))
    return {"api_key": made.shown(now), "secret": made.secret}


@operation("POST", "/api-keys/<key_id>/revoke")
def revoke(caller: Caller, key_id: str) -> dict[str, Any]:
    key = service().key(key_id)
    service().organization(caller, key.organization_id, runs=True)
    inputs.body({"reason": Field(read=inputs.text())})
    key.revoked_at = key.revoked_at or service().now()
    return {"api_key": key.shown(service().now())}

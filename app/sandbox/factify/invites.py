"""`organizations.invites`: by e-mail, for a week, until accepted or revoked."""

from __future__ import annotations

import hmac
from typing import Any, Final

from flask import request

from app.sandbox.factify import inputs, paging
from app.sandbox.factify.errors import Refused
from app.sandbox.factify.ids import checked
from app.sandbox.factify.inputs import Field
from app.sandbox.factify.moments import iso
from app.sandbox.factify.people import INVITE_LASTS, Invite, Organization
from app.sandbox.factify.routing import operation
from app.sandbox.factify.service import Caller, service

MESSAGE_BYTES: Final = 2000

_NEW: Final = {
    "email": Field(read=inputs.text(least=1), required=True),
    "message": Field(read=inputs.text(most=MESSAGE_BYTES)),
    "idempotency_key": Field(read=inputs.text()),
}
_STATUSES: Final = ("pending", "accepted", "expired", "revoked")


@operation("GET", "/organizations/<organization_id>/invites")
def search(caller: Caller, organization_id: str) -> dict[str, Any]:
    organization, now = service().organization(caller, organization_id, runs=True), service().now()
    statuses, in_time = inputs.choices("status", _STATUSES), inputs.bounds("created")
    exact, sender = request.args.get("email.exact"), request.args.get("sender_id")
    part = request.args.get("email.contains", "").casefold()
    found = [
        one
        for one in organization.invites.values()
        if (not statuses or one.status(now) in statuses)
        and part in one.email.casefold()
        and exact in {None, one.email}
        and sender in {None, one.sender.id}
        and in_time(one.created_at)
    ]
    return paging.page(found, lambda one: one.shown(now), key=lambda one: (iso(one.created_at), one.id))


@operation("POST", "/organizations/<organization_id>/invites")
def create(caller: Caller, organization_id: str) -> dict[str, Any]:
    """One that is pending for the same address is mailed again instead."""
    organization, now = service().organization(caller, organization_id, runs=True), service().now()
    wanted = inputs.body(_NEW)
    email, message = wanted["email"], wanted.get("message")
    if "@" not in email:
        raise Refused("invalid_field_value", param="email")
    if message is not None and len(message.encode()) > MESSAGE_BYTES:
        raise Refused("invalid_field_value", param="message")
    if any(_same(member.user.email, email) for member in organization.members.values()):
        raise Refused("precondition_failed", "The address belongs to a member")
    for invite in organization.invites.values():
        if _same(invite.email, email) and invite.status(now) == "pending":
            invite.renew(now)
            return {"invite": invite.shown(now)}
    made = Invite(
        organization_id=organization.id,
        email=email,
        sender=caller.user,
        created_at=now,
        expires_at=now + INVITE_LASTS,
        message=message,
    )
    organization.invites[made.id] = made
    return {"invite": made.shown(now)}


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


@operation("POST", "/organizations/<organization_id>/invites/accept")
def accept(caller: Caller, organization_id: str) -> dict[str, Any]:
    """The caller is no member yet: the token lets them in."""
    organization = service().organizations.get(checked("org", organization_id, "organization_id"))
    token = inputs.body({"token": Field(read=inputs.text(least=1), required=True)})["token"]
    now = service().now()
    pending = [one for one in (organization.invites.values() if organization else ()) if one.status(now) == "pending"]
    found = [one for one in pending if hmac.compare_digest(one.token.encode(), token.encode())]
    if organization is None or not found:
        raise Refused("resource_not_found", "Invitation not found")
    if not _same(found[0].email, caller.user.email):
        raise Refused("insufficient_permissions", "The invitation is for another address")
    if caller.user.id in organization.members:
        raise Refused("precondition_failed", "You are a member")
    found[0].accepted_at, found[0].accepted_by = now, caller.user
    organization.join(caller.user, "member", now)
    return {"organization": organization.shown()}


def _open(organization: Organization, invite_id: str, *statuses: str) -> Invite:
    """The invitation, if it is in one of those states. Raises Refused."""
    inputs.body({})
    invite = organization.invites.get(checked("inv", invite_id, "invite_id"))
    if invite is None:
        raise Refused("resource_not_found", "Invitation not found")
    if invite.status(service().now()) not in statuses:
        raise Refused("precondition_failed", "The invitation is no longer open")
    return invite


@operation("POST", "/organizations/<organization_id>/invites/<invite_id>/resend")
def resend(caller: Caller, organization_id: str, invite_id: str) -> dict[str, Any]:
    organization, now = service().organization(caller, organization_id, runs=True), service().now()
    invite = _open(organization, invite_id, "pending", "expired")
    invite.renew(now)
    return {"invite": invite.shown(now)}


@operation("POST", "/organizations/<organization_id>/invites/<invite_id>/revoke")
def revoke(caller: Caller, organization_id: str, invite_id: str) -> dict[str, Any]:
    organization = service().organization(caller, organization_id, runs=True)
    invite = _open(organization, invite_id, "pending")
    invite.revoked = True
    return {"invite": invite.shown(service().now())}

"""`organizations` and `organizations.members`."""

from __future__ import annotations

from typing import Any, Final

from app.sandbox.factify import inputs, paging
from app.sandbox.factify.errors import Refused
from app.sandbox.factify.inputs import Field
from app.sandbox.factify.moments import iso
from app.sandbox.factify.people import Member, Organization
from app.sandbox.factify.routing import operation
from app.sandbox.factify.service import Caller, service

_ROLE: Final = Field(read=inputs.one_of(inputs.MEMBER_ROLES), required=True)
_MEMBER: Final = {"role": _ROLE, "user_id": Field(read=inputs.an_id("user"), required=True)}


@operation("GET", "/organizations")
def search(caller: Caller) -> dict[str, Any]:
    """Those of the caller; a key sees the one that it belongs to."""
    roles = inputs.choices("role", inputs.MEMBER_ROLES)
    found = service().of_user(caller.user)
    if caller.key is not None:
        found = [one for one in found if one.id == caller.key.organization_id]
    return paging.page(
        [one for one in found if not roles or one.members[caller.user.id].role in roles],
        Organization.shown,
        key=lambda one: (iso(one.created_at), one.id),
    )


@operation("GET", "/organizations/<organization_id>")
def get(caller: Caller, organization_id: str) -> dict[str, Any]:
    return {"organization": service().organization(caller, organization_id).shown()}


@operation("PATCH", "/organizations/<organization_id>")
def update(caller: Caller, organization_id: str) -> dict[str, Any]:
    organization = service().organization(caller, organization_id, runs=True)
    organization.name = inputs.body({"name": Field(read=inputs.text(least=1))}).get("name") or organization.name
    return {"organization": organization.shown()}


@operation("GET", "/organizations/<organization_id>/members")
def list_members(caller: Caller, organization_id: str) -> dict[str, Any]:
    members = service().organization(caller, organization_id).members
    return paging.page(members.values(), Member.shown, key=lambda one: (iso(one.joined_at), one.user.id))


@operation("POST", "/organizations/<organization_id>/members")
def add_member(caller: Caller, organization_id: str) -> dict[str, Any]:
    organization = service().organization(caller, organization_id, runs=True)
    wanted = inputs.body(_MEMBER)
    user = service().users.get(wanted["user_id"])
    if user is None:
        raise Refused("resource_not_found", "User not found")
    if user.id in organization.members:
        raise Refused("resource_already_exists", "The user is a member")
    _not_owner(wanted["role"])
    return {"member": organization.join(user, wanted["role"], service().now()).shown()}


def _not_owner(role: str) -> None:
    """An organization has one owner, who stays that."""
    if role == "owner":
        raise Refused("precondition_failed", "The owner cannot be changed")


def _member(organization: Organization, user_id: str) -> Member:
    inputs.an_id("user")("user_id", user_id)
    if user_id not in organization.members:
        raise Refused("resource_not_found", "Member not found")
    member = organization.members[user_id]
    _not_owner(member.role)
    return member


@operation("PATCH", "/organizations/<organization_id>/members/<user_id>")
def update_member(caller: Caller, organization_id: str, user_id: str) -> dict[str, Any]:
    organization = service().organization(caller, organization_id, runs=True)
    role = inputs.body({"role": _ROLE})["role"]
    member = _member(organization, user_id)
    _not_owner(role)
    member.role = role
    return {"member": member.shown()}


@operation("DELETE", "/organizations/<organization_id>/members/<user_id>")
def remove_member(caller: Caller, organization_id: str, user_id: str) -> dict[str, Any]:
    """Whoever is a member may leave."""
    organization = service().organization(caller, organization_id, runs=user_id != caller.user.id)
    del organization.members[_member(organization, user_id).user.id]
    return {}

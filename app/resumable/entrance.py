"""Who sends a file in pieces, and what it is for: by a gateway token, or by a form's page.

A token's file says itself where it goes, in its metadata; a page's goes where its form does. Whoever goes on with a
file has to know its address, and a token's has to bring a token that may act for the same organization.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from flask import request
from tink.aead import Aead

from app.api import entrance as api
from app.api import receiving
from app.api.errors import NothingHere
from app.checks import Policy, Rejected
from app.delivery import Origin
from app.intake import Streamed, check_origin
from app.intake.errors import UnknownPart
from app.portal import entrance as portal
from app.portal import forms, framing
from app.providers import registry
from app.providers.operation import Mode, Operation
from app.records import resumables, uploads
from app.records.models import Resumable
from app.resumable.errors import Gone, PassphraseNeeded
from app.resumable.purpose import Purpose
from app.services import services
from app.tenants import organizations, tokens
from app.tenants.doors import Admitted
from app.tenants.errors import Suspended, Unauthorized
from app.tenants.models import Connection, Form, Link, Organization

#: What a page says of itself, beside its CSRF token.
FORM, LINK, CSRF = "Ventanilla-Form", "Ventanilla-Link", "X-CSRF-Token"
#: And that it is inside another's.
EMBEDDED: Final = "Ventanilla-Embedded"
#: What a token's file says of itself; all else are fields of its operation.
WHERE: Final = ("organization", "connection", "operation")
FILE: Final = ("filename", "filetype")
CSRF_FIELD: Final = "csrf_token"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A way in. Without an origin it is for a part of another file, which says what it is for when they are joined."""

    organization_id: UUID
    api_token_id: UUID | None = None
    form_id: UUID | None = None
    link_id: UUID | None = None
    origin: Origin | None = None
    operation: Operation | None = None
    #: Whether a copy may be kept of it at all.
    durable: bool = True
    fields: Mapping[str, str]
    policy: Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A file that is on its way, and who may go on with it is there."""

    organization_id: UUID
    row: Resumable
    cipher: Aead
    purpose: Purpose

    @property
    def by_token(self) -> bool:
        return self.row.api_token_id is not None


def to_begin(said: Mapping[str, str], *, part: bool) -> Opening:
    """Find who begins a file, and what for; raises what keeps it out."""
    if "Authorization" in request.headers:
        return _part_by_token(said) if part else _by_token(said)
    return _by_page(said, part=part)


def to_resumable(key: str) -> Found:
    """Find a file by its address, for who may go on with it; raises Gone where its time is over."""
    known = resumables.find(services().database, key)
    if known is None:
        raise NothingHere
    organization_id, resumable_id = known
    with services().database.transaction(organization_id) as session:
        row = resumables.get(session, resumable_id)
        cipher = services().vault.cipher(session, organization_id)
    if row.api_token_id is None:
        check_origin(request.headers, services().settings.origins)
    elif _admitted().owner not in {None, organization_id}:
        raise NothingHere
    if row.expires_at <= services().clock():
        raise Gone
    purpose = Purpose.unseal(row.sealed, cipher, organization_id, resumable_id)
    return Found(organization_id=organization_id, row=row, cipher=cipher, purpose=purpose)


def origin(found: Found) -> tuple[Origin, Policy]:
    """Where a file that is whole by now comes from, and what its form lets pass."""
    row, purpose = found.row, found.purpose
    with services().database.transaction(found.organization_id) as session:
        organization = organizations.get(session, found.organization_id)
        connection = session.get_one(Connection, row.connection_id)
        form = session.get(Form, row.form_id) if row.form_id else None
        link = session.get(Link, row.link_id) if row.link_id else None
    comes_from = Origin(
        organization=organization,
        connection=connection,
        form_id=row.form_id,
        link=link,
        api_token_id=row.api_token_id,
        locale=purpose.locale,
        notice_version=purpose.notice_version,
        actor=purpose.actor,
        external_id=purpose.external_id,
        metadata=purpose.metadata,
        outcome_token=purpose.outcome_token,
    )
    return comes_from, Policy.parse(form.settings or {}) if form else Policy()


def _by_token(said: Mapping[str, str]) -> Opening:
    _admitted()
    for name in WHERE:
        if not said.get(name):
            raise Rejected("missing-field", field=name)
    way = api.to_hand_in(*(said[name] for name in WHERE))
    fields = {field.name for field in way.operation.fields}
    _check_known(said, {*WHERE, *FILE, *fields, *receiving.OWN_FIELDS})
    own = {name: said[name] for name in said if name in fields or name in receiving.OWN_FIELDS}
    received = receiving.taken_apart(Streamed(fields=own, secrets={}, file=None))
    return Opening(
        organization_id=way.destination.organization.id,
        api_token_id=way.token_id,
        origin=way.origin(external_id=received.external_id, metadata=received.metadata),
        operation=way.operation,
        durable=Mode.DURABLE in way.operation.modes,
        fields=received.body.fields,
        policy=Policy(),
    )


def _part_by_token(said: Mapping[str, str]) -> Opening:
    """Of the organization that is named, or else the token's own."""
    admitted = _admitted(said.get("organization"))
    owner = admitted.organization_id if "organization" in said else admitted.owner
    if owner is None and "organization" not in said:
        raise Rejected("missing-field", field="organization")
    if owner is None or admitted.owner not in {None, owner}:
        raise NothingHere
    _check_open(owner)
    return Opening(organization_id=owner, api_token_id=admitted.id, fields={}, policy=Policy())


def _by_page(said: Mapping[str, str], *, part: bool) -> Opening:
    form, link = request.headers.get(FORM), request.headers.get(LINK)
    if (form is None) == (link is None):
        raise Unauthorized
    check_origin(request.headers, services().settings.origins)
    if EMBEDDED in request.headers:
        framing.begin()
    way = portal.by_link(link) if link is not None else portal.by_form(form or "")
    if way.locked:
        raise PassphraseNeeded
    token = said.get(CSRF_FIELD) or request.headers.get(CSRF, "")
    of_page = Opening(
        organization_id=way.organization.id,
        form_id=way.form.id,
        link_id=way.link.id if way.link else None,
        fields={},
        policy=way.policy,
    )
    if part:
        forms.check_token(token)
        return of_page
    declared = {field.name for field in way.fields}
    _check_known(said, {*FILE, *declared, *forms.OWN_FIELDS})
    shown = forms.build(way, {**said, CSRF_FIELD: token})
    sent = forms.Sent(body=Streamed(fields={}, secrets={}, file=None), form=shown)
    sent.check()
    values = {name: said[name] for name in declared if said.get(name)}
    outcome_token = sent.outcome_token or uploads.new_outcome_token()[0]
    return Opening(
        organization_id=of_page.organization_id,
        form_id=of_page.form_id,
        link_id=of_page.link_id,
        origin=way.origin(notice_version=way.organization.notice_version, outcome_token=outcome_token),
        operation=way.operation,
        durable=way.mode is Mode.DURABLE,
        fields={**values, **way.presets},
        policy=way.policy,
    )


def _admitted(slug: str | None = None) -> Admitted:
    """A good token that may hand in."""
    return api.let_in(tokens.WRITE, slug=slug)


def _check_open(organization_id: UUID) -> None:
    with services().database.transaction(organization_id) as session:
        found: Organization = organizations.get(session, organization_id)
    if found.suspended_at is not None:
        raise Suspended


def _check_known(said: Mapping[str, str], names: set[str]) -> None:
    for name in said:
        if name not in names:
            raise UnknownPart(name=name)


def operation(found: Found) -> Operation:
    """What a file is handed in as."""
    return registry.operation(found.purpose.operation)

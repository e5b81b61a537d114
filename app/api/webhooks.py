"""Webhook endpoints: where an organization's own services are told of what happens, and what was sent there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final, Self
from uuid import UUID

from flask import url_for
from pydantic import Field
from sqlalchemy.orm import Session

from app.api import etags, places
from app.api.asking import Asker
from app.api.errors import NothingHere
from app.api.paging import Page, Paging, page
from app.api.resources import Resource
from app.api.schemas import UNSAID, Change, Model
from app.delivery.egress import Egress
from app.providers.wire import Reply
from app.records.events import EVENTS
from app.records.models import WebhookDelivery
from app.services import services
from app.tenants import models
from app.tenants.tokens import Scope
from app.webhooks import endpoints
from app.webhooks.endpoints import LONGEST_URL, OVERLAP, Because
from app.webhooks.sending import Messenger, told

resource = Resource(
    "Webhooks", "Where services are told of what happens: docs/webhooks.md. Under “house”, of all organizations."
)

LONGEST_OVERLAP: Final = timedelta(days=30)

#: Everything that there is to be told of.
Event = StrEnum("Event", {name: name for name in EVENTS})  # type: ignore[misc]

Url = Annotated[
    str, Field(description="Where webhooks go; https, and no address of a private network.", max_length=LONGEST_URL)
]
Events = Annotated[list[Event], Field(description="What it is told of; empty: of everything.")]
Disabled = Annotated[bool, Field(description="Nothing is sent there then, and what was to be sent has failed.")]


class Endpoint(Model):
    """Where webhooks go."""

    id: UUID
    url: Url
    events: Events
    disabled_at: datetime | None
    disabled_because: Because | None
    failing_since: Annotated[datetime | None, Field(description="Since when nothing has arrived.")]
    created_at: datetime

    @classmethod
    def of(cls, row: models.WebhookEndpoint) -> Self:
        """Show a row."""
        return cls.model_validate({name: getattr(row, name) for name in cls.model_fields})


class EndpointPage(Page[Endpoint]):
    """Endpoints, oldest first."""


class NewEndpoint(Model):
    """An endpoint that is to be made."""

    url: Url
    events: Events = Field(default_factory=list)


class EndpointChange(Change):
    """What is to be changed of an endpoint."""

    url: Url = UNSAID
    events: Events = UNSAID
    disabled: Disabled = UNSAID


class Secret(Model):
    """What webhooks are signed with, as the libraries of standardwebhooks take it."""

    secret: Annotated[str, Field(description="Shown this once.", examples=["whsec_…"])]
    former_until: Annotated[datetime | None, Field(description="Until when those before it sign, too.")]


class MadeEndpoint(Model):
    """An endpoint that was just made."""

    endpoint: Endpoint
    secret: Annotated[str, Field(description="What its webhooks are signed with; shown this once.")]


class Overlap(Model):
    """How long a secret signs yet that another takes the place of."""

    overlap_seconds: Annotated[int, Field(ge=0, le=int(LONGEST_OVERLAP.total_seconds()))] = int(OVERLAP.total_seconds())


class Tested(Model):
    """What came of a webhook that tells of nothing."""

    arrived: bool
    answer: Annotated[str, Field(description="The status, or why there was none.", examples=["204", "timeout"])]


class Delivery(Model):
    """What an endpoint is to be told, or was."""

    id: UUID
    event_id: Annotated[UUID, Field(description="`webhook-id`: the same however often it is sent.")]
    event: Event
    tries: int
    due_at: Annotated[datetime, Field(description="When it is tried next, where it has not ended.")]
    ended_at: datetime | None
    arrived: bool
    answer: Annotated[str | None, Field(description="What the last try came to.")]
    created_at: datetime

    @classmethod
    def of(cls, row: WebhookDelivery) -> Self:
        """Show a row."""
        return cls.model_validate({name: getattr(row, name) for name in cls.model_fields})


class DeliveryWhole(Delivery):
    """What an endpoint is to be told, or was, with what is sent."""

    body: Annotated[str | None, Field(description="To the letter; null until it is sent for the first time.")]


class DeliveryPage(Page[Delivery]):
    """Deliveries, the newest first."""


class DeliveryQuery(Paging):
    """Which deliveries are listed."""

    failed: Annotated[bool, Field(description="Only those that were tried for long enough.")] = False


class Again(Model):
    """How many are sent again."""

    count: int


COLLECTION: Final = "/organizations/<organization>/webhooks"
ONE: Final = f"{COLLECTION}/<uuid:endpoint_id>"


@resource.route("GET", COLLECTION, scope=Scope.WEBHOOKS_MANAGE, query=Paging, shows=EndpointPage, house=True)
def list_webhooks(asker: Asker, query: Paging) -> EndpointPage:
    """List the endpoints of an organization."""
    with asker.transaction() as session:
        found = endpoints.after(session, query.after_id, query.limit + 1)
    return page(EndpointPage, found, query, key=lambda one: str(one.id), show=Endpoint.of)


@resource.route(
    "POST", COLLECTION, scope=Scope.WEBHOOKS_MANAGE, takes=NewEndpoint, shows=MadeEndpoint, status=201, house=True
)
def create_webhook(asker: Asker, body: NewEndpoint) -> tuple[MadeEndpoint, dict[str, str]]:
    """Tell an address of what happens from now on. The secret that webhooks are signed with is shown once."""
    with asker.transaction() as session:
        made, secret = endpoints.add(
            session,
            services().vault,
            _egress(),
            organization_id=asker.organization_id,
            url=body.url,
            events=body.events,
            actor=asker.actor,
            now=services().clock(),
        )
    where = url_for("api.show_webhook", organization=asker.slug, endpoint_id=made.id)
    return MadeEndpoint(endpoint=Endpoint.of(made), secret=secret.get_secret_value()), {"Location": where}


@resource.route("GET", ONE, scope=Scope.WEBHOOKS_MANAGE, shows=Endpoint, house=True, tagged=True)
def show_webhook(asker: Asker, endpoint_id: UUID) -> Endpoint:
    """Show an endpoint."""
    with asker.transaction() as session:
        return Endpoint.of(_find(session, endpoint_id))


@resource.route(
    "PATCH", ONE, scope=Scope.WEBHOOKS_MANAGE, takes=EndpointChange, shows=Endpoint, house=True, tagged=True
)
def edit_webhook(asker: Asker, endpoint_id: UUID, body: EndpointChange) -> Endpoint:
    """Change where an endpoint is or what it is told of, disable it, or enable it again.

    Once it is enabled it is told of what happens from then on; what it missed is sent by `redeliver`.
    """
    said, now = body.said(), services().clock()
    with asker.transaction() as session:
        found = _find(session, endpoint_id, lock=True)
        etags.check(Endpoint.of(found))
        if changes := {name: value for name, value in said.items() if name != "disabled"}:
            endpoints.edit(session, found, _egress(), **changes, actor=asker.actor, now=now)
        session.flush()
        if said.get("disabled") is True:
            endpoints.disable(session, found, Because.OPERATOR, actor=asker.actor, now=now)
        elif said.get("disabled") is False:
            endpoints.enable(session, found, actor=asker.actor, now=now)
        session.flush()
        session.refresh(found)
        return Endpoint.of(found)


@resource.route("DELETE", ONE, scope=Scope.WEBHOOKS_MANAGE, status=204, house=True, tagged=True)
def delete_webhook(asker: Asker, endpoint_id: UUID) -> None:
    """Forget an endpoint, its secrets, and what was sent there or still is to be."""
    with asker.transaction() as session:
        found = _find(session, endpoint_id, lock=True)
        etags.check(Endpoint.of(found))
        endpoints.remove(session, found, actor=asker.actor, now=services().clock())


@resource.route("POST", f"{ONE}/rotate-secret", scope=Scope.WEBHOOKS_MANAGE, query=Overlap, shows=Secret, house=True)
def rotate_webhook_secret(asker: Asker, endpoint_id: UUID, query: Overlap) -> Secret:
    """Sign with a new secret, which is shown once; those before it sign, too, until the overlap is over."""
    now, overlap = services().clock(), timedelta(seconds=query.overlap_seconds)
    with asker.transaction() as session:
        found = _find(session, endpoint_id, lock=True)
        secret = endpoints.rotate_secret(session, services().vault, found, actor=asker.actor, now=now, overlap=overlap)
    return Secret(secret=secret.get_secret_value(), former_until=now + overlap)


@resource.route("POST", f"{ONE}/test", scope=Scope.WEBHOOKS_MANAGE, shows=Tested, house=True)
def test_webhook(asker: Asker, endpoint_id: UUID) -> Tested:
    """Send a webhook that tells of nothing, and say what is answered. A disabled endpoint is tried, too."""
    parts = services()
    with asker.transaction() as session:
        _find(session, endpoint_id)
    messenger = Messenger.from_settings(parts.database, parts.vault, parts.settings, parts.clock)
    answer = messenger.try_out(asker.organization_id, endpoint_id, actor=asker.actor)
    return Tested(arrived=isinstance(answer, Reply) and answer.ok, answer=told(answer))


@resource.route(
    "GET", f"{ONE}/deliveries", scope=Scope.WEBHOOKS_MANAGE, query=DeliveryQuery, shows=DeliveryPage, house=True
)
def list_webhook_deliveries(asker: Asker, endpoint_id: UUID, query: DeliveryQuery) -> DeliveryPage:
    """List what an endpoint was told and is to be told, the newest first."""
    with asker.transaction() as session:
        found = endpoints.deliveries(
            session,
            _find(session, endpoint_id),
            failed=query.failed,
            before=places.read(query.after),
            limit=query.limit + 1,
        )
    return page(DeliveryPage, found, query, key=lambda one: places.written((one.created_at, one.id)), show=Delivery.of)


@resource.route(
    "GET", f"{ONE}/deliveries/<uuid:delivery_id>", scope=Scope.WEBHOOKS_MANAGE, shows=DeliveryWhole, house=True
)
def show_webhook_delivery(asker: Asker, endpoint_id: UUID, delivery_id: UUID) -> DeliveryWhole:
    """Show one, with what is sent."""
    with asker.transaction() as session:
        found = session.get(WebhookDelivery, delivery_id)
        if found is None or found.endpoint_id != _find(session, endpoint_id).id:
            raise NothingHere
        return DeliveryWhole.of(found)


@resource.route(
    "POST",
    f"{ONE}/redeliver",
    scope=Scope.WEBHOOKS_MANAGE,
    shows=Again,
    status=202,
    problems=(409,),
    house=True,
)
def redeliver_webhooks(asker: Asker, endpoint_id: UUID) -> Again:
    """Send all that failed once more, each under its own `webhook-id`."""
    with _in_hand(asker, endpoint_id) as (session, found, now):
        return Again(count=endpoints.redeliver(session, found, actor=asker.actor, now=now))


@resource.route(
    "POST",
    f"{ONE}/deliveries/<uuid:delivery_id>/redeliver",
    scope=Scope.WEBHOOKS_MANAGE,
    shows=Delivery,
    status=202,
    problems=(409,),
    house=True,
)
def redeliver_webhook(asker: Asker, endpoint_id: UUID, delivery_id: UUID) -> Delivery:
    """Send one once more, under its own `webhook-id`, although it arrived."""
    with _in_hand(asker, endpoint_id) as (session, found, now):
        if not endpoints.redeliver(session, found, delivery_id=delivery_id, actor=asker.actor, now=now):
            raise NothingHere
        return Delivery.of(session.get_one(WebhookDelivery, delivery_id))


@contextmanager
def _in_hand(asker: Asker, endpoint_id: UUID) -> Iterator[tuple[Session, models.WebhookEndpoint, datetime]]:
    with asker.transaction() as session:
        yield session, _find(session, endpoint_id), services().clock()


def _find(session: Session, endpoint_id: UUID, *, lock: bool = False) -> models.WebhookEndpoint:
    found = endpoints.lock(session, endpoint_id) if lock else endpoints.find(session, endpoint_id)
    if found is None:
        raise NothingHere
    return found


def _egress() -> Egress:
    return Egress(services().settings.egress_allow)

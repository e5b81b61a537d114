"""Hand-ins by somebody here, for a customer on the telephone: through the same intake, checks and delivery as theirs.

A file streams to its provider while it arrives. The upload's history says who handed it in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from flask import g, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.api.asking import Asker
from app.api.errors import NothingHere
from app.checks import Policy
from app.dashboard import refusing, taking
from app.dashboard.pages import page
from app.dashboard.rights import Right
from app.dashboard.whose import ORGANIZATION
from app.delivery import Origin, Result
from app.errors import Refusal
from app.intake import Collected, Limits, Streamed
from app.intake.shedding import Caller
from app.portal import entrance, forms
from app.portal.accepting import Picker
from app.portal.errors import Suspended
from app.providers import registry
from app.providers.operation import Mode, Operation
from app.records import uploads
from app.records.uploads import AlreadyHandedIn
from app.services import services
from app.tenants import connections, organizations
from app.tenants.models import Connection, Organization

CHOICE: Final = f"{ORGANIZATION}/hand-in"
ONE: Final = f"{CHOICE}/<through>/<name>"
#: Fields of the page itself.
OWN: Final = frozenset({"outcome", "replace"})
#: What a script that sends a file wants to be answered with.
JSON: Final = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """What is handed in here, through what, for whom and by whom."""

    asker: Asker
    organization: Organization
    connection: Connection
    operation: Operation

    @property
    def mode(self) -> Mode:
        return self.operation.mode()

    @property
    def streams(self) -> bool:
        """Whether a file is sent on while it arrives, so that all else has to come before it."""
        return bool(self.operation.parts) and self.mode is not Mode.DIRECT

    @property
    def secrets(self) -> frozenset[str]:
        return frozenset(field.name for field in self.operation.fields if field.kind == "password")

    @property
    def fields(self) -> frozenset[str]:
        return frozenset(field.name for field in self.operation.fields) - self.secrets

    def origin(self, said: Mapping[str, str]) -> Origin:
        """Tell delivery where it comes from: from nowhere but the person."""
        token = said.get("outcome", "")
        return Origin(
            organization=self.organization,
            connection=self.connection,
            form_id=None,
            link=None,
            api_token_id=None,
            locale=self.organization.locale,
            notice_version=None,
            actor=self.asker.actor,
            outcome_token=token if forms.OUTCOME.fullmatch(token) else None,
        )


@page("GET", CHOICE, right=Right.CHANGE)
def choose_hand_in(asker: Asker) -> ResponseReturnValue:
    """Ask what is to be handed in, and through which connection."""
    with asker.transaction() as session:
        found = connections.listing(session)
    ways = {one.name: [kind for kind in registry.operations() if kind.provider == one.provider] for one in found}
    return render_template("dashboard/hand_in_choose.html", asker=asker, ways=ways)


@page("GET", ONE, right=Right.CHANGE)
def hand_in_form(asker: Asker, through: str, name: str) -> ResponseReturnValue:
    """Ask for the file and what belongs to it."""
    counter = _counter(asker, through, name)
    asks = any(one.slug in forms.QUESTIONS for one in g.get("faults", ()))
    return render_template(
        "dashboard/hand_in.html",
        asker=asker,
        counter=counter,
        operation=counter.operation,
        pickers=[Picker.of(part, None) for part in counter.operation.parts],
        outcome=uploads.new_outcome_token()[0],
        provider=registry.provider(counter.operation.provider).title,
        asks=asks,
    )


@page("POST", ONE, right=Right.CHANGE, again="hand_in_form", own_body=True)
def hand_in(asker: Asker, through: str, name: str) -> ResponseReturnValue:
    """Take it, check it, deliver it; then the upload's own page."""
    by_script = request.headers.get("Accept") == JSON
    try:
        upload_id = _handed_in(_counter(asker, through, name)).upload_id
    except AlreadyHandedIn:
        former = entrance.found(request.form.get("outcome", ""))
        if former is None:
            raise
        upload_id = former.id
    except Refusal as refusal:
        if not by_script:
            raise
        return jsonify(said=refusing.because(refusal)), refusal.status
    address = url_for("dashboard.show_upload", upload_id=upload_id)
    return (jsonify(address=address), 201) if by_script else redirect(address, 303)


def _handed_in(counter: Counter) -> Result:
    caller = Caller(organization_id=counter.organization.id, address=entrance.address_of_caller())
    keeps = (request.content_length or 0) if counter.mode is Mode.DURABLE else None
    limits, parts = Limits.of(counter.operation), [part.name for part in counter.operation.parts]
    fields = counter.fields | OWN
    with services().shedding.admit(caller, keeps=keeps):
        if counter.streams:
            measured = counter.mode is Mode.RELAY
            with taking.streamed(limits, files=parts, fields=fields, measured=measured) as streamed:
                return _stream(counter, streamed)
        return _deliver(counter, taking.collected(limits, files=parts, fields=fields, secrets=counter.secrets))


def _stream(counter: Counter, streamed: Streamed) -> Result:
    origin, said = counter.origin(streamed.fields), _filled(counter, streamed.fields)
    return services().deliverer.stream(
        origin, counter.operation, replace(streamed, fields=said), policy=Policy(), mode=counter.mode
    )


def _deliver(counter: Counter, collected: Collected) -> Result:
    origin, said = counter.origin(collected.fields), _filled(counter, collected.fields)
    return services().deliverer.hand_in(
        origin, counter.operation, replace(collected, fields=said), replace="replace" in collected.fields
    )


def _filled(counter: Counter, fields: Mapping[str, str]) -> dict[str, str]:
    """What was filled in of what the operation asks for."""
    return {name: value for name, value in fields.items() if name in counter.fields and value}


def _counter(asker: Asker, through: str, name: str) -> Counter:
    """What is to be handed in; raises NothingHere, and Suspended where nothing is."""
    with asker.transaction() as session:
        organization = organizations.get(session, asker.the_organization)
        connection = connections.by_name(session, through)
    operation = registry.OPERATIONS.get(f"{connection.provider}/{name}") if connection else None
    if connection is None or operation is None:
        raise NothingHere
    if organization.suspended_at is not None:
        raise Suspended
    return Counter(asker=asker, organization=organization, connection=connection, operation=operation)

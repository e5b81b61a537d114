"""Webhook endpoints, of an organization or the house, and what each was told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from flask import flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext

from app.api import webhooks as api
from app.api.asking import Asker
from app.api.paging import Paging
from app.dashboard import causes, whose
from app.dashboard.rights import Right
from app.dashboard.taking import filled
from app.dashboard.tokens import OVERLAPS
from app.dashboard.whose import both
from app.errors import N_
from app.webhooks.endpoints import Because

#: Why an endpoint is disabled, in words.
BECAUSE: Final[Mapping[Because, str]] = {
    Because.OPERATOR: N_("Somebody disabled it."),
    Because.GONE: N_("It answered that it is gone for good (410)."),
    Because.FAILING: N_("Nothing had arrived there for days."),
}
ONE: Final = "/webhooks/<uuid:endpoint_id>"


@both("GET", "/webhooks", right=Right.SEE)
def list_webhooks(asker: Asker) -> ResponseReturnValue:
    """List the endpoints."""
    found = api.list_webhooks(asker, whose.asked(Paging))
    return render_template("dashboard/webhooks.html", asker=asker, found=found)


@both("GET", "/webhooks/new", right=Right.CHANGE, sensitive=True)
def new_webhook(asker: Asker) -> ResponseReturnValue:
    """Ask where webhooks are to go, and of what."""
    return render_template("dashboard/webhook_new.html", asker=asker, events=list(api.Event))


@both("POST", "/webhooks", right=Right.CHANGE, sensitive=True, again="new_webhook")
def create_webhook(asker: Asker) -> ResponseReturnValue:
    """Make an endpoint, and show its secret this once."""
    made, _ = api.create_webhook(asker, filled(api.NewEndpoint, events=request.form.getlist("events")))
    return render_template("dashboard/webhook_secret.html", asker=asker, endpoint=made.endpoint, secret=made.secret)


@both("GET", ONE, right=Right.SEE)
def show_webhook(asker: Asker, endpoint_id: UUID) -> ResponseReturnValue:
    """Show an endpoint and what it was told."""
    endpoint = api.show_webhook(asker, endpoint_id)
    deliveries = api.list_webhook_deliveries(asker, endpoint_id, whose.asked(api.DeliveryQuery))
    return render_template(
        "dashboard/webhook.html",
        asker=asker,
        endpoint=endpoint,
        deliveries=deliveries,
        events=list(api.Event),
        because=BECAUSE,
        overlaps=OVERLAPS,
    )


@both("POST", ONE, right=Right.CHANGE, again="show_webhook")
def edit_webhook(asker: Asker, endpoint_id: UUID) -> ResponseReturnValue:
    """Change where an endpoint is and what it is told of."""
    api.edit_webhook(asker, endpoint_id, filled(api.EndpointChange, events=request.form.getlist("events")))
    flash(gettext("Saved."), "good")
    return _back(asker, endpoint_id)


@both("POST", f"{ONE}/test", right=Right.CHANGE)
def test_webhook(asker: Asker, endpoint_id: UUID) -> ResponseReturnValue:
    """Send one that tells of nothing, and say what is answered."""
    told = api.test_webhook(asker, endpoint_id)
    if told.arrived:
        flash(gettext("It arrived: %(answer)s was answered.", answer=told.answer), "good")
    else:
        flash(gettext("It did not arrive: %(answer)s.", answer=causes.answer(told.answer)), "bad")
    return _back(asker, endpoint_id)


@both("POST", f"{ONE}/disable", right=Right.CHANGE)
def disable_webhook(asker: Asker, endpoint_id: UUID) -> ResponseReturnValue:
    """Send nothing there any more."""
    api.edit_webhook(asker, endpoint_id, api.EndpointChange(disabled=True))
    flash(gettext("Nothing is sent there until it is enabled."), "good")
    return _back(asker, endpoint_id)


@both("POST", f"{ONE}/enable", right=Right.CHANGE)
def enable_webhook(asker: Asker, endpoint_id: UUID) -> ResponseReturnValue:
    """Send what happens from now on."""
    api.edit_webhook(asker, endpoint_id, api.EndpointChange(disabled=False))
    flash(gettext("It is told of what happens from now on. What it missed can be sent again."), "good")
    return _back(asker, endpoint_id)


@both("POST", f"{ONE}/delete", right=Right.CHANGE)
def delete_webhook(asker: Asker, endpoint_id: UUID) -> ResponseReturnValue:
    """Forget an endpoint, with all that was to be sent there."""
    api.delete_webhook(asker, endpoint_id)
    flash(gettext("The endpoint was deleted."), "good")
    return redirect(whose.address("list_webhooks", asker), 303)


@both("POST", f"{ONE}/rotate-secret", right=Right.CHANGE, sensitive=True)
def rotate_webhook_secret(asker: Asker, endpoint_id: UUID) -> ResponseReturnValue:
    """Sign with a new secret, and show it this once."""
    made = api.rotate_webhook_secret(asker, endpoint_id, filled(api.Overlap))
    endpoint = api.show_webhook(asker, endpoint_id)
    return render_template(
        "dashboard/webhook_secret.html", asker=asker, endpoint=endpoint, secret=made.secret, until=made.former_until
    )


@both("POST", f"{ONE}/redeliver", right=Right.CHANGE)
def redeliver_webhooks(asker: Asker, endpoint_id: UUID) -> ResponseReturnValue:
    """Send all that failed once more."""
    count = api.redeliver_webhooks(asker, endpoint_id).count
    flash(ngettext("One is sent again.", "%(num)s are sent again.", count), "good")
    return _back(asker, endpoint_id)


@both("GET", f"{ONE}/deliveries/<uuid:delivery_id>", right=Right.SEE)
def show_webhook_delivery(asker: Asker, endpoint_id: UUID, delivery_id: UUID) -> ResponseReturnValue:
    """Show what was sent, and what was answered."""
    delivery = api.show_webhook_delivery(asker, endpoint_id, delivery_id)
    return render_template(
        "dashboard/webhook_delivery.html",
        asker=asker,
        endpoint=api.show_webhook(asker, endpoint_id),
        delivery=delivery,
        body=json.dumps(json.loads(delivery.body), indent=2, ensure_ascii=False) if delivery.body else None,
    )


@both("POST", f"{ONE}/deliveries/<uuid:delivery_id>/redeliver", right=Right.CHANGE)
def redeliver_webhook(asker: Asker, endpoint_id: UUID, delivery_id: UUID) -> ResponseReturnValue:
    """Send one once more."""
    api.redeliver_webhook(asker, endpoint_id, delivery_id)
    flash(gettext("It is sent again, under its own id."), "good")
    return redirect(
        whose.address("show_webhook_delivery", asker, endpoint_id=endpoint_id, delivery_id=delivery_id), 303
    )


def _back(asker: Asker, endpoint_id: UUID) -> ResponseReturnValue:
    return redirect(whose.address("show_webhook", asker, endpoint_id=endpoint_id), 303)

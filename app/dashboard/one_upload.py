"""One upload: what happened to it, why, and what can be done about it now."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from app.api import histories as api
from app.api import receipts as api_receipts
from app.api.asking import Asker
from app.api.errors import NothingHere
from app.dashboard.pages import page
from app.dashboard.refusing import sentence
from app.dashboard.rights import Right
from app.dashboard.seeing import seen, way
from app.delivery import cancelling, retrying
from app.errors import N_
from app.portal.language import when
from app.providers import registry
from app.providers.operation import Mode
from app.records import histories, receipts
from app.records.histories import History
from app.records.states import MOVING, State
from app.services import services

ONE: Final = "/uploads/<uuid:upload_id>"
#: A receipt is made soon after the delivery; one that was not by then is not waited for.
SEALED_BY: Final = timedelta(minutes=2)

#: What happens next, by state. Where it depends on more, `_next` knows.
NEXT: Final = {
    State.RECEIVING: N_("It is coming in. There is nothing to do."),
    State.DELIVERING: N_("It is being sent. There is nothing to do."),
    State.DELIVERED: N_("There is nothing left to do."),
    State.REJECTED: N_(
        "Nothing was sent. Whoever handed it in was told what is wrong and can put it right and hand it in again."
    ),
    State.CANCELLED: N_("Nothing is at the provider. It has to be handed in again."),
    State.UNKNOWN: N_(
        "All of it was sent, and the answer was lost. Check again: the provider is asked whether it has it."
    ),
    State.FAILED: N_("There is no copy of it: it has to be handed in again."),
    State.WAITING: N_("It is tried again by itself."),
}
PAUSED: Final = N_("Its connection is paused. It is sent by itself as soon as the connection is resumed.")
DUE: Final = N_("It is tried again by itself, next at %(due)s and until %(deadline)s.")
KEPT: Final = N_("Put right what is said above, then send it again. Its copy is kept until %(until)s.")
PROCESSING: Final = N_("The provider has it and is still working on it. Its end will be shown here.")
UNWORKABLE: Final = N_("The provider has it but could not work on it. Look there, or have it handed in again.")


@page("GET", ONE, right=Right.SEE, everywhere=True)
def show_upload(asker: Asker, upload_id: UUID) -> ResponseReturnValue:
    """Show an upload."""
    return _shown(_history(asker, upload_id), "dashboard/upload.html")


@page("GET", f"{ONE}/part", right=Right.SEE, everywhere=True)
def show_upload_part(asker: Asker, upload_id: UUID) -> ResponseReturnValue:
    """Show what changed of an upload since its page was opened; nothing where nothing did."""
    history = _history(asker, upload_id)
    if request.args.get("version") == version(history):
        return "", 204
    return _shown(history, "dashboard/_upload_part.html")


@page("GET", f"{ONE}/receipt", right=Right.SEE, everywhere=True)
def give_upload_receipt(asker: Asker, upload_id: UUID) -> ResponseReturnValue:
    """Give the file of an upload's receipt."""
    with of_upload(asker, upload_id).transaction() as session:
        found = receipts.of_upload(session, upload_id)
    if found is None:
        raise NothingHere
    return api_receipts.given(found)


@page("POST", f"{ONE}/retry", right=Right.CHANGE, everywhere=True)
def retry_upload(asker: Asker, upload_id: UUID) -> ResponseReturnValue:
    """Send an upload again."""
    insisting = api.Insisting(may_be_there="may_be_there" in request.form)
    api.retry_upload(of_upload(asker, upload_id), upload_id, insisting)
    return _done(upload_id, gettext("It is sent again."))


@page("POST", f"{ONE}/cancel", right=Right.CHANGE, everywhere=True)
def cancel_upload(asker: Asker, upload_id: UUID) -> ResponseReturnValue:
    """Stop an upload."""
    api.cancel_upload(of_upload(asker, upload_id), upload_id)
    return _done(upload_id, gettext("It is cancelled."))


@page("POST", f"{ONE}/reconcile", right=Right.CHANGE, everywhere=True)
def reconcile_upload(asker: Asker, upload_id: UUID) -> ResponseReturnValue:
    """Ask the provider whether an upload arrived."""
    found = api.reconcile_upload(of_upload(asker, upload_id), upload_id)
    said = (
        gettext("The provider does not tell yet whether it has it.")
        if found.state is State.UNKNOWN
        else gettext("The provider was asked.")
    )
    return _done(upload_id, said)


def of_upload(asker: Asker, upload_id: UUID) -> Asker:
    """The same asker, for the organization whose upload it is; raises NothingHere."""
    with seen(asker) as session:
        owner = histories.owner(session, upload_id)
    if owner is None:
        raise NothingHere
    return asker.for_organization(owner)


def version(history: History) -> str:
    """What tells one look at an upload from a later one."""
    ended = sum(one.ended_at is not None for one in history.attempts)
    sealed = history.receipt_number is not None
    return f"{history.updated_at.isoformat()} {len(history.attempts)} {ended} {len(history.entries)} {sealed:d}"


def watched(history: History) -> bool:
    """Whether time changes it by itself, so that its page looks after it."""
    receipt_due = (
        history.state is State.DELIVERED
        and history.receipt_number is None
        and services().clock() < history.updated_at + SEALED_BY
    )
    moving = history.state in MOVING | {State.WAITING} or history.provider_status == "processing"
    return moving or receipt_due


def _history(asker: Asker, upload_id: UUID) -> History:
    with seen(asker) as session:
        found = histories.history(session, upload_id)
    if found is None:
        raise NothingHere
    return found


def _done(upload_id: UUID, said: str) -> ResponseReturnValue:
    flash(said, "good")
    return redirect(url_for("dashboard.show_upload", upload_id=upload_id), 303)


def _shown(history: History, template: str) -> str:
    operation = registry.OPERATIONS.get(history.operation)
    provider = operation.provider if operation else history.operation.partition("/")[0]
    unsure = history.state is State.UNKNOWN
    return render_template(
        template,
        one=history,
        operation=operation,
        provider=provider,
        watched=watched(history),
        version=version(history),
        reason=sentence(history.problem, {"organization": history.organization_name, **history.problem_params})
        if history.problem
        else None,
        next=_next(history),
        can_retry=history.mode == Mode.DURABLE and history.has_copy and history.state in retrying.LEFT,
        may_be_there=unsure,
        can_cancel=history.state in cancelling.UNDER_WAY,
        can_reconcile=unsure,
        ways={
            "connection": way("/organizations/<>/connections/<>", history.organization, history.connection),
            "organization": way("/organizations/<>", history.organization),
            "form": way("/organizations/<>/forms/<>", history.organization, history.form_id),
            "links": way("/organizations/<>/links", history.organization),
            "tokens": way("/organizations/<>/tokens", history.organization),
        },
    )


def _next(history: History) -> str:
    """What happens next, or what somebody has to do, in plain words."""
    told, values = NEXT[history.state], {}
    if history.state is State.WAITING and history.connection_paused_at:
        told = PAUSED
    elif history.state is State.WAITING and history.due_at and history.deadline_at:
        told, values = DUE, {"due": when(history.due_at), "deadline": when(history.deadline_at)}
    elif history.state is State.FAILED and history.has_copy and history.copy_until:
        told, values = KEPT, {"until": when(history.copy_until)}
    elif history.state is State.DELIVERED and history.provider_status in {"processing", "failed"}:
        told = PROCESSING if history.provider_status == "processing" else UNWORKABLE
    return str(gettext(told, **values))

"""What an outcome page says: whether it arrived, what happens next, and what was handed in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from flask_babel import gettext

from app.errors import N_
from app.portal import framing
from app.portal.entrance import HandedIn
from app.portal.language import say, size, when
from app.providers import registry
from app.records.models import Upload
from app.records.states import State
from app.words import WORDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a state looks, and what is said of it. Texts are messages for translation."""

    #: Colour: good, busy, bad or doubt.
    tone: str
    icon: str
    word: str
    title: str
    arrived: str
    next: str


LOOKS: Final = {
    State.DELIVERED: Look(
        tone="good",
        icon="check",
        word=N_("delivered"),
        title=N_("It arrived"),
        arrived=N_("Yes. %(provider)s has it since %(when)s."),
        next=N_("There is nothing left for you to do here. You can close this page."),
    ),
    State.RECEIVING: Look(
        tone="busy",
        icon="hourglass",
        word=N_("receiving"),
        title=N_("It is coming in"),
        arrived=N_("Not yet: it is still being received."),
        next=N_("Wait a moment. This page shows by itself when it is done."),
    ),
    State.DELIVERING: Look(
        tone="busy",
        icon="hourglass",
        word=N_("sending"),
        title=N_("It is on its way"),
        arrived=N_("Not yet: it is being sent to %(provider)s now."),
        next=N_("Wait a moment. This page shows by itself when it is done."),
    ),
    State.WAITING: Look(
        tone="busy",
        icon="hourglass",
        word=N_("waiting"),
        title=N_("It is waiting its turn"),
        arrived=N_("Not yet, but it is safe with us. We send it on as soon as %(provider)s takes it."),
        next=N_("You may close this page. We keep trying. Come back here, to the same address, to see how it ended."),
    ),
    State.FAILED: Look(
        tone="bad",
        icon="cross",
        word=N_("failed"),
        title=N_("It did not arrive"),
        arrived=N_("No. %(provider)s did not keep what you handed in here."),
        next=N_("You can hand it in again."),
    ),
    State.REJECTED: Look(
        tone="bad",
        icon="cross",
        word=N_("rejected"),
        title=N_("It was not sent"),
        arrived=N_("No. We looked at what you handed in and something is wrong with it."),
        next=N_("Put right what is said above and hand it in again."),
    ),
    State.CANCELLED: Look(
        tone="bad",
        icon="slash",
        word=N_("cancelled"),
        title=N_("It was cancelled"),
        arrived=N_("No. It was broken off before all of it was sent, and %(provider)s keeps nothing of it."),
        next=N_("You can hand it in again."),
    ),
    State.UNKNOWN: Look(
        tone="doubt",
        icon="question",
        word=N_("unconfirmed"),
        title=N_("We do not know yet whether it arrived"),
        arrived=N_("Perhaps. Everything was sent, but the answer of %(provider)s was lost on the way."),
        next=N_("Do not hand it in again yet. Check again in a few minutes: we ask %(provider)s whether it has it."),
    ),
}

#: What a provider does with what it has, and what is said of it in place of the state's own `next`.
STATUSES: Final = {
    "processing": N_("%(provider)s is working on it now. You need not do anything; this page shows when it is done."),
    "ready": N_("%(provider)s has worked on it, and it is ready. There is nothing left for you to do here."),
    "failed": N_("%(provider)s has it but could not work on it. Ask whether it has to be handed in again."),
}
#: What is said of what may be left alone, once it is known how long it is tried.
UNTIL: Final = N_(
    "You may close this page. We keep trying until %(until)s. Come back here, to the same address, to see how it ended."
)
#: How much of a hash is enough to compare by eye.
PRINT: Final = 12

#: States that time changes by itself, so that the page watches them.
MOVING: Final = frozenset({State.RECEIVING, State.DELIVERING, State.WAITING})
AGAIN: Final = frozenset({State.FAILED, State.REJECTED, State.CANCELLED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An upload in words."""

    look: Look
    state: State
    title: str
    operation: str
    arrived: str
    next: str
    #: What went wrong, in our words and in the provider's.
    problem: str | None
    provider_message: str | None
    provider: str
    #: Steps that the provider still asks for.
    pending: tuple[str, ...]
    #: (label, value, whether it is a number to read out character by character).
    facts: tuple[tuple[str, str, bool], ...]
    #: (label, name, size).
    files: tuple[tuple[str, str, str], ...]
    #: What the provider does with it, where it says so.
    provider_status: str | None
    #: Whether there is a receipt, or one is about to be.
    receipted: bool
    receipt_due: bool
    moving: bool
    #: Whether somebody is to be told of its end by mail; None where that is not offered.
    mail: bool | None
    again: str | None
    link_again: bool


def present(handed_in: HandedIn) -> Shown:
    """Write an upload out in the language and zone of the page."""
    upload, look = handed_in.upload, LOOKS[handed_in.upload.state]
    provider = registry.provider(handed_in.operation.provider).title
    until = when(upload.deadline_at) if upload.deadline_at else None
    values = {"provider": provider, "when": when(upload.updated_at), "until": until}
    again = upload.state in AGAIN
    return Shown(
        look=look,
        state=upload.state,
        title=gettext(look.title),
        operation=gettext(handed_in.operation.title),
        arrived=gettext(look.arrived) % values,
        next=gettext(_next(upload, look)) % values,
        problem=_reason(handed_in),
        provider_message=upload.provider_message,
        provider=provider,
        pending=tuple(str(step) for step in upload.facts.get("pending_steps", ())),
        facts=tuple(_facts(handed_in)),
        files=tuple(_files(handed_in)),
        provider_status=upload.provider_status if upload.state == State.DELIVERED else None,
        receipted=handed_in.receipted,
        receipt_due=_receipt_due(handed_in),
        moving=upload.state in MOVING or _processing(upload) or _receipt_due(handed_in),
        mail=handed_in.mail,
        again=framing.at("form", public_id=handed_in.form.public_id) if again and handed_in.form else None,
        link_again=again and handed_in.form is None,
    )


def _receipt_due(handed_in: HandedIn) -> bool:
    return handed_in.upload.state == State.DELIVERED and not handed_in.receipted


def _processing(upload: Upload) -> bool:
    return upload.state == State.DELIVERED and upload.provider_status == "processing"


def _next(upload: Upload, look: Look) -> str:
    if upload.state in MOVING and upload.deadline_at:  # it has waited before, and may again
        return UNTIL
    status = STATUSES.get(upload.provider_status or "") if upload.state == State.DELIVERED else None
    return status or look.next


def _reason(handed_in: HandedIn) -> str | None:
    """Say why, in our words; an unconfirmed one's page says it already, and an old record may name what is gone.

    Of what has not ended yet the reason is not the customer's: the sentence would say what to do, and there is nothing.
    """
    upload = handed_in.upload
    if upload.state in MOVING | {State.UNKNOWN} or upload.problem not in WORDS:
        return None
    params = {"organization": handed_in.organization.name, **upload.problem_params}
    return say(upload.problem, params, check=handed_in.operation.check)


def _files(handed_in: HandedIn) -> Iterator[tuple[str, str, str]]:
    for part in handed_in.upload.parts:
        # Of what did not come whole nobody knows how large it is.
        large = "" if part["size"] is None else size(int(part["size"]))
        yield gettext(_label(handed_in, part)), str(part["filename"]), large


def _label(handed_in: HandedIn, part: Mapping[str, object]) -> str:
    labels = {declared.name: declared.label for declared in handed_in.operation.parts}
    return labels.get(str(part["name"])) or N_("File")


def _facts(handed_in: HandedIn) -> Iterator[tuple[str, str, bool]]:
    upload, facts = handed_in.upload, handed_in.upload.facts
    if rfc := facts.get("rfc"):
        yield gettext("RFC"), rfc, True
    if name := facts.get("legal_name"):
        yield gettext("Name"), name, False
    if branch := facts.get("branch"):
        yield gettext("Branch"), branch, False
    if number := facts.get("number"):
        yield gettext("Certificate number"), number, True
    if end := facts.get("not_after"):
        yield gettext("Valid until"), when(datetime.fromisoformat(end)), False
    if upload.reference:
        yield gettext("Reference at the provider"), upload.reference, True
    for part in upload.parts:
        if digest := part.get("sha256"):
            file = gettext(_label(handed_in, part))
            yield gettext("%(file)s: fingerprint (SHA-256)", file=file), f"{str(digest)[:PRINT]}…", True
    yield gettext("Handed in"), when(upload.created_at), False
    yield gettext("Upload"), str(upload.id), True

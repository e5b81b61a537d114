"""What follows from how an attempt ended: the record's own end, the link's use, the connection's pause."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy.orm import Session

from app.delivery import backoff, following
from app.delivery.backoff import Chance
from app.delivery.outcome import Consequence
from app.providers import registry
from app.providers.base import Ending, Outcome
from app.providers.operation import Mode
from app.records import attempts, audit, copies, states, uploads
from app.records.attempts import AttemptLost
from app.records.models import Attempt, Upload
from app.records.states import IllegalTransition, State
from app.tenants import connections, links
from app.tenants.models import Connection

log = structlog.get_logger("ventanilla.delivery")

#: Why a connection is paused.
REFUSED: Final = "credential-refused"
#: Problems whose cause is the operator's to read, not the customer's.
INTERNAL: Final = frozenset({"settings-wrong", "plan-not-allowed", "provider-error", "internal"})
#: How long the copy of what could not be delivered is kept for a person who tries it again.
KEPT: Final = timedelta(days=7)
#: What an upload that has waited for long enough comes to, by whether an attempt may have arrived all the same.
GAVE_UP: Final = Outcome(ending=Ending.FAILED, problem="gave-up")
IN_DOUBT: Final = Outcome(ending=Ending.UNKNOWN, problem="unconfirmed")


def settle(
    session: Session,
    locked: Upload,
    attempt: Attempt,
    outcome: Outcome,
    effect: Consequence,
    *,
    actor: str,
    now: datetime,
    kept: timedelta = KEPT,
) -> State:
    """End an upload's last attempt and move the upload on; what somebody else found out meanwhile stands.

    `locked` is the upload as this transaction has locked it. `kept`: how long its copy is, where that failed.
    """
    try:
        if locked.state is not effect.state:
            states.check(locked.state, effect.state)
        attempts.end(session, attempt, **ended(outcome, now))
    except (AttemptLost, IllegalTransition) as exc:
        log.warning("outcome came too late", upload=str(locked.id), outcome=outcome.ending.value, cause=str(exc))
        return locked.state
    if effect.state is State.WAITING:
        return wait(session, locked, outcome, actor=actor, now=now, kept=kept)
    if locked.state is not effect.state:
        uploads.change(session, locked, effect.state, actor=actor, now=now, **told(outcome))
    follow_up(session, locked, effect)
    settle_copy(session, locked, now=now, kept=kept)
    return effect.state


def settle_untried(
    session: Session,
    locked: Upload,
    outcome: Outcome,
    effect: Consequence,
    *,
    actor: str,
    now: datetime,
    kept: timedelta = KEPT,
) -> None:
    """Move an upload on that came to nothing before it was tried, or that is due at once."""
    if effect.state is State.WAITING:
        wait(session, locked, outcome, actor=actor, now=now, kept=kept)
        locked.due_at, locked.tries = now, 0
        return
    uploads.change(session, locked, effect.state, actor=actor, now=now, **told(outcome))
    follow_up(session, locked, effect)
    settle_copy(session, locked, now=now, kept=kept)


def wait(
    session: Session,
    locked: Upload,
    outcome: Outcome,
    *,
    actor: str,
    now: datetime,
    kept: timedelta = KEPT,
    chance: Chance = backoff.ANY,
) -> State:
    """Let an upload wait to be tried again, after an attempt or a look that ended so; returns its state.

    `locked` is the upload as this transaction has locked it, its attempt has ended. Past its deadline it has waited for
    long enough: then it is `failed`, or `unknown` where an attempt may have arrived. A connection that pauses stops
    that clock.
    """
    patience = registry.operation(locked.operation).patience
    deadline, tries = locked.deadline_at or now + patience, locked.tries + 1
    if now >= deadline and outcome.ending is not Ending.CREDENTIAL:
        return give_up(session, locked, actor=actor, now=now, kept=kept)
    if locked.state is not State.WAITING:
        uploads.change(session, locked, State.WAITING, actor=actor, now=now, **told(outcome))
    locked.due_at = backoff.due(now, tries, outcome.retry_after, chance=chance)
    locked.tries, locked.deadline_at = tries, deadline
    return State.WAITING


def give_up(session: Session, locked: Upload, *, actor: str, now: datetime, kept: timedelta = KEPT) -> State:
    """Leave an upload to a person: it was tried for long enough."""
    last = attempts.last(session, locked.id)
    doubt = last is not None and last.outcome == attempts.UNKNOWN
    outcome, state = (IN_DOUBT, State.UNKNOWN) if doubt else (GAVE_UP, State.FAILED)
    uploads.change(session, locked, state, actor=actor, now=now, **told(outcome))
    follow_up(session, locked, Consequence(state=state, uses_link=doubt))
    settle_copy(session, locked, now=now, kept=kept)
    return state


def hand_back(session: Session, locked: Upload, attempt: Attempt, *, actor: str, now: datetime) -> None:
    """Let somebody else take an upload up at once: its attempt was broken off before its mark. Raises AttemptLost."""
    attempts.end(session, attempt, outcome=attempts.INTERRUPTED, problem=attempts.INTERRUPTED, now=now)
    uploads.change(session, locked, State.WAITING, actor=actor, now=now)
    locked.due_at = now


def settle_copy(session: Session, locked: Upload, *, now: datetime, kept: timedelta = KEPT) -> None:
    """Say what becomes of a copy, by the state that its upload has come to.

    A person may want what failed, or is unknown, to be sent again. The object of what is dropped is removed after the
    commit.
    """
    if locked.mode != Mode.DURABLE:
        return
    if locked.state in {State.FAILED, State.UNKNOWN}:
        copies.keep(session, locked.id, now + kept)
    elif locked.state is State.DELIVERED:
        copies.release(session, locked, now)
    elif locked.state is not State.WAITING:
        copies.drop(session, locked.id)


def has_more_to_it(outcome: Outcome, effect: Consequence) -> bool:
    """Whether more than the upload and its attempt has to be written, where no link led to it."""
    return effect.pauses or outcome.empty_record is not None or outcome.provider_status == following.PROCESSING


def follow_up(session: Session, upload: Upload, effect: Consequence) -> None:
    """Do what follows from an upload's end: what the provider works on is followed, an unused link given back."""
    following.begin(session, upload)
    if upload.link_id is not None and not effect.uses_link:
        links.release(session, upload.link_id)


def pause(session: Session, connection: Connection, outcome: Outcome, now: datetime) -> None:
    """Let nothing more be sent with a credential that was refused, and say so where operators look."""
    if not connections.pause(session, connection, REFUSED, now):
        return
    details = {"because": REFUSED, "http_status": outcome.http_status, "code": outcome.code, "message": outcome.message}
    audit.write(
        session,
        organization_id=connection.organization_id,
        actor=audit.SYSTEM,
        action="connection.paused",
        subject=connection,
        details={name: value for name, value in details.items() if value is not None},
        now=now,
    )
    log.error("connection paused", connection=str(connection.id), provider=connection.provider, code=outcome.code)


def shown_message(outcome: Outcome) -> str | None:
    """The provider's words for the customer: about what was handed in, not about us."""
    return outcome.message if outcome.ending is Ending.FAILED and outcome.problem not in INTERNAL else None


def told(outcome: Outcome) -> dict[str, Any]:
    """What an outcome says of its upload."""
    return {
        "problem": outcome.problem,
        "params": outcome.params,
        "provider_message": shown_message(outcome),
        "reference": outcome.reference,
        "provider_status": outcome.provider_status,
        "facts": outcome.facts,
    }


def ended(outcome: Outcome, now: datetime) -> dict[str, Any]:
    """What an outcome says of its attempt."""
    return {
        "outcome": outcome.ending.value,
        "now": now,
        "problem": outcome.problem,
        "http_status": outcome.http_status,
        "code": outcome.code,
        "message": outcome.message,
        "log_id": outcome.log_id,
    }


def tell_of_empty_record(session: Session, upload: Upload, outcome: Outcome, now: datetime) -> None:
    """Say what became of what was made at the provider for a file that never came."""
    if outcome.empty_record is None:
        return
    audit.write(
        session,
        organization_id=upload.organization_id,
        actor=audit.SYSTEM,
        action=f"upload.empty_record_{outcome.empty_record}",
        subject=upload,
        now=now,
    )

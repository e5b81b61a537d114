"""Signing in with e-mail and password, and signing out; what comes after the password is `second_factor`'s.

Whoever guesses learns nothing: a wrong address, a wrong password and somebody who may not sign in any more are one
answer, after the same work. A try is counted before it is looked at.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from flask import Response, g, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from pydantic import SecretStr
from sqlalchemy.orm import Session

from app.api.asking import Asker
from app.dashboard import browsers, ceremony, pages, people, refusing
from app.dashboard.pages import page
from app.database import HOUSE, Base
from app.errors import Refusal
from app.records import audit
from app.services import services
from app.tenants import factors, passwords, tries, user_sessions
from app.tenants import people as rules
from app.tenants.tries import Count
from app.tenants.user_errors import SignInAgain, TooManySignIns, WrongSignIn
from app.tenants.user_models import SignInTry, User

#: Who showed their password and has still to show a factor: in the session, for so long.
HALF: Final = "half"
HALF_LIFE: Final = timedelta(minutes=10)
#: Whoever is not known yet, as the audit log names them.
VISITOR: Final = "visitor"


@page("GET", "/login", right=None, anybody=True)
def sign_in_page() -> ResponseReturnValue:
    """Ask who it is."""
    if people.signed_in() is not None:
        return redirect(onward(), 303)
    return shown("dashboard/login.html")


@page("POST", "/login", right=None, anybody=True)
def sign_in() -> ResponseReturnValue:
    """Let somebody in by their password, or on to their second factor."""
    try:
        user = _by_password(request.form.get("email", "").strip().lower(), SecretStr(request.form.get("password", "")))
    except Refusal as refusal:
        return shown("dashboard/login.html", refusal)
    if _asks_for_more(user):
        stay_half(user)
        return redirect(url_for("dashboard.factor_page", next=led()), 303)
    return enter(user, via="password")


@page("POST", "/logout", right=None)
def sign_out(asker: Asker) -> ResponseReturnValue:
    """End the session of this browser."""
    with services().database.transaction(HOUSE) as db:
        user_sessions.end(db, asker.id, g.person.session_id)
        note(db, "user.signed_out", db.get_one(User, asker.id), actor=asker.actor)
    response = make_response(redirect(url_for("dashboard.sign_in_page"), 303))
    people.forget(response)
    response.headers["Clear-Site-Data"] = '"cache"'  # also what lies behind the button that leads back
    session.clear()
    return response


def enter(user: User, *, via: str, answer: Response | None = None) -> Response:
    """Sign somebody in who showed all that they have to; `answer`: what they see then. Raises SignInAgain.

    The browser's session is a new one, whatever it had before, and so is the token of its pages.
    """
    now = services().clock()
    former = people.signed_in()
    with services().database.transaction(HOUSE) as db:
        current = rules.lock(db, user.id)
        if current is None or current.disabled_at is not None or current.secured_at != user.secured_at:
            raise SignInAgain
        if former is not None:
            user_sessions.end(db, former.id, former.session_id)
        where = {"device": browsers.device(), "address": browsers.address()}
        made, token = user_sessions.begin(db, current, **where, now=now, lives=people.lives())
        user_sessions.forget(db, now, people.lives())
        note(db, "user.signed_in", current, via=via, address=made.address, session=str(made.id))
    response = answer or make_response(redirect(onward(), 303))
    session.clear()
    people.remember(response, token)
    browsers.make_known(response, user.id)
    return response


def stay_half(user: User) -> None:
    """Remember who showed their password, until they show a factor."""
    session[HALF] = {"user": str(user.id), "at": services().clock().timestamp()}


def halfway() -> User:
    """Who showed their password just now; raises SignInAgain."""
    half, now = session.get(HALF), services().clock()
    if half is not None and now.timestamp() - half["at"] <= HALF_LIFE.total_seconds():
        with services().database.transaction(HOUSE) as db:
            user = db.get(User, UUID(half["user"]))
        if user is not None and user.disabled_at is None and user.secured_at.timestamp() <= half["at"]:
            return user
    session.pop(HALF, None)
    raise SignInAgain


def count(*counts: Count) -> None:
    """Count a try, for good; raises TooManySignIns."""
    with services().database.transaction(HOUSE) as db:
        over = tries.count(db, counts, services().clock())
    if over is not None:
        refusal = TooManySignIns()
        refusal.retry_after = over.span.total_seconds()
        raise refusal


def note(db: Session, action: str, subject: Base, *, actor: str | None = None, **details: Any) -> None:
    """Write in the house's log what somebody did, themselves unless it says otherwise."""
    named = actor or rules.actor(subject.id)
    audit.write(
        db, organization_id=HOUSE, actor=named, action=action, subject=subject, now=services().clock(), details=details
    )


def shown(template: str, refusal: Refusal | None = None, **values: Any) -> Response:
    """A page for whoever is not signed in, with what is wrong beside the fields."""
    if refusal is not None:
        g.faults = refusing.faults(refusal)
    page = render_template(template, next=led(), site=ceremony.site(), **values)
    response = make_response(page, refusal.status if refusal else 200)
    if refusal is not None and refusal.retry_after is not None:
        response.headers["Retry-After"] = str(round(refusal.retry_after))
    return response


def led() -> str | None:
    """Where they wanted to go, if that is a page of ours."""
    wanted = request.form.get("next") if request.method == "POST" else request.args.get("next")
    return wanted if wanted and pages.is_ours(wanted) else None


def onward() -> str:
    """Address of the page that they wanted to see, or of the first one."""
    return led() or url_for("dashboard.home")


def _by_password(email: str, password: SecretStr) -> User:
    """Whose address and password these are; raises WrongSignIn, TooManySignIns."""
    with services().database.transaction(HOUSE) as db:
        user = rules.by_email(db, email)
    counts = tries.signing_in(email, browsers.address(), browsers.known_as(user.id if user else None))
    count(*counts)
    right = passwords.fits(password, user.password_hash if user else None)
    with services().database.transaction(HOUSE) as db:
        if not right or user is None or user.disabled_at is not None:
            _note_failure(db, user, counts[0])
        else:
            tries.clear(db, counts, services().clock())
            return user
    raise WrongSignIn


def _note_failure(db: Session, user: User | None, counted: Count) -> None:
    """Write down that it failed: as often as it may be tried and no more, of whom only if there is somebody."""
    subject = user or db.query(SignInTry).filter_by(key=counted.key).one()
    note(db, "user.sign_in_failed", subject, actor=VISITOR, address=browsers.address())


def _asks_for_more(user: User) -> bool:
    """Whether a password alone does not let them in."""
    with services().database.transaction(HOUSE) as db:
        return user.role in services().settings.second_factor or factors.has_one(db, user)

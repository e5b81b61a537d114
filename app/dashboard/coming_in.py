"""Coming in by what was sent: an invitation is accepted, a forgotten password is replaced.

Who asks for a new password is not told whether the address is known: the answer is the same, and the mail goes beside
it.
"""

from __future__ import annotations

from functools import partial

from flask import make_response, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from pydantic import SecretStr
from uuid_utils.compat import uuid7

from app.dashboard import browsers, signing_in, user_letters
from app.dashboard.pages import page
from app.dashboard.signing_in import enter, note, shown
from app.database import HOUSE
from app.errors import Refusal
from app.portal import language
from app.services import services
from app.tenants import people, tries, ways_in
from app.tenants.tries import Count
from app.tenants.user_errors import WayClosed
from app.tenants.user_models import Invitation, User


@page("GET", "/recover", right=None, anybody=True)
def recover_page() -> ResponseReturnValue:
    """Ask whose password is forgotten."""
    return shown("dashboard/recover.html", sent=False, offered=services().mailer is not None)


@page("POST", "/recover", right=None, anybody=True)
def recover() -> ResponseReturnValue:
    """Mail a way to a new password to whoever it is, if there is anybody: nobody who asks waits for that."""
    offered = services().mailer is not None
    try:
        email = people.address(request.form.get("email", ""))
        from_here, of_theirs = tries.resetting(email, browsers.address())
        signing_in.count(from_here)
        user_letters.beside(partial(_mail_reset, email, of_theirs))
    except Refusal as refusal:
        return shown("dashboard/recover.html", refusal, sent=False, offered=offered)
    return shown("dashboard/recover.html", sent=True, offered=offered)


def _mail_reset(email: str, counted: Count) -> None:
    """Look who it is, and mail them the way, unless they got some a moment ago."""
    now = services().clock()
    with services().database.transaction(HOUSE) as db:
        over = tries.count(db, [counted], now)
        user = people.by_email(db, email)
        if user is None or user.disabled_at is not None or over is not None or services().mailer is None:
            return
        address = user_letters.where("dashboard.new_password_page", ways_in.reset(db, user, now))
        note(db, "user.reset_asked", user, actor=signing_in.VISITOR, address=browsers.address())
    user_letters.send(user_letters.reset(user, address, now + ways_in.RESET, uuid7()))


@page("GET", "/recover/<token>", right=None, anybody=True)
def new_password_page(token: str) -> ResponseReturnValue:
    """Ask for the new password; looking is not using."""
    try:
        user = _resetting(token)
    except WayClosed as refusal:
        return shown("dashboard/way_closed.html", refusal)
    return shown("dashboard/new_password.html", email=user.email)


@page("POST", "/recover/<token>", right=None, anybody=True)
def choose_new_password(token: str) -> ResponseReturnValue:
    """Replace the password, which ends every session; the second factor is asked for as ever."""
    now, known = services().clock(), None
    try:
        known = _resetting(token)
        with services().database.transaction(HOUSE) as db:
            user = ways_in.resetting(db, token, now)
            people.set_password(db, user, SecretStr(request.form.get("password", "")), now)
            tries.clear(db, tries.signing_in(user.email, browsers.address(), None), now)
            note(db, "user.password_reset", user, address=browsers.address())
    except WayClosed as refusal:
        return shown("dashboard/way_closed.html", refusal)
    except Refusal as refusal:
        return shown("dashboard/new_password.html", refusal, email=known.email if known else "")
    user_letters.send_later(user_letters.changed(user, uuid7()))
    session.clear()
    response = make_response(redirect(url_for("dashboard.sign_in_page", changed=1), 303))
    browsers.make_known(response, user.id)  # whoever reads the mailbox is no stranger
    return response


@page("GET", "/join/<token>", right=None, anybody=True)
def join_page(token: str) -> ResponseReturnValue:
    """Ask somebody who was invited for their name and a password; looking is not accepting."""
    try:
        invited = _invited(token)
    except WayClosed as refusal:
        return shown("dashboard/way_closed.html", refusal)
    return shown("dashboard/join.html", invited=invited)


@page("POST", "/join/<token>", right=None, anybody=True)
def join(token: str) -> ResponseReturnValue:
    """Make somebody of an invitation, and let them in, or on to the second factor that they need."""
    now, form, invited = services().clock(), request.form, None
    try:
        invited = _invited(token)
        with services().database.transaction(HOUSE) as db:
            user = ways_in.accept(
                db,
                ways_in.invitation(db, token, now),
                name=form.get("name", "").strip(),
                password=SecretStr(form.get("password", "")),
                locale=language.language(),
                timezone=services().settings.default_timezone,
                now=now,
            )
            note(db, "user.joined", user, email=user.email, role=user.role, invitation=str(invited.id))
    except WayClosed as refusal:
        return shown("dashboard/way_closed.html", refusal)
    except Refusal as refusal:
        return shown("dashboard/join.html", refusal, invited=invited)
    return _on(user)


def _resetting(token: str) -> User:
    """Whose new password it is about, as the page needs them; raises ResetClosed."""
    with services().database.transaction(HOUSE) as db:
        return ways_in.resetting(db, token, services().clock())


def _invited(token: str) -> Invitation:
    """Who is invited, whose language is spoken; raises InvitationClosed."""
    with services().database.transaction(HOUSE) as db:
        invited = ways_in.invitation(db, token, services().clock())
    language.prefer(invited.locale, timezone=services().settings.default_timezone)
    return invited


def _on(user: User) -> ResponseReturnValue:
    if user.role in services().settings.second_factor:
        signing_in.stay_half(user)
        return redirect(url_for("dashboard.new_factor_page"), 303)
    return enter(user, via="invitation")

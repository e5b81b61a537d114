"""What people keep of themselves: name and language, password, second factors, and which browsers are signed in."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

from flask import flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from pydantic import SecretStr
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app.api.asking import Asker
from app.api.errors import NothingHere
from app.dashboard import browsers, ceremony, people, proving, second_factor, signing_in, user_letters
from app.dashboard.pages import page
from app.dashboard.signing_in import note
from app.database import HOUSE
from app.services import services
from app.tenants import factors, names, passkeys, tries, user_sessions
from app.tenants import people as rules
from app.tenants.factors import Offer
from app.tenants.user_errors import FactorNeeded, WrongCode
from app.tenants.user_models import User


@page("GET", "/account", right=None)
def account_page(asker: Asker) -> ResponseReturnValue:
    """Show it."""
    now = services().clock()
    with services().database.transaction(HOUSE) as db:
        user = db.get_one(User, asker.id)
        keys = passkeys.of(db, user.id)
        sessions = user_sessions.listing(db, user.id, now, people.lives())
    return render_template(
        "dashboard/account.html",
        user=user,
        keys=keys,
        sessions=sessions,
        here=g.person.session_id,
        zones=names.zones(),
        named=browsers.named,
        site=ceremony.site(),
    )


@page("POST", "/account", right=None, again="account_page")
def edit_account(asker: Asker) -> ResponseReturnValue:
    """Change name, language or zone."""
    said = {name: request.form.get(name, "").strip() for name in rules.EDITABLE}
    with services().database.transaction(HOUSE) as db:
        user = _mine(db, asker)
        before = {name: getattr(user, name) for name in said}
        rules.edit(user, **said)
        changed = {name: value for name, value in said.items() if before[name] != value}
        if changed:
            note(db, "user.edited", user, **changed)
    flash(gettext("Saved."), "good")
    return redirect(_here(), 303)


@page("POST", "/account/password", right=None, again="account_page")
def change_password(asker: Asker) -> ResponseReturnValue:
    """Change the password, which ends every session but this browser's, and that one gets a new one."""
    with services().database.transaction(HOUSE) as db:
        user = db.get_one(User, asker.id)
    proving.check_password(user, "password")
    with services().database.transaction(HOUSE) as db:
        user = _mine(db, asker)
        new = SecretStr(request.form.get("new_password", ""))
        rules.set_password(db, user, new, services().clock(), field="new_password")
        note(db, "user.password_changed", user, address=browsers.address())
    user_letters.send_later(user_letters.changed(user, uuid7()))
    response = signing_in.enter(user, via="password change", answer=make_response(redirect(_here(), 303)))
    flash(gettext("Your password is changed. Every other browser has to sign in again."), "good")
    return response


@page("GET", "/account/authenticator", right=None, sensitive=True)
def authenticator_page(asker: Asker) -> ResponseReturnValue:
    """Show an authenticator's secret, to be set up."""
    with services().database.transaction(HOUSE) as db:
        user = db.get_one(User, asker.id)
        offer = _offer(db, user, request.form.get("offer"))
    return render_template("dashboard/authenticator.html", offer=offer, picture=second_factor.picture(offer), user=user)


@page("POST", "/account/authenticator", right=None, sensitive=True, again="authenticator_page")
def add_authenticator(asker: Asker) -> ResponseReturnValue:
    """Let an authenticator be a second factor, in place of one that was before."""
    now, form = services().clock(), request.form
    counts = tries.proving(asker.id)
    signing_in.count(*counts)
    with services().database.transaction(HOUSE) as db:
        user = _mine(db, asker)
        first = not factors.has_one(db, user)
        offer = factors.offered(db, services().vault, user, form.get("offer", ""), now)
        factors.accept(db, services().vault, user, offer, code=form.get("code", ""), now=now)
        codes = factors.new_recovery(user) if first else []
        tries.clear(db, counts, now)
        note(db, "user.factor_added", user, kind="authenticator")
    user_letters.tell_of_factors(user)
    return second_factor.told(codes, _here())


@page("POST", "/account/authenticator/remove", right=None, sensitive=True, again="account_page")
def remove_authenticator(asker: Asker) -> ResponseReturnValue:
    """Take the authenticator away."""
    with services().database.transaction(HOUSE) as db:
        user = _mine(db, asker)
        factors.drop_authenticator(db, user)
        _check_kept(db, user)
        note(db, "user.factor_removed", user, kind="authenticator")
    user_letters.tell_of_factors(user)
    flash(gettext("The authenticator was taken away."), "good")
    return redirect(_here(), 303)


@page("GET", "/account/passkeys/new", right=None, sensitive=True)
def new_passkey_page(asker: Asker) -> ResponseReturnValue:
    """Set up a passkey."""
    del asker  # whoever is signed in
    return render_template("dashboard/passkey_new.html", site=ceremony.site(), device=browsers.named(browsers.device()))


@page("POST", "/account/passkeys/options", right=None, sensitive=True)
def ask_own_passkey(asker: Asker) -> ResponseReturnValue:
    """Ask the browser for a passkey to be set up."""
    with services().database.transaction(HOUSE) as db:
        user = db.get_one(User, asker.id)
    return second_factor.ask_to_register(user)


@page("POST", "/account/passkeys", right=None, sensitive=True, again="new_passkey_page")
def add_passkey(asker: Asker) -> ResponseReturnValue:
    """Keep the passkey that the browser made."""
    with services().database.transaction(HOUSE) as db:
        user = db.get_one(User, asker.id)
    return second_factor.told(second_factor.register(user), _here())


@page("POST", "/account/passkeys/<uuid:key_id>/remove", right=None, sensitive=True, again="account_page")
def remove_passkey(asker: Asker, key_id: UUID) -> ResponseReturnValue:
    """Take a passkey away."""
    with services().database.transaction(HOUSE) as db:
        user = _mine(db, asker)
        gone = passkeys.remove(db, user, key_id)
        if gone is None:
            raise NothingHere
        _check_kept(db, user)
        note(db, "user.factor_removed", user, kind="passkey", name=gone.name)
    user_letters.tell_of_factors(user)
    flash(gettext("The passkey “%(name)s” was taken away.", name=gone.name), "good")
    return redirect(_here(), 303)


@page("POST", "/account/recovery-codes", right=None, sensitive=True, again="account_page")
def make_recovery_codes(asker: Asker) -> ResponseReturnValue:
    """Make recovery codes anew; those before are good no more."""
    with services().database.transaction(HOUSE) as db:
        user = _mine(db, asker)
        if not factors.has_one(db, user):
            raise FactorNeeded
        codes = factors.new_recovery(user)
        note(db, "user.recovery_codes_made", user)
    user_letters.tell_of_factors(user)
    return second_factor.told(codes, _here())


@page("POST", "/account/sessions/<uuid:session_id>/end", right=None)
def end_session(asker: Asker, session_id: UUID) -> ResponseReturnValue:
    """Sign one of their browsers out."""
    with services().database.transaction(HOUSE) as db:
        if not user_sessions.end(db, asker.id, session_id):
            raise NothingHere
        note(db, "user.session_ended", db.get_one(User, asker.id), session=str(session_id))
    flash(gettext("That browser is signed out."), "good")
    return redirect(_here(), 303)


@page("POST", "/account/sessions/end-others", right=None)
def end_other_sessions(asker: Asker) -> ResponseReturnValue:
    """Sign all of their browsers out but this one."""
    with services().database.transaction(HOUSE) as db:
        count = user_sessions.end_others(db, asker.id, g.person.session_id)
        note(db, "user.sessions_ended", db.get_one(User, asker.id), count=count)
    flash(gettext("Every other browser is signed out."), "good")
    return redirect(_here(), 303)


def _offer(db: Session, user: User, sealed: str | None) -> Offer:
    """The secret that the page brings back, so that it has not to be scanned again; else a new one."""
    now, vault = services().clock(), services().vault
    if sealed:
        with suppress(WrongCode):
            return factors.offered(db, vault, user, sealed, now)
    return factors.offer(db, vault, user, now)


def _mine(db: Session, asker: Asker) -> User:
    """The person themselves, whom nobody else changes meanwhile."""
    found = rules.lock(db, asker.id)
    if found is None:
        raise NothingHere
    return found


def _check_kept(db: Session, user: User) -> None:
    """Raise FactorNeeded, which undoes it, where their role cannot be without."""
    if people.lacks_factor(db, user):
        raise FactorNeeded


def _here() -> str:
    return url_for("dashboard.account_page")

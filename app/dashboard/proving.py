"""Before a sensitive act it is asked again who is there, unless they showed it just now."""

from __future__ import annotations

from flask import g, redirect, render_template, request
from flask.typing import ResponseReturnValue
from pydantic import SecretStr

from app.api.asking import Asker
from app.dashboard import ceremony, second_factor, signing_in
from app.dashboard.pages import page
from app.dashboard.signing_in import led, note, onward
from app.database import HOUSE
from app.services import services
from app.tenants import factors, passkeys, passwords, tries, user_sessions
from app.tenants.user_errors import WrongPassword
from app.tenants.user_models import User

#: What a passkey is asked for here.
PROVE = "prove"


@page("GET", "/confirm", right=None)
def confirm_page(asker: Asker) -> ResponseReturnValue:
    """Ask for the password, or a factor."""
    with services().database.transaction(HOUSE) as db:
        user = db.get_one(User, asker.id)
        keys = factors.passkeys(db, user)
    return render_template("dashboard/confirm.html", user=user, keys=keys, next=led(), site=ceremony.site())


@page("POST", "/confirm", right=None, again="confirm_page")
def confirm(asker: Asker) -> ResponseReturnValue:
    """Believe it for a while; raises WrongPassword, WrongCode, TooManySignIns."""
    with services().database.transaction(HOUSE) as db:
        user = db.get_one(User, asker.id)
    if "code" in request.form:
        second_factor.take_code(user, request.form["code"])
        return _proven(asker, "code")
    check_password(user, "password")
    return _proven(asker, "password")


@page("POST", "/confirm/passkey/options", right=None)
def ask_to_confirm(asker: Asker) -> ResponseReturnValue:
    """Ask for one of their passkeys."""
    site, challenge = ceremony.need_site(), ceremony.new()
    with services().database.transaction(HOUSE) as db:
        known = passkeys.of(db, asker.id)
    return ceremony.ask(PROVE, challenge, passkeys.to_sign_in(site, challenge, known))


@page("POST", "/confirm/passkey", right=None, again="confirm_page")
def confirm_by_passkey(asker: Asker) -> ResponseReturnValue:
    """Believe it by a passkey; raises WrongPasskey."""
    with services().database.transaction(HOUSE) as db:
        user = db.get_one(User, asker.id)
    second_factor.take_passkey(PROVE, user)
    return _proven(asker, "passkey")


def check_password(user: User, field: str) -> None:
    """Hold somebody to their password, and count it; raises WrongPassword, TooManySignIns."""
    counts = tries.proving(user.id)
    signing_in.count(*counts)
    if not passwords.fits(SecretStr(request.form.get(field, "")), user.password_hash):
        raise WrongPassword(field=field)
    with services().database.transaction(HOUSE) as db:
        tries.clear(db, counts, services().clock())


def _proven(asker: Asker, via: str) -> ResponseReturnValue:
    with services().database.transaction(HOUSE) as db:
        user_sessions.prove(db, g.person.session_id, services().clock())
        note(db, "user.confirmed", db.get_one(User, asker.id), via=via)
    return redirect(onward(), 303)

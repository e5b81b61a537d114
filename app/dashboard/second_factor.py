"""What comes after the password: a code, a recovery code or a passkey; and a passkey in place of all of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import segno
from flask import make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from app.dashboard import browsers, ceremony, signing_in, user_letters
from app.dashboard.pages import page
from app.dashboard.signing_in import HALF, enter, halfway, led, note, onward, shown
from app.database import HOUSE
from app.errors import Refusal
from app.services import services
from app.tenants import factors, passkeys, tries
from app.tenants import people as rules
from app.tenants.factors import Offer
from app.tenants.tries import Count
from app.tenants.user_errors import SignInAgain, UsedCode, WrongPasskey
from app.tenants.user_models import User

#: What a passkey is asked for here.
SIGN_IN, SET_UP = "sign in", "set up"
#: Passkeys cannot be guessed; what is counted keeps nobody's questions from coming without end.
MOST_PASSKEYS: Final = 60


@page("GET", "/login/factor", right=None, anybody=True)
def factor_page() -> ResponseReturnValue:
    """Ask for the second factor; whoever needs one and has none is led to where it is set up."""
    user = _halfway()
    if user is None:
        return _from_the_start()
    has = _has(user)
    if not has["authenticator"] and not has["passkeys"]:
        return redirect(url_for("dashboard.new_factor_page", next=led()), 303)
    return shown("dashboard/factor.html", has=has)


@page("POST", "/login/factor", right=None, anybody=True)
def show_factor() -> ResponseReturnValue:
    """Let somebody in by a code."""
    user = _halfway()
    if user is None:
        return _from_the_start()
    try:
        via = take_code(user, request.form.get("code", ""))
        return enter(user, via=f"password, {via}")
    except Refusal as refusal:
        return shown("dashboard/factor.html", refusal, has=_has(user))


@page("POST", "/login/passkey/options", right=None, anybody=True)
def ask_passkey() -> ResponseReturnValue:
    """Ask for a passkey: of whoever showed their password, or of anybody."""
    signing_in.count(_from_here())
    user, site, challenge = _halfway(), ceremony.need_site(), ceremony.new()
    with services().database.transaction(HOUSE) as db:
        known = passkeys.of(db, user.id) if user else ()
    return ceremony.ask(SIGN_IN, challenge, passkeys.to_sign_in(site, challenge, known))


@page("POST", "/login/passkey", right=None, anybody=True)
def sign_in_by_passkey() -> ResponseReturnValue:
    """Let somebody in by a passkey, which is password and factor in one."""
    half = _halfway()
    try:
        signing_in.count(_from_here())
        return enter(take_passkey(SIGN_IN, half), via="password, passkey" if half else "passkey")
    except Refusal as refusal:
        has = {"has": _has(half)} if half else {}
        return shown("dashboard/factor.html" if half else "dashboard/login.html", refusal, **has)


@page("GET", "/login/factor/new", right=None, anybody=True)
def new_factor_page() -> ResponseReturnValue:
    """Set up the second factor that somebody needs to be let in."""
    user = _without_factor()
    return _from_the_start() if user is None else _setting_up(user)


@page("POST", "/login/factor/new", right=None, anybody=True)
def set_up_factor() -> ResponseReturnValue:
    """Let an authenticator be the second factor, and somebody in with it."""
    user = _without_factor()
    if user is None:
        return _from_the_start()
    now, form = services().clock(), request.form
    try:
        counts = tries.proving(user.id)
        signing_in.count(*counts)
        with services().database.transaction(HOUSE) as db:
            current = rules.lock(db, user.id) or user
            offer = factors.offered(db, services().vault, current, form.get("offer", ""), now)
            try:
                factors.accept(db, services().vault, current, offer, code=form.get("code", ""), now=now)
            except Refusal as refusal:
                return _setting_up(user, refusal, offer)
            codes = factors.new_recovery(current)
            tries.clear(db, counts, now)
            note(db, "user.factor_added", current, kind="authenticator")
        user_letters.tell_of_factors(current)
    except Refusal as refusal:
        return _setting_up(user, refusal)
    return enter(user, via="password, code", answer=make_response(told(codes, onward())))


@page("POST", "/login/factor/new/passkey/options", right=None, anybody=True)
def ask_new_passkey() -> ResponseReturnValue:
    """Ask the browser for a passkey to be set up."""
    user = _without_factor()
    if user is None:
        raise SignInAgain
    return ask_to_register(user)


@page("POST", "/login/factor/new/passkey", right=None, anybody=True)
def set_up_passkey() -> ResponseReturnValue:
    """Let a passkey be the second factor, and somebody in with it."""
    user = _without_factor()
    if user is None:
        return _from_the_start()
    try:
        codes = register(user)
        return enter(user, via="password, passkey", answer=make_response(told(codes, onward())))
    except Refusal as refusal:
        return _setting_up(user, refusal)


def ask_to_register(user: User) -> ResponseReturnValue:
    """Ask the browser for a passkey of somebody's."""
    site, challenge = ceremony.need_site(), ceremony.new()
    with services().database.transaction(HOUSE) as db:
        options = passkeys.to_register(db, site, user, challenge)
    return ceremony.ask(SET_UP, challenge, options)


def register(user: User) -> list[str]:
    """Keep the passkey that the browser made; recovery codes, if it is their first factor. Raises WrongPasskey."""
    answer, now = ceremony.answered(SET_UP), services().clock()
    with services().database.transaction(HOUSE) as db:
        current = rules.lock(db, user.id) or user
        first = not factors.has_one(db, current)
        name = request.form.get("name", "") or browsers.named(browsers.device())
        key = passkeys.register(db, answer.site, current, asked=answer.asked, answer=answer.said, name=name, now=now)
        note(db, "user.factor_added", current, kind="passkey", name=key.name)
        codes = factors.new_recovery(current) if first else []
    user_letters.tell_of_factors(current)
    return codes


def take_code(user: User, said: str) -> str:
    """Take somebody's code, and use it up; which kind it was. Raises WrongCode, TooManySignIns."""
    counts = tries.proving(user.id)
    signing_in.count(*counts)
    failure, tells = None, False
    with services().database.transaction(HOUSE) as db:
        current = rules.lock(db, user.id) or user
        try:
            via = factors.check(db, services().vault, current, said, services().clock())
        except Refusal as refusal:
            failure, used = refusal, isinstance(refusal, UsedCode)
            more = {"used_before": True} if used else {}
            note(db, "user.factor_failed", current, actor=signing_in.VISITOR, address=browsers.address(), **more)
            tells = used and tries.count(db, tries.telling(user.id), services().clock()) is None
        else:
            tries.clear(db, counts, services().clock())
            if via == "recovery code":
                note(db, "user.recovery_code_used", current, left=len(current.recovery))
    if tells:
        user_letters.tell_of_used_code(current)
    if failure is not None:
        raise failure
    return via


def take_passkey(use: str, user: User | None = None) -> User:
    """Whose passkey answered; raises WrongPasskey where it is not that of who has to show it."""
    answer = ceremony.answered(use)
    with services().database.transaction(HOUSE) as db:
        found = passkeys.sign_in(db, answer.site, asked=answer.asked, answer=answer.said, now=services().clock())
    if user is not None and found.id != user.id:
        raise WrongPasskey
    return found


def told(codes: list[str], onward: str) -> str:
    """The page that shows recovery codes, this once."""
    return render_template("dashboard/recovery_codes.html", codes=codes, onward=onward)


def picture(offer: Offer) -> str:
    """An authenticator's secret as a QR code; no style of its own stands in it."""
    drawn = segno.make(offer.uri, error="m").svg_inline(scale=4, border=4, light="#fff", dark="#000", omitsize=True)
    return str(drawn)


def _setting_up(user: User, refusal: Refusal | None = None, offer: Offer | None = None) -> ResponseReturnValue:
    if offer is None:
        with services().database.transaction(HOUSE) as db:
            offer = factors.offer(db, services().vault, user, services().clock())
    return shown("dashboard/new_factor.html", refusal, offer=offer, picture=picture(offer))


def _halfway() -> User | None:
    try:
        return halfway()
    except SignInAgain:
        return None


def _without_factor() -> User | None:
    """Who showed their password and has no factor yet: another is set up by who has shown the one they have."""
    user = _halfway()
    if user is not None:
        with services().database.transaction(HOUSE) as db:
            return None if factors.has_one(db, user) else user
    return None


def _from_the_start() -> ResponseReturnValue:
    session.pop(HALF, None)
    return shown("dashboard/login.html", SignInAgain())


def _has(user: User) -> dict[str, Any]:
    """What somebody can show."""
    with services().database.transaction(HOUSE) as db:
        keys = factors.passkeys(db, user)
    return {"authenticator": user.totp is not None, "recovery": bool(user.recovery), "passkeys": keys}


def _from_here() -> Count:
    return Count(what=f"passkey from|{browsers.address()}", most=MOST_PASSKEYS, span=timedelta(minutes=15))

"""The pages: forms, personal links, outcomes."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.errors import Refusal
from app.intake import Collected
from app.portal import assets, entrance, forms, framing, headers, outcomes
from app.portal import several as together
from app.portal.entrance import Entrance
from app.portal.problems import come_again, shuts
from app.portal.several import Handed
from app.providers.operation import Mode
from app.records.states import State
from app.records.uploads import AlreadyHandedIn
from app.services import services
from app.tenants import links

portal = Blueprint("portal", __name__, template_folder=str(assets.ROOT / "templates"))


@portal.get("/f/<public_id>")
def form(public_id: str) -> ResponseReturnValue:
    """Show a published form."""
    page, status = _form(entrance.by_form(public_id))
    return page, status, {} if framing.is_framed() else headers.MAY_BE_FOUND


@portal.post("/f/<public_id>")
def hand_in_by_form(public_id: str) -> ResponseReturnValue:
    """Take a hand-in through a published form."""
    return _hand_in(entrance.by_form(public_id))


@portal.get("/l/<token>")
def link(token: str) -> ResponseReturnValue:
    """Show the form that a personal link leads to; looking is counted, and is not using."""
    way = entrance.by_link(token)
    if way.link and request.method == "GET":
        links.opened(services().database, way.link, services().clock())
    if way.locked and framing.is_framed():  # that it was said is kept in a cookie, and there is none
        return render_template("portal/apart.html", way=way, token=token)
    return _passphrase(way, token) if way.locked else _form(way)


@portal.post("/l/<token>")
def hand_in_by_link(token: str) -> ResponseReturnValue:
    """Take a hand-in through a personal link."""
    way = entrance.by_link(token, sending=True)
    if way.locked and framing.is_framed():
        return render_template("portal/apart.html", way=way, token=token), 403
    return (_passphrase(way, token)[0], 403) if way.locked else _hand_in(way)


@portal.post("/l/<token>/passphrase")
def passphrase(token: str) -> ResponseReturnValue:
    """Open a link by its passphrase."""
    way = entrance.by_link(token)
    try:
        said = forms.receive_passphrase()
        if way.link:
            links.unlock(services().database, way.link, said.get_secret_value(), services().clock())
    except Refusal as refusal:
        return _passphrase(way, token, refusal)
    way.unlock()
    return redirect(way.address, 303)


@portal.get("/o/<token>")
def outcome(token: str) -> ResponseReturnValue:
    """Show what became of an upload, as it is known now."""
    return _outcome(entrance.by_outcome(token), token)


@portal.get("/o/<token>/state")
def outcome_state(token: str) -> ResponseReturnValue:
    """Tell an open outcome page whether it is still up to date."""
    handed_in = entrance.by_outcome(token)
    upload = handed_in.upload
    return jsonify(state=upload.state, provider_status=upload.provider_status, receipt=handed_in.receipted)


@portal.get("/o/<token>/all")
def several(token: str) -> ResponseReturnValue:
    """Show what became of each of several files that one page brought; the token is the page's own."""
    return render_template(
        "portal/several.html", listed=together.present(token), token=token, address=framing.at("several", token=token)
    )


@portal.get("/o/<token>/all/state")
def several_state(token: str) -> ResponseReturnValue:
    """Tell an open page whether it is still up to date."""
    return jsonify(state=together.present(token).state)


@portal.post("/o/<token>")
def check_again(token: str) -> ResponseReturnValue:
    """Ask the provider again whether an unconfirmed upload arrived."""
    handed_in = entrance.by_outcome(token)
    try:
        forms.receive_nothing()
        if handed_in.upload.state == State.UNKNOWN:
            services().deliverer.check_again(handed_in.organization.id, handed_in.upload.id, actor="customer")
    except Refusal as refusal:
        return _outcome(handed_in, token, refusal)
    return redirect(url_for(".outcome", token=token, asked=1), 303)


@portal.post("/o/<token>/mail")
def tell_me(token: str) -> ResponseReturnValue:
    """Have somebody told by mail how an upload ended."""
    handed_in = entrance.by_outcome(token)
    try:
        services().shedding.wishes.count([f"upload:{handed_in.upload.id}", f"address:{entrance.address_of_caller()}"])
        entrance.ask_for_mail(handed_in, forms.receive_email())
    except Refusal as refusal:
        return *_outcome(handed_in, token, refusal), come_again(refusal)
    return redirect(url_for(".outcome", token=token), 303)


@portal.get("/accent/<colour>.css")
def accent(colour: str) -> Response:
    """Serve the stylesheet of one colour."""
    return assets.accent_css(colour)


def _hand_in(way: Entrance) -> ResponseReturnValue:
    """Receive, check, deliver; then the outcome's own page, or the form again with what is wrong."""
    sent = None
    try:
        keeps = (request.content_length or 0) if way.mode is Mode.DURABLE else None
        with services().shedding.admit(way.caller, keeps=keeps), forms.receive_form(way) as sent:
            sent.check()
            token = sent.outcome_token
            if token and entrance.found(token):
                if former := together.found(token):
                    return redirect(former.address, 303)
                token = None  # nothing came of it, so this one is to be tried anew
            handed = _deliver(way, sent, token)
    except AlreadyHandedIn:
        return redirect(together.former(sent.outcome_token if sent else None).address, 303)
    except Refusal as refusal:
        if shuts(refusal):
            raise
        return *_form(way, refusal, sent), come_again(refusal)
    return redirect(handed.address, 303)


def _deliver(way: Entrance, sent: forms.Sent, token: str | None) -> Handed:
    if not isinstance(sent.body, Collected):
        return together.hand_in(way, sent.body, token)
    origin = way.origin(notice_version=way.organization.notice_version, outcome_token=token)
    result = services().deliverer.hand_in(origin, way.operation, sent.body, replace=sent.replace)
    return Handed(token=str(result.outcome_token))


def _form(way: Entrance, refusal: Refusal | None = None, sent: forms.Sent | None = None) -> tuple[str, int]:
    shown = sent.form if sent else forms.build(way)
    if refusal:
        forms.explain(shown, refusal, way)
    page = render_template(
        "portal/form.html",
        way=way,
        form=forms.fresh(shown),
        chosen=sent.chosen if sent else {},
        asks=forms.asks(refusal),
        provider=way.provider,
    )
    return page, refusal.status if refusal else 200


def _passphrase(way: Entrance, token: str, refusal: Refusal | None = None) -> tuple[str, int]:
    page = render_template("portal/passphrase.html", way=way, token=token, form=forms.bare(), refusal=refusal)
    return page, refusal.status if refusal else 200


def _outcome(handed_in: entrance.HandedIn, token: str, refusal: Refusal | None = None) -> tuple[str, int]:
    shown = outcomes.present(handed_in)
    asked = "asked" in request.args
    page = render_template(
        "portal/outcome.html",
        shown=shown,
        token=token,
        address=framing.at("outcome", token=token),
        form=forms.bare(),
        refusal=refusal,
        asked=asked,
    )
    return page, refusal.status if refusal else 200

"""The people of this installation, for its owners: who they are, who is invited, and what may be done about them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.api.asking import Asker
from app.api.errors import NothingHere
from app.dashboard import browsers, people, user_letters
from app.dashboard.pages import page
from app.dashboard.rights import Right
from app.dashboard.signing_in import note
from app.database import HOUSE
from app.errors import N_
from app.portal import language
from app.services import services
from app.tenants import doors, factors, user_sessions, ways_in
from app.tenants import people as rules
from app.tenants.errors import BadValue
from app.tenants.models import Organization
from app.tenants.roles import Role
from app.tenants.user_models import Passkey, User

#: What each role is called, and what it may do.
ROLES: Final = {
    Role.OWNER: (N_("Owner"), N_("May do everything, and says who else may.")),
    Role.OPERATOR: (N_("Operator"), N_("Runs all organizations; not people, nor the house's own.")),
    Role.AUDITOR: (N_("Auditor"), N_("Sees all and changes nothing.")),
    Role.MANAGER: (N_("Manager"), N_("Runs one organization, and sees nothing of others.")),
}


@page("GET", "/people", right=Right.OWN)
def list_people(asker: Asker) -> ResponseReturnValue:
    """List everybody, and who is invited."""
    del asker  # all of them are the house's
    with services().database.transaction(HOUSE) as db:
        users = rules.listing(db)
        with_keys = set(db.scalars(select(Passkey.user_id).distinct()))
        invited = ways_in.invitations(db, services().clock())
    return render_template(
        "dashboard/people.html",
        users=users,
        with_keys=with_keys,
        invited=invited,
        roles=ROLES,
        organizations=_called({user.manages for user in users} | {one.manages for one in invited}),
    )


@page("GET", "/people/invite", right=Right.OWN, sensitive=True)
def invitation_page(asker: Asker) -> ResponseReturnValue:
    """Ask who is to be invited, and as what."""
    del asker
    return render_template("dashboard/invite.html", roles=ROLES, mails=services().mailer is not None)


@page("POST", "/people/invite", right=Right.OWN, sensitive=True, again="invitation_page")
def invite(asker: Asker) -> ResponseReturnValue:
    """Invite somebody, by mail or by an address that is shown this once."""
    form, settings = request.form, services().settings
    role, manages = _wanted()
    with services().database.transaction(HOUSE) as db:
        made, token = ways_in.invite(
            db,
            email=form.get("email", ""),
            role=role,
            manages=manages,
            locale=form.get("locale") or language.language(),
            invited_by=asker.actor,
            now=services().clock(),
            life=timedelta(seconds=settings.invitation_seconds),
        )
        inviter = db.get_one(User, asker.id).name
        note(db, "user.invited", made, actor=asker.actor, email=made.email, role=made.role)
    address = user_letters.where("dashboard.join_page", token)
    mailed = "mail" in form and user_letters.send(user_letters.invitation(made, address, inviter))
    return render_template(
        "dashboard/invited.html", invited=made, address=address, mailed=mailed, failed="mail" in form and not mailed
    )


@page("POST", "/people/invitations/<uuid:invitation_id>/revoke", right=Right.OWN)
def revoke_invitation(asker: Asker, invitation_id: UUID) -> ResponseReturnValue:
    """Withdraw an invitation."""
    with services().database.transaction(HOUSE) as db:
        gone = ways_in.revoke(db, invitation_id, services().clock())
        if gone is None:
            raise NothingHere
        note(db, "user.invitation_revoked", gone, actor=asker.actor, email=gone.email)
    flash(gettext("The invitation of %(email)s was withdrawn.", email=gone.email), "good")
    return redirect(url_for("dashboard.list_people"), 303)


@page("GET", "/people/<uuid:user_id>", right=Right.OWN)
def show_person(asker: Asker, user_id: UUID) -> ResponseReturnValue:
    """Show somebody, and what may be done about them."""
    now = services().clock()
    with services().database.transaction(HOUSE) as db:
        user = db.get(User, user_id)
        if user is None:
            raise NothingHere
        keys = factors.passkeys(db, user)
        sessions = user_sessions.listing(db, user.id, now, people.lives())
    return render_template(
        "dashboard/person.html",
        user=user,
        keys=keys,
        sessions=sessions,
        roles=ROLES,
        organizations=_called({user.manages}),
        named=browsers.named,
        is_me=user.id == asker.id,
    )


@page("POST", "/people/<uuid:user_id>/role", right=Right.OWN, sensitive=True, again="show_person")
def change_role(asker: Asker, user_id: UUID) -> ResponseReturnValue:
    """Make somebody something else, which ends their sessions; raises LastOwner."""
    role, manages = _wanted()
    with services().database.transaction(HOUSE) as db:
        user = _locked(db, user_id)
        before = user.role
        rules.change_role(db, user, role, manages, services().clock())
        note(db, "user.role_changed", user, actor=asker.actor, before=before, role=role)
    return _done(user, gettext("%(name)s has another role now, and has to sign in again.", name=user.name))


@page("POST", "/people/<uuid:user_id>/disable", right=Right.OWN, sensitive=True, again="show_person")
def disable_person(asker: Asker, user_id: UUID) -> ResponseReturnValue:
    """Let somebody in no more; raises LastOwner."""
    with services().database.transaction(HOUSE) as db:
        user = _locked(db, user_id)
        rules.disable(db, user, services().clock())
        note(db, "user.disabled", user, actor=asker.actor)
    return _done(user, gettext("%(name)s is let in no more.", name=user.name))


@page("POST", "/people/<uuid:user_id>/enable", right=Right.OWN, sensitive=True, again="show_person")
def enable_person(asker: Asker, user_id: UUID) -> ResponseReturnValue:
    """Let somebody in again."""
    with services().database.transaction(HOUSE) as db:
        user = _locked(db, user_id)
        rules.enable(user)
        note(db, "user.enabled", user, actor=asker.actor)
    return _done(user, gettext("%(name)s may sign in again.", name=user.name))


@page("POST", "/people/<uuid:user_id>/end-sessions", right=Right.OWN, again="show_person")
def end_sessions(asker: Asker, user_id: UUID) -> ResponseReturnValue:
    """Sign all of somebody's browsers out."""
    with services().database.transaction(HOUSE) as db:
        user = _locked(db, user_id)
        count = user_sessions.end_others(db, user.id)
        note(db, "user.sessions_ended", user, actor=asker.actor, count=count)
    return _done(user, gettext("%(name)s has to sign in again everywhere.", name=user.name))


@page("POST", "/people/<uuid:user_id>/reset-factors", right=Right.OWN, sensitive=True, again="show_person")
def reset_factors(asker: Asker, user_id: UUID) -> ResponseReturnValue:
    """Take somebody's second factors away, who lost them."""
    with services().database.transaction(HOUSE) as db:
        user = _locked(db, user_id)
        rules.reset_factors(db, user, services().clock())
        note(db, "user.factors_reset", user, actor=asker.actor)
    user_letters.tell_of_factors(user)
    return _done(user, gettext("%(name)s has no second factor any more.", name=user.name))


def _wanted() -> tuple[Role, UUID | None]:
    """The role that was chosen, and of a manager the organization; raises BadValue."""
    said, slug = request.form.get("role", ""), request.form.get("organization", "").strip()
    if said not in {one.value for one in Role}:
        raise BadValue(field="role", name="role", value=said[:80])
    role = Role(said)
    if role is not Role.MANAGER:
        return role, None
    manages = doors.organization(services().database, slug)
    if manages is None:
        raise BadValue(field="organization", name="organization", value=slug[:80])
    return role, manages


def _locked(db: Session, user_id: UUID) -> User:
    found = rules.lock(db, user_id)
    if found is None:
        raise NothingHere
    return found


def _done(user: User, said: str) -> ResponseReturnValue:
    flash(said, "good")
    return redirect(url_for("dashboard.show_person", user_id=user.id), 303)


def _called(wanted: set[UUID | None]) -> dict[UUID, Any]:
    """Slug and name of organizations by their id."""
    ids = {one for one in wanted if one is not None}
    if not ids:
        return {}
    columns = Organization.id, Organization.slug, Organization.name
    with services().database.overview() as db:
        return {row.id: row for row in db.execute(select(*columns).where(Organization.id.in_(ids)))}

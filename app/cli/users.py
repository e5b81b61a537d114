"""`flask user`: the people who sign in, for whoever sets up the first of them or has to let one back in."""

from __future__ import annotations

from datetime import timedelta

import click
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app.cli import finding
from app.cli.asking import secret, shown, table
from app.cli.finding import Commands, written
from app.dashboard import user_letters
from app.database import HOUSE
from app.mail import Message
from app.services import services
from app.tenants import doors, factors, people, user_sessions, ways_in
from app.tenants.roles import Role
from app.tenants.user_models import User

user = Commands("user", help="People who sign in to the dashboard.")

ROLE = click.Choice([role.value for role in Role])


@user.command("add")
@click.argument("email")
@click.argument("name")
@click.option("--role", type=ROLE, default=Role.OWNER.value, show_default=True, help="What they are here.")
@click.option("--organization", help="Slug of the organization that a manager runs.")
@click.option("--locale", type=click.Choice(["es", "en"]), help="The language of their pages.")
@click.option("--password", "variable", help="Variable of the environment that holds it; else it is asked for.")
def add(  # noqa: PLR0917 - the options of the command line
    email: str, name: str, role: str, organization: str | None, locale: str | None, variable: str | None
) -> None:
    """Add somebody with the address EMAIL, called NAME. The password is asked for, or read from a pipe."""
    manages = finding.organization(organization) if organization else None
    settings, password = services().settings, secret("Password", variable)
    with services().database.transaction(HOUSE) as session:
        made = people.add(
            session,
            email=email,
            name=name,
            role=Role(role),
            manages=manages,
            password=password,
            locale=locale or settings.default_locale,
            timezone=settings.default_timezone,
            now=services().clock(),
        )
        written(session, HOUSE, "user.added", made, email=made.email, role=made.role)
    click.echo(f"{made.email} can sign in at {settings.public_url}/admin")


@user.command("invite")
@click.argument("email")
@click.option("--role", type=ROLE, default=Role.OPERATOR.value, show_default=True, help="What they are to be.")
@click.option("--organization", help="Slug of the organization that a manager runs.")
@click.option("--locale", type=click.Choice(["es", "en"]), help="The language that they are spoken to in.")
def invite(email: str, role: str, organization: str | None, locale: str | None) -> None:
    """Make an invitation for EMAIL. Its address is shown once: whoever has it can come in by it."""
    manages = finding.organization(organization) if organization else None
    settings = services().settings
    with services().database.transaction(HOUSE) as session:
        made, token = ways_in.invite(
            session,
            email=email,
            role=Role(role),
            manages=manages,
            locale=locale or settings.default_locale,
            invited_by=finding.actor(),
            now=services().clock(),
            life=timedelta(seconds=settings.invitation_seconds),
        )
        written(session, HOUSE, "user.invited", made, email=made.email, role=made.role)
    click.echo(f"{settings.public_url}/admin/join/{token}")
    click.echo(f"Good once, until {shown(made.expires_at)}.", err=True)


@user.command("list")
def list_() -> None:
    """List everybody."""
    slugs = {owner: slug for owner, slug, _ in doors.organizations(services().database)}
    with services().database.transaction(HOUSE) as session:
        rows = [
            (
                one.email,
                one.name,
                one.role,
                slugs.get(one.manages, "-") if one.manages else "-",
                "yes" if factors.has_one(session, one) else "no",
                shown(one.signed_in_at),
                shown(one.disabled_at),
            )
            for one in people.listing(session)
        ]
    table(rows, "EMAIL", "NAME", "ROLE", "ORGANIZATION", "SECOND FACTOR", "SIGNED IN", "DISABLED")


@user.command("role")
@click.argument("email")
@click.argument("role", type=ROLE)
@click.option("--organization", help="Slug of the organization that a manager runs.")
def role_(email: str, role: str, organization: str | None) -> None:
    """Make EMAIL something else, which ends their sessions."""
    manages = finding.organization(organization) if organization else None
    with services().database.transaction(HOUSE) as session:
        found = _found(session, email)
        before = found.role
        people.change_role(session, found, Role(role), manages, services().clock())
        written(session, HOUSE, "user.role_changed", found, before=before, role=role)
    click.echo(f"{found.email} is {role} now.")


@user.command("disable")
@click.argument("email")
def disable(email: str) -> None:
    """Let EMAIL in no more, which ends their sessions."""
    with services().database.transaction(HOUSE) as session:
        found = _found(session, email)
        people.disable(session, found, services().clock())
        written(session, HOUSE, "user.disabled", found)
    click.echo("Disabled.")


@user.command("enable")
@click.argument("email")
def enable(email: str) -> None:
    """Let EMAIL in again."""
    with services().database.transaction(HOUSE) as session:
        found = _found(session, email)
        people.enable(found)
        written(session, HOUSE, "user.enabled", found)
    click.echo("Enabled.")


@user.command("reset")
@click.argument("email")
@click.option("--password", "ask", is_flag=True, help="Give them a new password; it is asked for, or piped in.")
@click.option("--factors", "drop", is_flag=True, help="Take every second factor away, for somebody who lost theirs.")
@click.option("--sessions", "end", is_flag=True, help="End their sessions, which the other two do as well.")
def reset(email: str, ask: bool, drop: bool, end: bool) -> None:  # noqa: FBT001 - flags of the command line
    """Let EMAIL begin anew with what they sign in with."""
    if not (ask or drop or end):
        raise click.UsageError("Say what: --password, --factors, --sessions.")
    password, now = secret("New password") if ask else None, services().clock()
    with services().database.transaction(HOUSE) as session:
        found = _found(session, email)
        if password is not None:
            people.set_password(session, found, password, now)
            written(session, HOUSE, "user.password_reset", found)
        if drop:
            people.reset_factors(session, found, now)
            written(session, HOUSE, "user.factors_reset", found)
        user_sessions.end_others(session, found.id)
        written(session, HOUSE, "user.sessions_ended", found)
    if ask:
        _tell(user_letters.changed(found, uuid7()))
    if drop:
        _tell(user_letters.factors_changed(found))
    click.echo("Done.")


def _tell(letter: Message) -> None:
    """Mail somebody what was done, where mail is sent; it stays done, whether they hear of it or not."""
    if services().mailer is not None and not user_letters.send(letter):
        click.echo(f"They could not be told by mail: “{letter.subject}”.", err=True)


def _found(session: Session, email: str) -> User:
    found = people.by_email(session, email)
    if found is None:
        raise click.ClickException(f"There is nobody “{email}”. `flask user list` shows everybody.")
    return people.lock(session, found.id) or found

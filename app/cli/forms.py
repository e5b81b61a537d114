"""`flask form` and `flask link`: the ways in for customers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import click
from sqlalchemy import select

from app.cli import finding
from app.cli.asking import Span, secret, shown, table
from app.cli.finding import Commands, written
from app.cli.form_settings import changed, described, settings_options
from app.providers import registry
from app.services import services
from app.tenants import doors, forms, links
from app.tenants.models import Connection, Form, Link

form = Commands("form", help="Published pages, one for an operation of a connection.")
link = Commands("link", help="Personal ways into a form. They expire, are counted and can be revoked.")


@form.command("add")
@click.argument("org")
@click.argument("connection")
@click.argument("operation")
@click.option(
    "--open/--closed", "open_", default=None, help="Take hand-ins at once; without it, as the operation says."
)
@click.option("--link-only", is_flag=True, help="Only personal links lead in.")
@click.option("--attended", is_flag=True, help="Somebody renews the credential whenever it ends.")
@settings_options
def add_form(
    *,
    org: str,
    connection: str,
    operation: str,
    open_: bool | None,
    link_only: bool,
    attended: bool,
    **changes: Any,
) -> None:
    """Publish a form for OPERATION, such as facturapi/certificate."""
    organization = finding.organization(org)
    with services().database.transaction(organization) as session:
        through = finding.connection(session, org, connection)
        known = {one.slug: one for one in registry.operations() if one.provider == through.provider}
        if operation not in known:
            raise click.UsageError(f"{connection} cannot take “{operation}”; it takes: {', '.join(known)}.")
        if through.credential_ends_at is not None and not attended:
            raise click.ClickException(
                f"The credential of {org}/{connection} ends by itself on {shown(through.credential_ends_at)}, and the "
                "form would stop with it. Use a key, or what renews it; or say --attended."
            )
        made = forms.add(
            session,
            organization_id=organization,
            connection_id=through.id,
            operation=operation,
            open=known[operation].open if open_ is None else open_,
            link_only=link_only,
            settings=changed(known[operation], {}, **changes),
        )
        written(session, organization, "form.added", made, operation=operation, settings=made.settings)
    click.echo(_form_url(made))
    if not made.open:
        click.echo(f"It is closed. Open it with: flask form open {made.public_id}")


@form.command("edit")
@click.argument("address")
@settings_options
def edit_form(*, address: str, **changes: Any) -> None:
    """Change what a form presets and takes. ADDRESS is its address or the end of it. What is not named stays."""
    found = _form(address)
    settings = changed(registry.operation(found.operation), found.settings, **changes)
    with services().database.transaction(found.organization_id) as session:
        forms.change(session, found.id, settings)
        written(session, found.organization_id, "form.changed", found, settings=settings)
    click.echo(described(settings))


@form.command("list")
@click.argument("org")
def list_forms(org: str) -> None:
    """List the forms of ORG."""
    with services().database.transaction(finding.organization(org)) as session:
        rows = [
            (_form_url(one), name, one.operation, _state(one))
            for one in forms.listing(session)
            for name in session.scalars(select(Connection.name).where(Connection.id == one.connection_id))
        ]
    table(rows, "ADDRESS", "CONNECTION", "OPERATION", "STATE")


@form.command("open")
@click.argument("address")
@click.option("--close", is_flag=True, help="Close it instead.")
def open_form(*, address: str, close: bool) -> None:
    """Let a form take hand-ins; ADDRESS is its address or the end of it."""
    found = _form(address)
    with services().database.transaction(found.organization_id) as session:
        forms.set_open(session, found.id, open=not close)
        written(session, found.organization_id, "form.closed" if close else "form.opened", found)
    click.echo("Closed." if close else "Open.")


@link.command("add")
@click.argument("form")
@click.option("--expires", type=Span(), default="30d", show_default=True, help="How long it leads in: 12h, 30d, 4w.")
@click.option("--uses", type=click.IntRange(1, 10_000), default=1, show_default=True, help="Accepted hand-ins.")
@click.option("--recipient", help="Whom it is for; for you to read.")
@click.option("--locale", type=click.Choice(["es", "en"]), help="Language of its pages.")
@click.option("--passphrase", "guarded", is_flag=True, help="Ask for a passphrase that opens it.")
@click.option("--passphrase-env", metavar="VARIABLE", help="Variable that holds the passphrase.")
def add_link(
    *,
    form: str,
    expires: timedelta,
    uses: int,
    recipient: str | None,
    locale: str | None,
    guarded: bool,
    passphrase_env: str | None,
) -> None:
    """Make a link into FORM, its address or the end of it. It is shown once."""
    into = _form(form)
    passphrase = secret("Passphrase", passphrase_env) if guarded or passphrase_env else None
    with services().database.transaction(into.organization_id) as session:
        made, token = links.create(
            session,
            form=into,
            expires_at=services().clock() + expires,
            max_uses=uses,
            passphrase=passphrase.get_secret_value() if passphrase else None,
            recipient=recipient,
            locale=locale,
        )
        written(session, made.organization_id, "link.added", made, form=str(into.id), recipient=recipient)
    click.echo(f"{services().settings.public_url}/l/{token}")
    click.echo(f"Leads in until {shown(made.expires_at)}; uses: {made.max_uses}. Its id is {made.id}.", err=True)


@link.command("list")
@click.argument("form")
def list_links(form: str) -> None:
    """List the links into FORM; their addresses are kept nowhere."""
    into = _form(form)
    with services().database.transaction(into.organization_id) as session:
        found = session.scalars(select(Link).where(Link.form_id == into.id).order_by(Link.created_at)).all()
    rows = [
        (str(one.id), one.recipient or "-", f"{one.uses}/{one.max_uses}", shown(one.expires_at), shown(one.revoked_at))
        for one in found
    ]
    table(rows, "ID", "RECIPIENT", "USES", "EXPIRES", "REVOKED")


@link.command("revoke")
@click.argument("address_or_id")
@click.option("--org", help="Whose it is; needed with an id.")
def revoke_link(address_or_id: str, org: str | None) -> None:
    """Withdraw a link, named by its address, or by its id and --org."""
    organization, link_id = _link(address_or_id, org)
    with services().database.transaction(organization) as session:
        found = session.get(Link, link_id)
        if found is None:
            raise click.ClickException(f"“{org}” has no such link.")
        if not links.revoke(session, link_id, services().clock()):
            raise click.ClickException("That link was revoked before.")
        written(session, found.organization_id, "link.revoked", found)
    click.echo("Revoked.")


def _form(address: str) -> Form:
    """A form by its address or the end of it."""
    public_id = address.rstrip("/").rpartition("/")[2]
    found = doors.form(services().database, public_id)
    if found is None:
        raise click.ClickException(f"There is no form at “{address}”. `flask form list ORG` shows an organization's.")
    with services().database.transaction(found.organization_id) as session:
        return session.get_one(Form, found.id)


def _link(address_or_id: str, org: str | None) -> tuple[UUID, UUID]:
    """Whose link it is, and its id."""
    if org is None:
        token = address_or_id.rstrip("/").rpartition("/")[2]
        found = doors.link(services().database, token)
        if found is None:
            raise click.ClickException("There is no link at that address; with an id, say --org too.")
        return found.organization_id, found.id
    try:
        return finding.organization(org), UUID(address_or_id)
    except ValueError:
        raise click.UsageError(f"{address_or_id!r} is not the id of a link.") from None


def _form_url(one: Form) -> str:
    return f"{services().settings.public_url}/f/{one.public_id}"


def _state(one: Form) -> str:
    return ("by link" if one.link_only else "open") if one.open else "closed"

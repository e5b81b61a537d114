"""`flask upload`: hand-ins, what became of them, and what can be done about those that failed."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import click
from sqlalchemy.exc import NoResultFound

from app.cli import finding, visits
from app.cli.asking import Span, shown, table
from app.cli.finding import Commands
from app.delivery import cancelling, retrying
from app.delivery.jobs import wake
from app.delivery.retrying import Left
from app.records.states import State
from app.services import services
from app.tenants import doors


class Uploads(Commands):
    """The group; what is none of its commands is meant for `hand-in`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["hand-in", *args]
        return super().parse_args(ctx, args)


upload = Uploads("upload", help="Hand-ins and what became of them. `flask upload FILE… --to ORG/CONNECTION/OPERATION`.")

SINCE = click.option("--since", type=Span(), help="Only what failed within that time, as 12h, 30d or 4w.")
OPERATION = click.option("--operation", help="Only of that operation, as codat/file.")


@upload.command("check-again")
@click.argument("org")
@click.argument("id", type=click.UUID)
def check_again(org: str, id: UUID) -> None:  # noqa: A002 - the argument's name on the command line
    """Ask the provider whether an unconfirmed upload arrived. Any other is told as it is."""
    organization = finding.organization(org)
    try:
        result = services().deliverer.check_again(organization, id, actor=_actor())
    except NoResultFound:
        raise click.ClickException(f"“{org}” has no such upload.") from None
    outcome = result.outcome
    click.echo(f"{result.state.value} {outcome.reference or ''}".rstrip())
    if outcome.problem:
        click.echo(visits.sentence(outcome), err=True)


@upload.command("cancel")
@click.argument("org")
@click.argument("id", type=click.UUID)
def cancel(org: str, id: UUID) -> None:  # noqa: A002 - the argument's name on the command line
    """Stop an upload that is under way. Done as long as the provider has not all of it."""
    with services().database.transaction(finding.organization(org)) as session:
        try:
            cancelling.cancel(session, id, actor=_actor(), now=services().clock())
        except NoResultFound:
            raise click.ClickException(f"“{org}” has no such upload.") from None
    services().spool.discard(id)
    click.echo("Cancelled.")


@upload.command("failed")
@click.option("--org", help="Only of that organization.")
@OPERATION
@SINCE
def failed(org: str | None, operation: str | None, since: timedelta | None) -> None:
    """List what could not be delivered, or is unconfirmed. Also until when it can be sent again."""
    table(
        [
            (
                slug,
                str(one.upload.id),
                one.upload.operation,
                ", ".join(part["filename"] for part in one.upload.parts),
                shown(one.upload.updated_at),
                one.upload.state.value,
                one.upload.problem or "-",
                shown(one.copy_until),
            )
            for slug, one in _left(org, operation, since)
        ],
        *("ORGANIZATION", "ID", "OPERATION", "FILE", "SINCE", "STATE", "BECAUSE", "COPY UNTIL"),
    )


@upload.command("retry")
@click.argument("org", required=False)
@click.argument("ids", type=click.UUID, nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that failed and can be sent again, in place of ids.")
@OPERATION
@SINCE
@click.option("--may-be-there", is_flag=True, help="Also what is unconfirmed: it may then be there twice.")
def retry(
    *,
    org: str | None,
    ids: tuple[UUID, ...],
    everything: bool,
    operation: str | None,
    since: timedelta | None,
    may_be_there: bool,
) -> None:
    """Send again what failed. Uploads of ORG by their ids, or with --all whatever there is, of ORG or of everybody."""
    if everything == bool(ids) or (ids and (operation or since)):
        raise click.UsageError("Name ORG and ids, or --all with filters.")
    if everything:
        wanted = retrying.LEFT if may_be_there else frozenset({State.FAILED})
        found = [one.upload for _, one in _left(org, operation, since) if one.copy_until and one.upload.state in wanted]
        chosen = [(one.organization_id, one.id) for one in found]
    else:
        organization = finding.organization(str(org))
        chosen = [(organization, id_) for id_ in ids]
    for organization_id, upload_id in chosen:
        _retry(organization_id, upload_id, may_be_there=may_be_there)
    click.echo(f"{len(chosen)} will be sent again.")


def _retry(organization_id: UUID, upload_id: UUID, *, may_be_there: bool) -> None:
    now = services().clock()
    with services().database.transaction(organization_id) as session:
        try:
            retrying.retry(session, upload_id, actor=_actor(), now=now, may_be_there=may_be_there)
        except NoResultFound:
            raise click.ClickException(f"There is no upload {upload_id} of that organization.") from None
        session.flush()
        wake(session, organization_id)


def _left(org: str | None, operation: str | None, since: timedelta | None) -> Iterator[tuple[str, Left]]:
    """What was left to a person, of one organization or of all, each with its organization's slug."""
    begin = services().clock() - since if since else None
    known = doors.organizations(services().database)
    wanted = finding.organization(org) if org else None
    for organization_id, slug, _ in known:
        if wanted in {None, organization_id}:
            with services().database.transaction(organization_id) as session:
                for one in retrying.left(session, operation=operation, since=begin):
                    yield slug, one


def _actor() -> str:
    return f"cli:{getpass.getuser()}"

"""`flask connection expiring`: certificates that end soon."""

from __future__ import annotations

from datetime import timedelta

import click

from app.cli import finding
from app.cli.asking import shown, table
from app.cli.connections import connection
from app.records import certificates
from app.services import services
from app.tenants import doors


@connection.command("expiring")
@click.argument("org", required=False)
@click.option("--days", type=click.IntRange(0, 3650), default=30, show_default=True, help="Within so many days.")
def expiring(org: str | None, days: int) -> None:
    """List the certificates that end soon or have ended. Of ORG, or of every organization.

    They are those that were delivered last through each connection.
    """
    if org is not None:
        finding.organization(org)
    before = services().clock() + timedelta(days=days)
    rows = []
    for organization_id, slug, _ in doors.organizations(services().database):
        if org in {None, slug}:
            with services().database.transaction(organization_id) as session:
                rows += [
                    (slug, one.connection, one.operation, one.number or "-", shown(one.not_after))
                    for one in certificates.ending(session, before)
                ]
    table(rows, "ORG", "CONNECTION", "OPERATION", "NUMBER", "ENDS")

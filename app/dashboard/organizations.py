"""Organizations: found among all of them, looked at, dressed, suspended, deleted and brought back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from flask import Response, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from app.api import connections as connections_api
from app.api import organizations as api
from app.api.asking import Asker
from app.api.paging import Paging, signed
from app.dashboard import whose
from app.dashboard.pages import page
from app.dashboard.rights import Right
from app.dashboard.taking import filled
from app.dashboard.whose import ORGANIZATION
from app.errors import N_
from app.providers import registry
from app.records import certificates, directory
from app.records.directory import Sought, Standing
from app.services import services
from app.tenants import names, organizations, sheets
from app.tenants.errors import BadValue
from app.tenants.models import Organization

#: How organizations stand, in words, with the colour and the icon of each.
STANDINGS: Final[Mapping[Standing, tuple[str, str, str]]] = {
    Standing.OPEN: ("good", "check", N_("open")),
    Standing.SUSPENDED: ("doubt", "pause", N_("suspended")),
    Standing.DELETING: ("bad", "trash", N_("to be deleted")),
    Standing.DELETED: ("plain", "slash", N_("deleted")),
}
#: Certificates that end so soon are shown.
SOON: Final = timedelta(days=60)


@page("GET", "/organizations", right=Right.SEE, everywhere=True)
def list_organizations(asker: Asker) -> ResponseReturnValue:
    """List all organizations, found by words and narrowed; a manager has one, and is led there."""
    if asker.organization_id is not None:
        return redirect(url_for("dashboard.show_organization", organization=whose.slug(asker)))
    query, now = whose.asked(Paging), services().clock()
    standing = request.args.get("standing")
    sought = Sought(
        words=(request.args.get("q") or "")[:200].replace("\0", "") or None,
        standing=Standing(standing) if standing in set(Standing) else None,
        calling=request.args.get("calling") == "1",
        provider=request.args.get("provider") or None,
    )
    with services().database.overview() as session:
        rows = directory.organizations(
            session, sought, now=now, month=_month(now), after=query.after or "", limit=query.limit + 1
        )
    shown = rows[: query.limit]
    return render_template(
        "dashboard/organizations/list.html",
        found=shown,
        next=signed(shown[-1].slug if len(rows) > query.limit else None),
        sought=sought,
        standings=STANDINGS,
        providers=registry.PROVIDERS,
    )


@page("GET", "/export.csv", right=Right.SEE)
def export_organizations(asker: Asker) -> ResponseReturnValue:  # noqa: ARG001 - whoever may see all
    """Give all organizations as a table."""
    with services().database.overview() as session:
        living = session.query(Organization).where(Organization.deleted_at.is_(None)).order_by(Organization.slug)
        written = sheets.write(living.yield_per(1_000))
    response = Response("\ufeff" + written, mimetype="text/csv")
    response.headers["Content-Disposition"] = 'attachment; filename="organizations.csv"'
    return response


@page("GET", ORGANIZATION, right=Right.SEE)
def show_organization(asker: Asker) -> ResponseReturnValue:
    """Show an organization: how it stands, its connections, what ends soon."""
    now = services().clock()
    connections = connections_api.list_connections(asker, Paging(limit=200))
    with asker.transaction() as session:
        found = organizations.get(session, asker.the_organization)
        ending = certificates.ending(session, now + SOON)
        listed = directory.organizations(session, Sought(only=found.id), now=now, month=_month(now), limit=1)
    return render_template(
        "dashboard/organizations/one.html",
        asker=asker,
        organization=found,
        listed=next(iter(listed), None),
        standing=STANDINGS[directory.standing(found)],
        connections=connections.items,
        ending=ending,
        now=now,
    )


@page("GET", f"{ORGANIZATION}/settings", right=Right.SEE)
def organization_settings(asker: Asker) -> ResponseReturnValue:
    """Show how an organization is called, looks and keeps; with how its pages look, as on a phone."""
    found = api.show_organization(asker)
    return render_template(
        "dashboard/organizations/settings.html",
        asker=asker,
        organization=found,
        zones=[(zone, zone) for zone in names.zones()],
        house=asker.is_house,
        days=services().settings.deletion_days,
    )


@page("POST", f"{ORGANIZATION}/settings", right=Right.CHANGE, again="organization_settings")
def edit_organization(asker: Asker) -> ResponseReturnValue:
    """Change how an organization is called, looks and keeps."""
    typed = request.form.get("keep_delivered_days", "").strip()
    if not typed.isdecimal():
        raise BadValue(field="keep_delivered_days", name="keep_delivered_days", value=typed[:80])
    api.edit_organization(asker, filled(api.OrganizationChange, keep_delivered_days=int(typed)))
    flash(gettext("Saved. Its pages look so from now on."), "good")
    return redirect(url_for("dashboard.organization_settings", organization=asker.slug), 303)


@page("POST", f"{ORGANIZATION}/suspend", right=Right.CHANGE)
def suspend_organization(asker: Asker) -> ResponseReturnValue:
    """Let an organization hand nothing in, at once."""
    api.edit_organization(asker, api.OrganizationChange(suspended=True))
    flash(gettext("Suspended. Nothing more is taken, and what was arriving is not let go."), "good")
    return redirect(url_for("dashboard.show_organization", organization=asker.slug), 303)


@page("POST", f"{ORGANIZATION}/lift", right=Right.CHANGE)
def lift_organization(asker: Asker) -> ResponseReturnValue:
    """Let an organization hand in again."""
    api.edit_organization(asker, api.OrganizationChange(suspended=False))
    flash(gettext("It hands in again, and what waited goes on."), "good")
    return redirect(url_for("dashboard.show_organization", organization=asker.slug), 303)


@page("POST", f"{ORGANIZATION}/delete", right=Right.OWN, sensitive=True, again="organization_settings")
def delete_organization(asker: Asker) -> ResponseReturnValue:
    """Delete an organization after its days of grace, if its slug was typed."""
    if request.form.get("typed", "").strip() != asker.slug:
        raise BadValue(field="typed", name="slug", value=request.form.get("typed", "")[:80])
    api.delete_organization(asker)
    flash(gettext("It is suspended now and will be deleted. Until then you can restore it."), "doubt")
    return redirect(url_for("dashboard.show_organization", organization=asker.slug), 303)


@page("POST", f"{ORGANIZATION}/restore", right=Right.OWN)
def restore_organization(asker: Asker) -> ResponseReturnValue:
    """Take a deletion back."""
    api.restore_organization(asker)
    flash(gettext("It will not be deleted. It stays suspended until you lift that, too."), "good")
    return redirect(url_for("dashboard.show_organization", organization=asker.slug), 303)


def _month(now: datetime) -> datetime:
    """When this month began, for the person who looks."""
    here = now.astimezone(ZoneInfo(g.person.timezone))
    return here.replace(day=1, hour=0, minute=0, second=0, microsecond=0)

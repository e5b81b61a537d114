"""The audit log: searched, taken out, and looked at for what is not as it was signed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.api import auditing, ledgers, places
from app.api.asking import Asker
from app.api.paging import Paging, signed
from app.dashboard import whose
from app.dashboard.pages import page
from app.dashboard.rights import Right
from app.dashboard.whose import ORGANIZATION, Listed
from app.errors import N_
from app.records import searching
from app.records.chain import Wrong
from app.services import services
from app.tenants import doors, names

#: What is wrong with a place of the log, in words.
WRONG: Final[Mapping[Wrong, str]] = {
    Wrong.CHANGED: N_("It was changed: it is not what was signed."),
    Wrong.MOVED: N_("It was moved: what stands here was signed for number %(belongs)s."),
    Wrong.INSERTED: N_("It was inserted: what stands here was never sealed."),
    Wrong.MISSING: N_("It is missing."),
    Wrong.CUT_OFF: N_("It was cut off: the log has reached at least to here."),
    Wrong.REPLACED: N_("It was replaced: another one stood here when what follows was sealed."),
}


@page("GET", "/audit", right=Right.SEE, everywhere=True)
def all_audit(asker: Asker) -> ResponseReturnValue:
    """Search what was done anywhere."""
    if asker.organization_id is not None:
        return redirect(url_for("dashboard.list_audit", organization=whose.slug(asker)))
    paging = whose.asked(Paging)
    with services().database.overview() as session:
        rows = searching.entries_of_all(session, _narrowed(), after=places.read(paging.after), limit=paging.limit + 1)
    found = _listed(rows, paging)
    slugs = {owner: slug for owner, slug, _ in doors.organizations(services().database)} if found.items else {}
    return render_template("dashboard/audit_all.html", found=found, slugs=slugs, house=names.HOUSE)


@page("GET", f"{ORGANIZATION}/audit", right=Right.SEE, house=True)
def list_audit(asker: Asker) -> ResponseReturnValue:
    """Search what was done in an organization, or by the house."""
    return _shown(asker)


@page("GET", f"{ORGANIZATION}/audit/export", right=Right.SEE, house=True)
def export_audit(asker: Asker) -> ResponseReturnValue:
    """Take out what the filters leave of it."""
    return auditing.export_audit(asker, whose.asked(auditing.ExportQuery, **_days()))


@page("POST", f"{ORGANIZATION}/audit/verify", right=Right.SEE, house=True)
def verify_audit(asker: Asker) -> ResponseReturnValue:
    """Look at every entry, and say what was found."""
    known = request.form.get("known", "").strip()
    query = whose.asked(auditing.VerifyQuery, **({"known": known} if known else {}))
    return _shown(asker, told=auditing.verify_audit(asker, query))


def _shown(asker: Asker, told: auditing.Verification | None = None) -> str:
    found = ledgers.list_audit(asker, whose.asked(ledgers.EntryQuery, **_days()))
    return render_template("dashboard/audit.html", asker=asker, found=found, filters=_filters(), told=told, wrong=WRONG)


def _narrowed() -> searching.Entries:
    return whose.asked(ledgers.EntryQuery, **_days()).wanted


def _days() -> dict[str, Any]:
    """From the beginning of one day to the end of another, in the person's zone."""
    since, until = whose.begins("since"), whose.ends("until")
    return {name: at.isoformat() for name, at in (("since", since), ("until", until)) if at}


def _filters() -> dict[str, str]:
    """What the address narrows the log by, as it stands in the fields."""
    return {name: value for name, value in request.args.items() if name in ledgers.Narrowed.model_fields and value}


def _listed(rows: Any, paging: Paging) -> Listed:
    shown = rows[: paging.limit]
    following = signed(places.written((shown[-1].at, shown[-1].id))) if len(rows) > paging.limit else None
    return Listed(items=shown, next=following)

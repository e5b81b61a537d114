"""Organizations from a table: what each line would do is shown first, and done when somebody has seen it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from flask import render_template, request
from flask.typing import ResponseReturnValue

from app.api import organizations as api
from app.api.asking import Asker
from app.dashboard import refusing, taking
from app.dashboard.pages import page
from app.dashboard.rights import Right
from app.errors import Refusal
from app.intake import Limits
from app.intake.errors import NotText
from app.providers.operation import KIB
from app.services import services
from app.tenants import sheets
from app.tenants.sheets import Line, Verdict

#: Of the table. It comes a second time, in a field, once it was looked at.
MOST_BYTES: Final = 128 * KIB
LIMITS: Final = Limits(parts=4, file_bytes=MOST_BYTES, field_bytes=KIB, body_bytes=MOST_BYTES + 16 * KIB)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line, and what is said of it."""

    line: Line
    said: str


@page("GET", "/import", right=Right.CHANGE)
def import_form(asker: Asker) -> ResponseReturnValue:  # noqa: ARG001 - whoever it is
    """Ask for a table."""
    return render_template("dashboard/organizations/import.html", columns=sheets.COLUMNS)


@page("POST", "/import", right=Right.CHANGE, again="import_form", own_body=True)
def judge_import(asker: Asker) -> ResponseReturnValue:  # noqa: ARG001 - whoever it is
    """Say of each line what it would do; nothing is changed."""
    found = taking.collected(LIMITS, files={"sheet"})
    if "sheet" not in found.files:
        raise sheets.BadSheet(field="sheet", name=", ".join(sheets.COLUMNS))
    text = _text(found.files["sheet"].content)
    return _shown(_judged(text), text)


@page("POST", "/import/run", right=Right.CHANGE, again="import_form")
def run_import(asker: Asker) -> ResponseReturnValue:
    """Do what the lines say, each by itself, and tell of each what became of it."""
    text = request.form.get("sheet", "")
    return _shown([_done(asker, row.line) for row in _judged(text)], None)


def _judged(text: str) -> Sequence[Row]:
    with services().database.overview() as session:
        return [Row(line=line, said=_why(line)) for line in sheets.judge(session, sheets.read(text))]


def _done(asker: Asker, line: Line) -> Row:
    try:
        if line.verdict is Verdict.NEW:
            api.create_organization(asker, api.NewOrganization(slug=line.slug, **_new(line)))
        elif line.verdict is Verdict.CHANGED and line.organization_id is not None:
            api.edit_organization(asker.for_organization(line.organization_id), api.OrganizationChange(**line.values))
    except Refusal as refusal:
        return Row(
            line=Line(number=line.number, slug=line.slug, verdict=Verdict.WRONG, refusal=refusal),
            said=refusing.because(refusal),
        )
    return Row(line=line, said=_why(line))


def _shown(rows: Sequence[Row], text: str | None) -> str:
    counts = {verdict: sum(row.line.verdict is verdict for row in rows) for verdict in Verdict}
    return render_template(
        "dashboard/organizations/imported.html",
        rows=rows,
        text=text,
        counts=counts,
        effective=counts[Verdict.NEW] + counts[Verdict.CHANGED],
    )


def _why(line: Line) -> str:
    if line.refusal is not None:
        return refusing.because(line.refusal)
    return ", ".join(f"{name}: {value if value is not None else '–'}" for name, value in line.values.items())


def _new(line: Line) -> dict[str, object]:
    return {name: value for name, value in line.values.items() if name in api.NewOrganization.model_fields}


def _text(content: bytes) -> str:
    """Text as spreadsheets write it; in Latin-1 where it is no UTF-8, as some of them do."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    if "\0" in text:
        raise NotText(field="sheet", name="sheet")
    return text

"""Many seal certificates at once: chosen together, matched by their keys and RFCs, handed in one after the other."""

from __future__ import annotations

from typing import Final

from flask import render_template
from flask.typing import ResponseReturnValue

from app.api.asking import Asker
from app.checks import pairing
from app.checks.errors import Rejected
from app.checks.pairing import Given
from app.checks.shapes import MAXIMUM_BYTES
from app.dashboard import refusing, taking
from app.dashboard.pages import page
from app.dashboard.rights import Right
from app.delivery import seals
from app.intake import Limits, Streamed
from app.providers.operation import KIB
from app.services import services

#: Certificates and keys of so many organizations come together.
MOST_FILES: Final = 2 * pairing.MOST
PASSWORDS: Final = 32 * KIB
LIMITS: Final = Limits(
    parts=MOST_FILES + 4,
    file_bytes=MAXIMUM_BYTES + 1,
    field_bytes=PASSWORDS,
    body_bytes=MOST_FILES * (MAXIMUM_BYTES + KIB) + PASSWORDS,
    files=MOST_FILES,
)


@page("GET", "/certificates", right=Right.CHANGE, everywhere=True)
def certificates(asker: Asker) -> ResponseReturnValue:  # noqa: ARG001 - whoever it is
    """Ask for the files and the passwords."""
    return render_template("dashboard/organizations/certificates.html", most=MOST_FILES)


@page("POST", "/certificates", right=Right.CHANGE, everywhere=True, again="certificates", own_body=True)
def hand_in_certificates(asker: Asker) -> ResponseReturnValue:
    """Match them, hand each in where it belongs, and tell of each what became of it; nothing is kept."""
    with taking.streamed(LIMITS, files={"files"}, secrets={"passwords"}) as streamed:
        if streamed.file is None:
            raise Rejected("missing-file", field="files")
        given = [Given(name=streamed.file.filename, content=b"".join(streamed.file.blocks()))]
        given += [Given(name=one.filename, content=b"".join(one.blocks())) for one in streamed.others]
    pairs = pairing.pair(given, pairing.lines(_passwords(streamed)), now=services().clock())
    handed = seals.hand_in(
        services().database, services().deliverer, pairs, actor=asker.actor, only=asker.organization_id
    )
    rows = [(one, _said(one)) for one in handed]
    return render_template("dashboard/organizations/certificates_handed.html", rows=rows)


def _passwords(streamed: Streamed) -> str:
    typed = streamed.secrets.get("passwords")
    return typed.get_secret_value() if typed else ""


def _said(one: seals.Handed) -> str:
    """What became of it, or why not."""
    if one.refusal is not None:
        return refusing.because(one.refusal)
    if one.result is None or one.result.outcome.problem is None:
        return ""
    return refusing.told(one.result.outcome, one.organization.name if one.organization else "")

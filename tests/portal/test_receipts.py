"""The receipt's pages: the sheet, its file, the place where anybody checks one, and what a code leads to."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

import pytest
from bs4 import BeautifulSoup
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, delete
from urllib3.filepost import encode_multipart_formdata
from werkzeug.test import TestResponse

from app.database import Database
from app.records import canonical, receipts, signing, uploads
from app.records.models import Receipt
from app.records.sealing import seal
from app.records.signing import Keys
from app.records.states import State
from app.tenants.vault import Vault
from tests.tenancy import NOW, Tenant, tenant

PARTS = [{"name": "file", "filename": "<b>año</b>.pdf", "size": 20_480, "sha256": "ab" * 32}]
FACTS = {
    "number": "30001000000500003416",
    "not_before": "2023-05-18T11:43:51+00:00",
    "not_after": "2027-05-18T11:43:51+00:00",
}


@dataclass(frozen=True, kw_only=True)
class Desk:
    """A customer with an outcome page's address."""

    client: FlaskClient
    database: Database
    mine: Tenant
    seal: Callable[[], None]

    def deliver(self, *, operation: str = "formkiq/document", mode: str = "relay", **told: object) -> str:
        """Let an upload arrive; the token of its page."""
        token, hashed = uploads.new_outcome_token()
        with self.database.transaction(self.mine.id) as session:
            upload = uploads.begin(
                session,
                organization_id=self.mine.id,
                connection_id=self.mine.connection.id,
                form_id=self.mine.form.id,
                operation=operation,
                mode=mode,
                state=State.DELIVERING,
                process_id=uuid4(),
                actor="tests",
                outcome_hash=hashed,
                now=NOW,
                **{"parts": PARTS, **told},  # type: ignore[arg-type]
            )
            uploads.move(session, upload, State.DELIVERED, actor="tests", now=NOW, reference="ref-1")
        return token

    def get(self, path: str, language: str = "es") -> TestResponse:
        self.client.set_cookie("lang", language)
        return self.client.get(path)

    def file(self) -> bytes:
        token = self.deliver()
        self.seal()
        data: bytes = self.get(f"/o/{token}/receipt.json").data
        return data

    def show(self, *, file: bytes | None = None, text: str = "", token: str | None = None) -> TestResponse:
        """Ask whether it is genuine."""
        page = BeautifulSoup(self.client.get("/verify").text, "html.parser")
        own = page.select_one("[name=csrf_token]")
        assert own
        fields = {"csrf_token": token or str(own["value"]), "text": text}
        fields |= {"receipt": ("receipt.json", file)} if file else {"receipt": ("", b"")}  # type: ignore[dict-item]
        body, content_type = encode_multipart_formdata(fields)
        return self.client.post("/verify", data=body, content_type=content_type, headers={"Origin": "http://localhost"})


@pytest.fixture
def desk(app: Flask, database: Database, worker: Database, vault: Vault) -> Desk:
    def seal_all() -> None:
        seal(worker, vault)

    mine = tenant(database, vault, f"paper-{secrets.token_hex(4)}")
    return Desk(client=app.test_client(), database=database, mine=mine, seal=seal_all)


def words(answer: TestResponse) -> str:
    return " ".join(BeautifulSoup(answer.text, "html.parser").get_text(" ").split())


def test_there_is_no_sheet_before_it_is_sealed(desk: Desk) -> None:
    token = desk.deliver()
    assert desk.get(f"/o/{token}/receipt").status_code == 404
    assert desk.get(f"/o/{token}/receipt.json").status_code == 404
    assert desk.get(f"/o/{token}/state").json == {"state": "delivered", "provider_status": None, "receipt": False}
    desk.seal()
    assert desk.get(f"/o/{token}/state").json == {"state": "delivered", "provider_status": None, "receipt": True}
    assert f'href="/o/{token}/receipt"' in desk.get(f"/o/{token}").text


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("es", ["Acuse de recibo", "se entregó a Facturapi el 21 nov 2026, 08:05", "por el formulario de este sitio"]),
        ("en", ["Acknowledgement of receipt", "delivered to Facturapi on 21 Nov 2026, 08:05", "the form on this site"]),
    ],
)
def test_the_sheet_says_what_was_signed(desk: Desk, language: str, said: list[str]) -> None:
    token = desk.deliver(notice_version="2026-01", external_id="contract-7")
    desk.seal()
    page = desk.get(f"/o/{token}/receipt", language)
    body = json.loads(desk.get(f"/o/{token}/receipt.json").data)["receipt"]
    shown = words(page)
    hashed = " ".join(["abababab"] * 8)
    for part in [*said, "000001", "<b>año</b>.pdf", "20.5 kB", hashed, "2026-01", "contract-7", "ref-1", body["id"]]:
        assert part in shown, part
    drawing = BeautifulSoup(page.text, "html.parser").select_one("svg.code")
    assert drawing
    assert drawing["viewbox"]
    assert "style=" not in page.text  # the pages' policy would drop it


def test_the_sheet_of_a_certificate_has_no_file(desk: Desk) -> None:
    token = desk.deliver(operation="facturapi/certificate", mode="direct", facts=FACTS)
    desk.seal()
    shown = words(desk.get(f"/o/{token}/receipt", "en"))
    assert "30001000000500003416" in shown
    assert "18 May 2023, 05:43 to 18 May 2027, 05:43" in shown
    assert "abab" not in shown
    assert ".pdf" not in shown


def test_a_file_that_is_genuine(desk: Desk) -> None:
    file = desk.file()
    for answer in (desk.show(file=file), desk.show(text=f"\n{file.decode()} \n")):
        assert answer.status_code == 200
        assert "auténtico" in words(answer)
        assert "es el que tenemos registrado" in words(answer)
        assert "<b>año</b>.pdf" in words(answer)


def test_a_file_that_was_changed(desk: Desk) -> None:
    file = desk.file()
    answer = desk.show(file=file.replace(b"ref-1", b"ref-2"))
    assert answer.status_code == 422
    assert "algo en él se cambió" in words(answer)
    assert "auténtico" not in words(answer)


@pytest.mark.parametrize("shown", [b"", b"{}", b"[" * 60_000, b"\xff", b'{"receipt": {}, "hash": "", "signature": ""}'])
def test_what_is_no_receipt(desk: Desk, shown: bytes) -> None:
    answer = desk.show(file=shown)
    assert answer.status_code == 422
    assert ("Elige el archivo" if not shown else "no es un acuse nuestro") in words(answer)


def test_one_that_somebody_else_has_signed(desk: Desk) -> None:
    private = Ed25519PrivateKey.generate()
    body = json.loads(desk.file())["receipt"]
    body["key"] = signing.thumbprint(private.public_key().public_bytes_raw())
    signed = canonical.dumps(body)
    told = {"receipt": body, "hash": "ab" * 32, "signature": private.sign(signed).hex()}
    assert "Ninguna llave nuestra" in words(desk.show(file=canonical.dumps(told)))


def test_one_that_is_not_on_record_any_more(desk: Desk, owner_engine: Engine) -> None:
    file = desk.file()
    with owner_engine.begin() as connection:
        connection.execute(delete(Receipt).where(Receipt.organization_id == desk.mine.id))
    shown = words(desk.show(file=file))
    assert "firmado, pero sin registro" in shown
    assert "auténtico" not in shown


def test_a_page_that_is_too_old(desk: Desk) -> None:
    assert desk.show(file=desk.file(), token="old").status_code == 403


def test_what_a_code_leads_to_says_what_its_holder_can_compare_and_no_more(desk: Desk) -> None:
    told = json.loads(desk.file())
    answer = desk.get(f"/verify/{told['receipt']['id']}")
    shown = words(answer)
    for part in (
        desk.mine.organization.name,
        "000001",
        f"{told['hash'][:8]} {told['hash'][8:16]}",
        "21 nov 2026, 08:05",
    ):
        assert part in shown
    upload = told["receipt"]["upload"]["id"]
    for secret in ("año", "ref-1", "abab", told["hash"], told["signature"], upload, "Facturapi", "formkiq", "/o/"):
        assert secret not in answer.text, secret


def test_a_code_that_leads_nowhere(desk: Desk) -> None:
    assert desk.get(f"/verify/{uuid4()}").status_code == 404
    assert desk.get("/verify/nothing").status_code == 404


def test_the_keys_are_published(desk: Desk) -> None:
    file = desk.file()
    answer = desk.client.get("/.well-known/ventanilla-keys.json")
    assert answer.content_type == "application/jwk-set+json"
    assert "public" in answer.headers["Cache-Control"]
    assert '"d"' not in answer.text
    assert receipts.check(file, Keys.parse(answer.text)) == json.loads(file)["receipt"]


def test_the_files_name(desk: Desk) -> None:
    token = desk.deliver()
    desk.seal()
    named = desk.get(f"/o/{token}/receipt.json").headers["Content-Disposition"]
    assert named == f"attachment; filename=acuse-{desk.mine.organization.slug}-000001.json"

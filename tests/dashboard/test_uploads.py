"""The table of uploads: narrowed by its address, true while it is open, and taken out as it stands."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient

from app.database import Database, utcnow
from app.records import uploads
from app.records.models import Upload
from app.records.states import State
from app.tenants.roles import Role
from app.tenants.vault import Vault
from tests.tenancy import Tenant, tenant

Enter = Callable[..., FlaskClient]
SHA = "ab12" + 60 * "0"


@pytest.fixture
def acme(app: object, database: Database, vault: Vault) -> Tenant:
    return tenant(database, vault, "acme")


@pytest.fixture
def other(app: object, database: Database, vault: Vault) -> Tenant:
    return tenant(database, vault, "other")


@pytest.fixture
def hand_in(database: Database) -> Callable[..., Upload]:
    """Writes a hand-in down."""

    def hand_in(who: Tenant, filename: str, state: State = State.FAILED, **told: Any) -> Upload:
        usual: dict[str, Any] = {
            "organization_id": who.id,
            "connection_id": who.connection.id,
            "operation": "facturapi/certificate",
            "mode": "direct",
            "process_id": uuid4(),
            "actor": "tests",
            "now": utcnow(),
            "parts": [{"name": "cer", "filename": filename, "size": 1_200, "sha256": SHA}],
            "problem": "provider-refused" if state is State.FAILED else None,
        }
        with database.transaction(who.id) as session:
            return uploads.begin(session, state=state, **usual | told)

    return hand_in


def test_of_all_organizations_the_newest_first(
    enter: Enter, acme: Tenant, other: Tenant, hand_in: Callable[..., Upload]
) -> None:
    hand_in(acme, "first.cer")
    hand_in(other, "second.cer")
    page = enter().get("/admin/uploads").text
    assert page.index("second.cer") < page.index("first.cer")
    assert "Acme" in page
    assert "Other" in page


def test_a_manager_sees_their_own_and_cannot_name_anothers(
    enter: Enter, acme: Tenant, other: Tenant, hand_in: Callable[..., Upload]
) -> None:
    hand_in(acme, "mine.cer")
    theirs = hand_in(other, "theirs.cer")
    manager = enter(Role.MANAGER, acme.organization)
    for address in ("/admin/uploads", "/admin/uploads?organization=other", "/admin/uploads.csv?organization=other"):
        answer = manager.get(address).text
        assert "mine.cer" in answer
        assert "theirs.cer" not in answer
    assert manager.get(f"/admin/uploads/{theirs.id}").status_code == 404
    assert manager.get(f"/admin/uploads/{theirs.id}/part").status_code == 404
    assert enter().get(f"/admin/uploads/{theirs.id}").status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "q=estado+de+cue",
        "q=ESTÁDO",
        f"q={SHA}",
        "q=ab12",
        "q=PED-77",
        "state=failed",
        "state=failed&state=unknown",
        "organization=acme",
        "organization=acme&connection=facturapi&state=failed",
        "provider=facturapi&state=failed",
        "operation=facturapi/certificate&state=failed",
        "problem=provider-refused",
        "since=2026-01-01&until=2099-01-01&state=failed",
    ],
)
def test_found_by(enter: Enter, acme: Tenant, other: Tenant, hand_in: Callable[..., Upload], query: str) -> None:
    hand_in(acme, "Estado_de_cuenta-marzo.cer", external_id="PED-77")
    hand_in(
        other,
        "else.cer",
        State.REJECTED,
        problem="expired",
        parts=[{"name": "cer", "filename": "else.cer", "size": None, "sha256": None}],
    )
    page = enter().get(f"/admin/uploads?{query}").text
    assert "Estado_de_cuenta-marzo.cer" in page
    assert "else.cer" not in page


@pytest.mark.parametrize(
    "query",
    [
        "q=cuenta+enero",
        "q=…",
        "q=%00",
        "state=delivered",
        "organization=nobody",
        "connection=nobody",
        "provider=nobody",
        "problem=expired",
        "form=nonsense",
        f"link={UUID(int=1)}",
        "until=2020-01-01",
    ],
)
def test_not_found_by(enter: Enter, acme: Tenant, hand_in: Callable[..., Upload], query: str) -> None:
    hand_in(acme, "Estado_de_cuenta-marzo.cer")
    answer = enter().get(f"/admin/uploads?{query}")
    assert answer.status_code == 200
    assert "Estado_de_cuenta" not in answer.text
    assert "Nothing like that was handed in" in answer.text


@pytest.mark.parametrize("query", ["since=yesterday", "behind=x", "before=2026-01-01", "behind=2026-01-01T00:00 x"])
def test_what_is_no_place_is_refused(enter: Enter, query: str) -> None:
    assert enter().get(f"/admin/uploads?{query}").status_code in {400, 422}


def test_found_by_its_id(enter: Enter, acme: Tenant, hand_in: Callable[..., Upload]) -> None:
    wanted = hand_in(acme, "this.cer")
    hand_in(acme, "that.cer")
    page = enter().get(f"/admin/uploads?q={wanted.id}").text
    assert "this.cer" in page
    assert "that.cer" not in page


def addresses(page: str, rel: str) -> str:
    tag = page[page.rindex("<a ", 0, page.index(f'rel="{rel}"')) :]
    return tag.partition('href="')[2].partition('"')[0].replace("&amp;", "&")


def test_pages_lead_both_ways(enter: Enter, acme: Tenant, hand_in: Callable[..., Upload]) -> None:
    for number in range(120):
        hand_in(acme, f"file-{number:03}.cer", State.REJECTED)
    client = enter()
    first = client.get("/admin/uploads?state=rejected").text
    assert len(_names(first)) == 50
    second = client.get(addresses(first, "next")).text
    third = client.get(addresses(second, "next")).text
    assert "file-000.cer" in third
    assert 'rel="next"' not in third
    assert set(_names(first)).isdisjoint(_names(second))
    assert _names(client.get(addresses(third, "prev")).text) == _names(second)
    assert _names(client.get(addresses(second, "prev")).text) == _names(first)


def _names(page: str) -> list[str]:
    return [one.partition("<")[0] for one in page.split(">file-")[1:]]


def live(page: str) -> str:
    return page.partition('id="live"')[2].partition('hx-get="')[2].partition('"')[0].replace("&amp;", "&")


def test_what_changes_is_shown_in_its_place_and_what_is_new_is_counted(
    enter: Enter, acme: Tenant, hand_in: Callable[..., Upload], database: Database
) -> None:
    moving = hand_in(acme, "moving.cer", State.DELIVERING)
    resting = hand_in(acme, "resting.cer", now=utcnow() - timedelta(minutes=1))
    client = enter()
    page = client.get("/admin/uploads").text
    client.get(live(page))
    with database.transaction(acme.id) as session:
        uploads.move(session, moving, State.DELIVERED, actor="tests", now=utcnow())
    hand_in(acme, "new.cer")
    fragment = client.get(live(page))
    assert f'id="state-{moving.id}"' in fragment.text
    assert "delivered" in fragment.text
    assert "1 new: show it" in fragment.text
    assert "new.cer" not in fragment.text  # nothing moves until somebody wants it to
    assert str(resting.id) not in fragment.text


def test_nothing_is_sent_where_nothing_changed(enter: Enter, app: object) -> None:
    client = enter()
    page = client.get("/admin/uploads").text
    assert "Nothing was handed in yet" in page
    answer = client.get(live(page))
    assert (answer.status_code, answer.text) == (204, "")


def test_the_table_is_taken_out_whole(enter: Enter, acme: Tenant, hand_in: Callable[..., Upload]) -> None:
    for number in range(60):
        hand_in(acme, f"=cmd{number}.cer", State.REJECTED)
    answer = enter(Role.AUDITOR).get("/admin/uploads.csv?state=rejected")
    assert answer.mimetype == "text/csv"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 60
    assert all(row["filename"].startswith("'=cmd") for row in rows)  # no spreadsheet runs it
    assert {row["organization"] for row in rows} == {"acme"}
    assert [row["created_at"] for row in rows] == sorted((row["created_at"] for row in rows), reverse=True)


def test_names_are_text_and_nothing_else(enter: Enter, acme: Tenant, hand_in: Callable[..., Upload]) -> None:
    upload = hand_in(acme, "<script>alert(1)</script>.cer", provider_message="<b onclick=x>no</b>")
    client = enter()
    for address in ("/admin/uploads", f"/admin/uploads/{upload.id}"):
        page = client.get(address).text
        assert "<script>alert" not in page
        assert "<b onclick" not in page
        assert "&lt;script&gt;alert" in page


def test_an_upload_shows_why_and_what_next(enter: Enter, acme: Tenant, hand_in: Callable[..., Upload]) -> None:
    facts = {"not_after": "2030-01-01T03:00:00+00:00"}
    upload = hand_in(acme, "a.cer", provider_message="El documento ya existe.", facts=facts)
    page = enter().get(f"/admin/uploads/{upload.id}").text
    assert "El documento ya existe." in page
    assert "31 Dec 2029, 21:00" in page, "the day it ends where the reader is"
    assert "has to be handed in again" in page
    page = enter().get(f"/admin/uploads/{acme.upload.id}").text
    assert "It is being sent" in page
    assert "by a personal link" in page


def test_a_part_of_it_is_sent_once_it_changed(enter: Enter, acme: Tenant, database: Database) -> None:
    client = enter()
    page = client.get(f"/admin/uploads/{acme.upload.id}").text
    address = page.partition('id="status"')[2].partition('hx-get="')[2].partition('"')[0].replace("&amp;", "&")
    assert client.get(address).status_code == 204
    with database.transaction(acme.id) as session:
        uploads.move(session, acme.upload, State.REJECTED, actor="tests", now=utcnow(), problem="expired")
    part = client.get(address)
    assert part.status_code == 200
    assert "rejected" in part.text
    assert "<code>upload.rejected" not in part.text
    assert "hx-get" not in part.text  # it has ended, and is not asked after any more


def test_nothing_there(enter: Enter) -> None:
    assert enter().get(f"/admin/uploads/{UUID(int=1)}").status_code == 404


def test_a_page_further_on_shows_what_changes_and_counts_nothing(
    enter: Enter, acme: Tenant, hand_in: Callable[..., Upload], database: Database
) -> None:
    waiting = hand_in(acme, "oldest.cer", State.DELIVERING, now=utcnow() - timedelta(hours=1))
    for number in range(60):
        hand_in(acme, f"file-{number}.cer", State.REJECTED)
    client = enter()
    second = client.get(addresses(client.get("/admin/uploads").text, "next")).text
    assert "oldest.cer" in second
    with database.transaction(acme.id) as session:
        uploads.move(session, waiting, State.DELIVERED, actor="tests", now=utcnow())
    fragment = client.get(live(second)).text
    assert f'id="state-{waiting.id}"' in fragment
    assert "new: show" not in fragment

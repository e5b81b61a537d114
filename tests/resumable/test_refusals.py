"""What is refused when a file is begun, and what becomes of one that is refused once it is whole."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from app.config import Settings
from app.database import Database, utcnow
from app.records import resumables
from app.tenants import doors, tokens
from app.tenants.vault import Vault
from tests.relay.house import House
from tests.resumable.desk import BEGUN, CONTENT, OCTETS, Answer, Desk, metadata
from tests.servers import Sandbox, Server

pytestmark = pytest.mark.live


def slug(answer: Answer) -> str:
    """Of the problem."""
    return str(json.loads(answer.body)["type"]).rpartition("#")[2]


def token(database: Database, desk: Desk, *scopes: str) -> str:
    organization_id = desk.house.organization.id
    with database.transaction(organization_id) as session:
        return tokens.create(session, organization_id=organization_id, name="other", scopes=scopes)[1]


@pytest.mark.parametrize(
    ("said", "status", "problem"),
    [
        ({"filename": ""}, 400, "bad-file-name"),
        ({"filename": "a.exe"}, 415, "type-not-taken"),
        ({"filename": "a.php.csv"}, 422, "double-ending"),
        ({"filetype": "application/pdf"}, 415, "other-declared"),
        ({"operation": "nothing"}, 404, "not-found"),
        ({"connection": "nothing"}, 404, "not-found"),
        ({"organization": "nothing"}, 404, "not-found"),
        ({"organization": ""}, 422, "missing-field"),
        ({"colour": "red"}, 400, "unknown-part"),
        ({"metadata": "[]"}, 422, "bad-metadata"),
        ({"external_id": "x" * 300}, 422, "field-too-long"),
        ({"connection": "facturapi", "operation": "certificate"}, 422, "not-resumable"),
        ({"connection": "facturapi", "operation": "logo"}, 422, "not-resumable"),
    ],
)
def test_what_is_not_begun(desk: Desk, said: dict[str, str], status: int, problem: str) -> None:
    answer = desk.create(Upload_Metadata=desk.said(**said))
    assert (answer.status, slug(answer)) == (status, problem)
    assert answer["Location"] is None


def test_nothing_is_begun_that_has_nothing_in_it(desk: Desk) -> None:
    assert slug(desk.create(Upload_Length="0")) == "empty-file"


def test_an_organization_that_is_suspended_begins_nothing(desk: Desk, database: Database) -> None:
    with database.transaction(desk.house.organization.id) as session:
        session.merge(desk.house.organization).suspended_at = utcnow()
    assert slug(desk.create()) == "organization-suspended"
    assert slug(desk.create(Upload_Metadata=None, Upload_Concat="partial")) == "organization-suspended"


def test_who_has_no_token_that_allows_it(desk: Desk, database: Database) -> None:
    path = desk.begun()
    reader = f"Bearer {token(database, desk, tokens.READ)}"
    for authorization, status in ((None, 401), ("Bearer vnt_x", 401), (reader, 403)):
        assert desk.create(Authorization=authorization).status == status
    for authorization, status in (("Bearer vnt_x", 401), (reader, 403), (None, 401)):
        assert desk.patch(path, BEGUN, CONTENT[BEGUN:], Authorization=authorization).status == status
    assert desk.offset(path) == BEGUN


@pytest.mark.attack("tenants", "another organization's file that is on its way", "404")
def test_another_organization_finds_nothing(
    desk: Desk, gateway: Server, sandbox: Sandbox, database: Database, vault: Vault
) -> None:
    theirs = replace(desk, house=House.build(gateway, sandbox, database, vault))
    path, part = desk.begun(), desk.part()
    assert theirs.ask("HEAD", path).status == 404
    assert theirs.patch(path, BEGUN, CONTENT[BEGUN:]).status == 404
    assert theirs.ask("DELETE", path).status == 404
    assert theirs.create(Upload_Length=None, Upload_Concat=f"final;{part}").status == 404
    assert desk.offset(path) == BEGUN


def test_another_token_of_the_organization_goes_on(desk: Desk, database: Database) -> None:
    path = desk.begun()
    other = f"Bearer {token(database, desk, tokens.WRITE)}"
    assert desk.patch(path, BEGUN, CONTENT[BEGUN:], Authorization=other).status == 204


def test_what_was_begun_by_a_token_that_is_revoked_is_not_taken(desk: Desk, database: Database) -> None:
    """Not by it, and not by another once it is whole: it is refused then, and again."""
    first, other = (f"Bearer {token(database, desk, tokens.WRITE)}" for _ in range(2))
    path = desk.begun(Authorization=first)
    found = doors.token(database, first.removeprefix("Bearer "))
    assert found
    with database.transaction(found.organization_id) as session:
        assert tokens.revoke(session, found.id, utcnow())
    assert desk.patch(path, BEGUN, CONTENT[BEGUN:], Authorization=first).status == 401
    for offset in (BEGUN, len(CONTENT)):
        answer = desk.patch(path, offset, CONTENT[offset:], Authorization=other)
        assert (answer.status, slug(answer)) == (401, "token-revoked")


def test_a_token_of_the_house_says_for_whom(desk: Desk, database: Database) -> None:
    with database.transaction(None) as session:
        _, house = tokens.create(session, organization_id=None, name="house", scopes=[tokens.WRITE])
    of_house = {"Authorization": f"Bearer {house}", "Upload_Concat": "partial"}
    assert slug(desk.create(**of_house, Upload_Metadata=None)) == "missing-field"
    whose = metadata(organization=desk.house.organization.slug)
    made = desk.create(**of_house, Upload_Metadata=whose)
    assert made.status == 201
    assert desk.row(made["Location"] or "").organization_id == desk.house.organization.id


def test_what_a_check_refuses_is_refused_again_and_nothing_is_kept(desk: Desk, settings: Settings) -> None:
    content = b"%PDF-1.4 is no table"
    path = desk.fresh(Upload_Length=str(len(content)))
    first = desk.patch(path, 0, content)
    assert (first.status, first["Content-Type"]) == (415, "application/problem+json")
    upload_id = json.loads(first.body)["upload"]
    assert desk.upload(upload_id).state == "rejected"
    again = desk.patch(path, len(content), b"")
    assert (again.status, again.body, again["Ventanilla-Upload"]) == (415, first.body, upload_id)
    assert desk.ask("HEAD", path).status == 415
    assert not list((settings.instance_dir / "spool").rglob(f"*{upload_id}*"))


def test_what_was_given_up_leaves_nothing(desk: Desk, settings: Settings) -> None:
    path = desk.begun()
    (copy,) = desk.row(path).objects
    assert in_spool(settings, str(copy))
    assert desk.ask("DELETE", path).status == 204
    assert not in_spool(settings, str(copy))


def test_what_has_expired_leaves_nothing(desk: Desk, settings: Settings, worker: Database) -> None:
    from app.intake.spool import Spool
    from app.resumable import jobs

    path, kept = desk.expired(), desk.begun()
    (copy,) = desk.row(path).objects
    assert resumables.known(worker, [copy]) == {copy}
    freed = resumables.expire(worker, utcnow(), utcnow())
    assert resumables.known(worker, [copy]) == set()
    assert copy in freed
    jobs.remove(Spool.from_settings(settings), freed)
    assert not in_spool(settings, str(copy))
    assert desk.offset(kept) == BEGUN


def test_a_file_that_is_handed_on_is_found_by_its_upload(desk: Desk) -> None:
    answer = desk.create(**OCTETS)
    path = answer["Location"] or ""
    answer = desk.patch(path, 0, CONTENT)
    outcome = desk.ask("GET", answer["Ventanilla-Outcome"] or "")
    assert json.loads(outcome.body)["id"] == answer["Ventanilla-Upload"]
    assert desk.upload(answer["Ventanilla-Upload"]).mode == "durable"


def in_spool(settings: Settings, copy: str) -> list[Path]:
    return [path for path in (settings.instance_dir / "spool").rglob("*") if copy in str(path)]

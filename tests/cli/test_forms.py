from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from app.database import Database
from app.tenants import connections, doors, links
from app.tenants.models import Form, Link
from tests.cli.conftest import Run


@pytest.fixture
def facturapi(run: Run, acme: str) -> str:
    done = run(
        *("connection", "add", acme, "facturapi", "--environment", "sandbox", "--no-verify"),
        *("--setting", "organization_id=5a2a307be93a2f00129ea035"),
        stdin="sk_user_0123456789abcdef\n",
    )
    assert done.exit_code == 0, done.output
    return "facturapi"


@pytest.fixture
def form(run: Run, acme: str, facturapi: str) -> str:
    done = run("form", "add", acme, facturapi, "facturapi/certificate")
    assert done.exit_code == 0, done.output
    return str(done.output).strip()


def form_of(database: Database, address: str) -> Form:
    found = doors.form(database, address.rpartition("/")[2])
    assert found
    with database.transaction(found.organization_id) as session:
        return session.get_one(Form, found.id)


def link_of(database: Database, address: str) -> Link:
    found = doors.link(database, address.rpartition("/")[2])
    assert found
    with database.transaction(found.organization_id) as session:
        return session.get_one(Link, found.id)


def test_a_form_is_open_as_its_operation_says(
    run: Run, acme: str, facturapi: str, form: str, database: Database
) -> None:
    assert re.fullmatch(r"http://localhost/f/[\w-]{22}", form)
    assert form_of(database, form).open
    closed = run("form", "add", acme, facturapi, "facturapi/fiel").output
    assert "It is closed. Open it with: flask form open" in closed
    assert not form_of(database, closed.splitlines()[0]).open
    listed = run("form", "list", acme).output.splitlines()
    assert [line.split()[1:] for line in listed] == [
        ["CONNECTION", "OPERATION", "STATE"],
        ["facturapi", "facturapi/certificate", "open"],
        ["facturapi", "facturapi/fiel", "closed"],
    ]


def test_a_form_opens_and_closes(run: Run, form: str, database: Database) -> None:
    assert run("form", "open", form, "--close").output == "Closed.\n"
    assert not form_of(database, form).open
    assert run("form", "open", form.rpartition("/")[2]).output == "Open.\n"
    assert form_of(database, form).open


def test_a_link_only_form_says_so(run: Run, acme: str, facturapi: str) -> None:
    run("form", "add", acme, facturapi, "facturapi/logo", "--link-only")
    assert run("form", "list", acme).output.splitlines()[1].endswith("by link")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["form", "add", "acme", "facturapi", "facturapi/nothing"], "cannot take “facturapi/nothing”; it takes:"),
        (["form", "add", "acme", "other", "facturapi/certificate"], "has no connection “other”"),
        (["form", "add", "other", "facturapi", "facturapi/certificate"], "There is no organization “other”"),
        (["form", "open", "http://localhost/f/none"], "There is no form at"),
        (["link", "add", "none"], "There is no form at"),
        (["link", "revoke", "http://localhost/l/none"], "There is no link at that address"),
        (["link", "revoke", "none", "--org", "acme"], "'none' is not the id of a link"),
        (["link", "revoke", "00000000-0000-0000-0000-000000000000", "--org", "acme"], "has no such link"),
    ],
)
def test_bad_input_gets_a_sentence(run: Run, facturapi: str, arguments: list[str], sentence: str) -> None:
    done = run(*arguments)
    assert done.exit_code in {1, 2}
    assert sentence in done.output


def test_a_link_is_shown_once_expires_and_is_counted(run: Run, form: str, database: Database) -> None:
    done = run("link", "add", form, "--expires", "2w", "--uses", "3", "--recipient", "Ana", "--locale", "en")
    assert done.exit_code == 0, done.output
    address = done.stdout.strip()
    assert re.fullmatch(r"http://localhost/l/[\w-]{32}", address)
    made = link_of(database, address)
    assert abs(made.expires_at - datetime.now(UTC) - timedelta(weeks=2)) < timedelta(minutes=1)
    assert (made.max_uses, made.recipient, made.locale, made.passphrase_hash) == (3, "Ana", "en", None)
    listed = run("link", "list", form).output
    assert "Ana" in listed
    assert "0/3" in listed
    assert address.rpartition("/")[2] not in listed


def test_a_passphrase_is_read_from_a_pipe_and_kept_hashed(run: Run, form: str, database: Database) -> None:
    done = run("link", "add", form, "--passphrase", stdin="open sesame\n")
    made = link_of(database, done.stdout.strip())
    assert links.passphrase_ok(made, "open sesame")
    assert not links.passphrase_ok(made, "open barley")
    assert "sesame" not in done.output


@pytest.mark.parametrize("expires", ["soon", "0d", "-1d", "1y", "99999d"])
def test_a_wrong_span_is_named(run: Run, form: str, expires: str) -> None:
    done = run("link", "add", form, "--expires", expires)
    assert done.exit_code == 2
    assert f"'{expires}' is not a time such as 12h, 30d or 4w." in done.output


@pytest.mark.parametrize("by", ["address", "id"])
def test_a_link_is_revoked_once(run: Run, acme: str, form: str, database: Database, by: str) -> None:
    address = run("link", "add", form).stdout.strip()
    made = link_of(database, address)
    named = [address] if by == "address" else [str(made.id), "--org", acme]
    assert run("link", "revoke", *named).output == "Revoked.\n"
    assert link_of(database, address).revoked_at
    again = run("link", "revoke", *named)
    assert (again.exit_code, again.output) == (1, "Error: That link was revoked before.\n")


@pytest.fixture
def formkiq(run: Run, acme: str) -> str:
    done = run(
        *("connection", "add", acme, "formkiq", "--environment", "sandbox", "--no-verify"),
        *("--setting", "base_url=http://127.0.0.1:9/formkiq", "--setting", "auth=key"),
        stdin="a-key-of-the-installation-0123456789\n",
    )
    assert done.exit_code == 0, done.output
    return "formkiq"


def test_a_form_presets_fields_and_narrows_what_is_taken(run: Run, acme: str, formkiq: str, database: Database) -> None:
    add = ("form", "add", acme, formkiq, "formkiq/document")
    done = run(*add, "--preset", "path=in/{filename}", "--preset", "tags=a=b", "--type", "pdf", "--protected")
    assert done.exit_code == 0, done.output
    address = done.output.strip()
    assert form_of(database, address).settings == {
        "presets": {"path": "in/{filename}", "tags": "a=b"},
        "types": ["pdf"],
        "protected": True,
    }
    edited = run("form", "edit", address, "--preset", "tags=", "--all-types", "--no-protected", "--uninspected")
    assert (edited.exit_code, edited.output) == (0, "path=in/{filename}; uninspected\n")
    assert form_of(database, address).settings == {"presets": {"path": "in/{filename}"}, "uninspected": True}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--preset", "colour=red"], "has no field colour to preset; it has: path"),
        (["--preset", f"path={600 * 'x'}"], "path has at most 500 characters"),
        (["--type", "exe"], "exe: no such type"),
        (["--type", "json"], "formkiq/document takes no json"),
    ],
)
def test_settings_that_the_operation_does_not_know_make_no_form(
    run: Run, acme: str, formkiq: str, options: list[str], sentence: str
) -> None:
    done = run("form", "add", acme, formkiq, "formkiq/document", *options)
    assert done.exit_code == 2
    assert sentence in done.output
    assert run("form", "list", acme).output == ""


def test_no_form_is_put_on_a_credential_that_ends_by_itself(
    run: Run, acme: str, formkiq: str, database: Database
) -> None:
    with database.transaction(doors.organization(database, acme)) as session:
        found = connections.by_name(session, formkiq)
        assert found
        found.credential_ends_at = datetime(2026, 12, 1, tzinfo=UTC)
    add = ("form", "add", acme, formkiq, "formkiq/document")
    refused = run(*add)
    assert refused.exit_code == 1
    assert "ends by itself on 2026-12-01 00:00Z" in refused.output
    assert "Use a key" in refused.output
    assert run(*add, "--attended").exit_code == 0


def test_an_operator_says_whether_a_copy_is_kept(run: Run, acme: str, database: Database) -> None:
    done = run(
        *("connection", "add", acme, "flatfile", "--environment", "sandbox", "--no-verify"),
        *("--setting", "base_url=https://platform.flatfile.com/api/v1"),
        *("--setting", "environment_id=us_env_1", "--setting", "space_id=us_sp_1"),
        stdin="sk_0123456789abcdef\n",
    )
    assert done.exit_code == 0, done.output
    added = run("form", "add", acme, "flatfile", "flatfile/file", "--no-durable")
    address = added.output.splitlines()[0]
    assert form_of(database, address).settings == {"durable": False}
    assert "no copy is kept" in run("form", "edit", address).output
    for said in ("--durable", "--no-durable"):
        assert run("form", "edit", address, said).exit_code == 0
        assert (form_of(database, address).settings or {}) == ({} if said == "--durable" else {"durable": False})


@pytest.mark.parametrize("said", ["--durable", "--no-durable"])
def test_what_is_never_kept_cannot_be(run: Run, acme: str, facturapi: str, said: str) -> None:
    done = run("form", "add", acme, facturapi, "facturapi/logo", said)
    assert ("facturapi/logo is never kept." in done.output) is (said == "--durable")
    assert bool(done.exit_code) is (said == "--durable")

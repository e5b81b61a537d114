"""What lies at a provider, seen from the command line: FormKiQ's documents, for it can do all of it."""

from __future__ import annotations

import json
import stat
import urllib.request
from pathlib import Path

import pytest

from app.database import Database
from app.records import audit
from app.tenants import connections, doors
from tests.cli.conftest import Run
from tests.servers import Sandbox

KEY = "a-key-of-the-installation-0123456789"
CONTENT = "Hola, mundo.\n"


@pytest.fixture
def formkiq(run: Run, acme: str, sandbox: Sandbox) -> str:
    """A connection to an installation that holds one document."""
    sandbox.clear()
    sandbox.seed(formkiq={"api_keys": [{"key": KEY, "sites": {"default": "write"}}]})
    done = run(
        *("connection", "add", acme, "formkiq", "--environment", "sandbox"),
        *("--setting", f"base_url={sandbox.url}/formkiq", "--setting", "auth=key"),
        stdin=f"{KEY}\n",
    )
    assert done.exit_code == 0, done.output
    return "formkiq"


@pytest.fixture
def document(formkiq: str, sandbox: Sandbox) -> str:
    body = json.dumps({"content": CONTENT, "contentType": "text/plain", "path": "in/hola.txt"}).encode()
    headers = {"Authorization": KEY, "Content-Type": "application/json"}
    request = urllib.request.Request(f"{sandbox.url}/formkiq/documents", data=body, headers=headers)
    with urllib.request.urlopen(request) as answer:
        return str(json.loads(answer.read())["documentId"])


def test_what_lies_there_is_listed(run: Run, acme: str, formkiq: str, document: str) -> None:
    lines = run("connection", "files", acme, formkiq).output.splitlines()
    assert lines[0].split() == ["ID", "NAME", "BYTES", "TYPE", "CREATED", "STATUS"]
    assert lines[1].startswith(document)
    assert "hola.txt" in lines[1]


def test_one_thing_is_fetched_into_a_file_that_only_its_owner_reads(
    run: Run, acme: str, formkiq: str, document: str, tmp_path: Path
) -> None:
    output = tmp_path / "hola.txt"
    done = run("connection", "fetch", acme, formkiq, document, "--output", str(output))
    assert done.exit_code == 0, done.output
    assert output.read_text() == CONTENT
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    assert "is there already" in run("connection", "fetch", acme, formkiq, document, "--output", str(output)).output
    assert list(tmp_path.iterdir()) == [output]


def test_what_is_not_there_leaves_no_file(run: Run, acme: str, formkiq: str, tmp_path: Path) -> None:
    output = tmp_path / "nothing"
    nobody = "00000000-0000-4000-8000-000000000000"
    done = run("connection", "fetch", acme, formkiq, nobody, "--output", str(output))
    assert done.exit_code == 1
    assert "404" in done.output
    assert list(tmp_path.iterdir()) == []


def test_one_thing_is_removed_after_a_question_and_that_is_written_down(
    run: Run, acme: str, formkiq: str, document: str, database: Database
) -> None:
    assert run("connection", "remove-file", acme, formkiq, document, stdin="n\n").exit_code == 1
    assert document in run("connection", "files", acme, formkiq).output
    done = run("connection", "remove-file", acme, formkiq, document, stdin="y\n")
    assert done.exit_code == 0, done.output
    assert document not in run("connection", "files", acme, formkiq).output
    with database.transaction(doors.organization(database, acme)) as session:
        found = connections.by_name(session, formkiq)
        assert audit.listing(session, subject=found)[0].action == "connection.file_deleted"


def test_a_provider_that_cannot_says_so(run: Run, acme: str, formkiq: str) -> None:
    assert "cannot say what a setting may be" in run("connection", "choices", acme, formkiq, "site_id").output


def test_an_upload_of_nobody_is_not_there(run: Run, acme: str) -> None:
    nobody = "00000000-0000-4000-8000-000000000000"
    assert "has no such upload" in run("upload", "check-again", acme, nobody).output

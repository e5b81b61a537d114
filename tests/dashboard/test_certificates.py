"""Many certificates on the dashboard: one table of what became of each, and no password in any page."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import pytest
import requests
from pydantic import SecretStr
from urllib3 import encode_multipart_formdata
from werkzeug.test import TestResponse

from app.sandbox import sat
from app.tenants import connections, organizations
from app.tenants.models import Environment
from app.tenants.roles import Role
from app.tenants.user_models import User
from app.tenants.vault import Vault
from tests.dashboard.conftest import PASSWORD as CODE
from tests.dashboard.sitting import ORIGIN, TOKEN, Sitting, Two
from tests.servers import Sandbox, Server

PASSWORD = "a-password-of-a-seal"


def rfc() -> str:
    return f"TST{secrets.randbelow(10**6):06}{secrets.token_hex(1).upper()}A"


def ready(two: Two, vault: Vault, sandbox: Sandbox, organization_id: object, written: str) -> None:
    """Let an organization have this RFC, and one connection that works."""
    account, key = secrets.token_hex(12), f"sk_live_{secrets.token_hex(16)}"
    sandbox.seed(facturapi={"organizations": [{"id": account, "name": "Kemper", "live_keys": [key]}]})
    with two.database.transaction(organization_id) as session:  # type: ignore[arg-type]
        organizations.edit(organizations.get(session, organization_id), rfc=written)  # type: ignore[arg-type]
        row = connections.by_name(session, "facturapi")
        assert row
        row.settings = {"organization_id": account}
        connections.set_credential(session, vault, row, {"key": SecretStr(key)})
        assert row.environment is Environment.SANDBOX


def send(sitting: Sitting, *issued: sat.Issued, passwords: str = PASSWORD) -> TestResponse:
    found = TOKEN.search(sitting.see("/admin/certificates"))
    assert found
    files = [
        ("files", (f"{number}.{ending}", content, "application/octet-stream"))
        for number, one in enumerate(issued)
        for ending, content in (("cer", one.cer), ("key", one.key))
    ]
    fields = [("csrf_token", found[1]), ("passwords", f"wrong\r\n{passwords}"), *files]
    body, kind = encode_multipart_formdata(fields)
    return sitting.client.post("/admin/certificates", data=body, content_type=kind, headers={"Origin": ORIGIN})


def test_each_arrives_where_it_belongs_in_one_table(two: Two, vault: Vault, sandbox: Sandbox) -> None:
    mine, theirs = rfc(), rfc()
    ready(two, vault, sandbox, two.mine.id, mine)
    ready(two, vault, sandbox, two.theirs.id, theirs)
    given = [sat.issue(rfc=one, pair=one, password=PASSWORD) for one in (theirs, mine, rfc())]
    answer = send(two.sit(Role.OPERATOR), *given)
    assert answer.status_code == 200, answer.text
    assert answer.text.count(">delivered<") == 2
    assert answer.text.count(">not sent<") == 1
    assert PASSWORD not in answer.text
    assert answer.text.index(f">{theirs}<") < answer.text.index(f">{mine}<")


def test_a_manager_hands_in_for_the_own_one_alone(two: Two, vault: Vault, sandbox: Sandbox) -> None:
    mine, theirs = rfc(), rfc()
    ready(two, vault, sandbox, two.mine.id, mine)
    ready(two, vault, sandbox, two.theirs.id, theirs)
    answer = send(
        two.sit(Role.MANAGER, at_mine=True),
        *(sat.issue(rfc=one, pair=one, password=PASSWORD) for one in (theirs, mine)),
    )
    assert (answer.text.count(">delivered<"), answer.text.count(">not sent<")) == (1, 1)
    assert two.theirs.organization.name not in answer.text


def test_what_is_refused_shows_no_password(two: Two) -> None:
    answer = send(two.sit())
    assert answer.status_code == 422
    assert PASSWORD not in answer.text
    assert 'id="files-fault"' in answer.text


@pytest.mark.parametrize("password", ["another"])
def test_without_the_password_nothing_is_sent(two: Two, vault: Vault, sandbox: Sandbox, password: str) -> None:
    mine = rfc()
    ready(two, vault, sandbox, two.mine.id, mine)
    sandbox.clear()
    answer = send(two.sit(), sat.issue(rfc=mine, password=PASSWORD), passwords=password)
    assert answer.text.count(">not sent<") == 2
    assert sandbox.ledger("facturapi") == []


@pytest.mark.live
def test_over_a_socket(
    gateway: Server, two: Two, vault: Vault, sandbox: Sandbox, add_user: Callable[..., User]
) -> None:
    """As it runs in life; one of them is nobody's."""
    mine, user = rfc(), add_user(Role.OPERATOR)
    ready(two, vault, sandbox, two.mine.id, mine)
    at = f"{gateway.url}/admin"
    with requests.Session() as browser:
        browser.headers["Origin"] = gateway.url
        found = TOKEN.search(browser.get(f"{at}/login", timeout=30).text)
        assert found
        signed_in = browser.post(
            f"{at}/login", data={"email": user.email, "password": CODE, "csrf_token": found[1]}, timeout=30
        )
        assert signed_in.ok
        found = TOKEN.search(browser.get(f"{at}/certificates", timeout=30).text)
        assert found
        issued = [sat.issue(rfc=one, pair=one, password=PASSWORD) for one in (mine, rfc())]
        files = [
            ("files", (f"{number}.{ending}", content, "application/octet-stream"))
            for number, one in enumerate(issued)
            for ending, content in (("cer", one.cer), ("key", one.key))
        ]
        body, kind = encode_multipart_formdata([("csrf_token", found[1]), ("passwords", PASSWORD), *files])
        answer = browser.post(f"{at}/certificates", data=body, headers={"Content-Type": kind}, timeout=60)
    assert answer.status_code == 200, answer.text
    assert (answer.text.count(">delivered<"), answer.text.count(">not sent<")) == (1, 1)

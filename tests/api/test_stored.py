"""What lies at a provider, as services list it, fetch it and take it away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

import pytest
from pydantic import SecretStr

from app.delivery import fetching
from app.providers import registry
from app.providers.base import Deletes, Downloads, Gets, Lists
from app.tenants import connections
from app.tenants.models import Environment
from app.tenants.vault import Vault
from tests.api.conftest import Desk
from tests.relay.house import PLACES, furnish

TABLE: Final = b"a,b\n1,2\n"
#: What is handed in to each provider that gives files back alone.
SAMPLES: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "formkiq": ("document", {"file": ("contrato.txt", b"Nada que declarar.\n", "text/plain")}),
    "flatfile": ("file", {"file": ("tabla.csv", TABLE, "text/csv")}),
}
POWERS: Final = {("GET", ""): Lists, ("GET", "/x"): Gets, ("GET", "/x/content"): Downloads, ("DELETE", "/x"): Deletes}


@pytest.fixture
def stored(desk: Desk, vault: Vault) -> Desk:
    """With a connection to every other provider too."""
    others = {slug: make(desk.sandbox) for slug, make in PLACES.items() if slug != "facturapi"}
    with desk.database.transaction(desk.mine.organization.id) as session:
        furnish(session, vault, desk.sandbox, desk.mine.organization, others)
    return desk


def at(desk: Desk, connection: str, rest: str = "") -> str:
    return f"/api/v1/organizations/{desk.mine.slug}/{connection}/files{rest}"


def handed_in(desk: Desk, provider: str) -> str:
    """Hand the sample in; the provider's id of it."""
    operation, parts = SAMPLES[provider]
    answer = desk.hand_in(f"/api/v1/organizations/{desk.mine.slug}/{provider}/{operation}", **parts)
    assert answer.status_code == 201, answer.json
    assert answer.json
    return quote(answer.json["reference"], safe="")


def logged(desk: Desk) -> list[str]:
    answer = desk.ask("GET", f"/api/v1/organizations/{desk.mine.slug}/audit?subject_type=connection")
    assert answer.json
    return [one["action"] for one in reversed(answer.json["items"]) if ".file" in one["action"]]


@pytest.mark.parametrize("provider", SAMPLES)
def test_what_was_handed_in_is_listed_shown_given_and_taken_away(stored: Desk, provider: str) -> None:
    reference, (_, parts) = handed_in(stored, provider), SAMPLES[provider]
    filename, content, _ = parts["file"]
    listed = stored.ask("GET", at(stored, provider))
    assert listed.status_code == 200, listed.json
    assert listed.json
    (one,) = [one for one in listed.json["items"] if quote(one["id"], safe="") == reference]
    shown = stored.ask("GET", at(stored, provider, f"/{reference}"))
    assert shown.json
    assert (shown.status_code, shown.json["id"]) == (200, one["id"])
    assert filename in shown.json["name"]
    given = stored.ask("GET", at(stored, provider, f"/{reference}/content"))
    assert (given.status_code, given.data) == (200, content)
    assert given.headers["Content-Disposition"] == "attachment"
    assert given.headers["X-Content-Type-Options"] == "nosniff"
    gone = stored.ask("DELETE", at(stored, provider, f"/{reference}"))
    assert (gone.status_code, gone.data) == (204, b"")
    assert stored.ask("GET", at(stored, provider, f"/{reference}")).status_code == 404
    assert logged(stored)[:4] == [
        "connection.files_listed",
        "connection.file_shown",
        "connection.file_fetched",
        "connection.file_deleted",
    ]


@pytest.mark.parametrize("provider", registry.PROVIDERS)
@pytest.mark.parametrize(("method", "rest"), POWERS)
def test_what_a_provider_cannot_is_405_with_the_reason(stored: Desk, provider: str, method: str, rest: str) -> None:
    adapter, power = registry.provider(provider), POWERS[method, rest]
    answer = stored.ask(method, at(stored, provider, rest))
    if isinstance(adapter, power):
        assert answer.status_code in {200, 204, 404, 424}, answer.json
        return
    assert answer.json
    assert (answer.status_code, answer.json["type"]) == (405, "/docs/problems#not-offered-there")
    assert adapter.title in answer.json["detail"]
    here = {other for (other, there), one in POWERS.items() if there == rest and isinstance(adapter, one)}
    assert set(filter(None, answer.headers["Allow"].split(", "))) == here


@pytest.mark.parametrize("what", ["/nothing-here", "/..%2f..%2fkeys", "/a%00b", "/%C3%B1"])
def test_what_there_is_not(stored: Desk, what: str) -> None:
    for rest in (what, f"{what}/content"):
        answer = stored.ask("GET", at(stored, "flatfile", rest))
        assert answer.status_code == 404, answer.json
    assert stored.ask("GET", at(stored, "nothing")).status_code == 404


@pytest.mark.parametrize(
    ("fault", "status", "slug"),
    [
        ({"status": 401}, 503, "credential-refused"),
        ({"status": 429, "headers": {"Retry-After": "7"}}, 503, "provider-busy"),
        ({"status": 500}, 502, "provider-error"),
        ({"action": "reset"}, 502, "provider-unreachable"),
    ],
)
@pytest.mark.parametrize("rest", ["", "/us_fl_x", "/us_fl_x/content"])
def test_what_a_provider_says_no_with(stored: Desk, fault: dict[str, Any], status: int, slug: str, rest: str) -> None:
    stored.sandbox.fault(provider="flatfile", method="GET", times=3, **{"action": "status", **fault})
    answer = stored.ask("GET", at(stored, "flatfile", rest))
    stored.sandbox.clear()
    assert answer.json
    assert (answer.status_code, answer.json["type"]) == (status, f"/docs/problems#{slug}")
    assert answer.headers.get("Retry-After") == ("7" if slug == "provider-busy" else None)
    assert "upload" not in answer.json


def test_pages_go_on_where_the_provider_says(stored: Desk) -> None:
    made = {handed_in(stored, "flatfile") for _ in range(3)}
    seen, query = set(), ""
    for _ in range(10):
        answer = stored.ask("GET", at(stored, "flatfile", query)).json
        assert answer
        seen |= {quote(one["id"], safe="") for one in answer["items"]}
        if answer["next"] is None:
            break
        query = f"?cursor={answer['next']}"
    assert made <= seen
    assert stored.ask("GET", at(stored, "flatfile", "?cursor=2")).status_code == 422


def test_a_connection_that_is_paused_is_let_be(stored: Desk) -> None:
    with stored.database.transaction(stored.mine.organization.id) as session:
        row = connections.by_name(session, "flatfile")
        assert row
        row.paused_at = row.created_at
    answer = stored.ask("GET", at(stored, "flatfile"))
    assert (answer.status_code, answer.json and answer.json["type"]) == (503, "/docs/problems#connection-paused")


def test_with_a_key_that_others_use_none_sees_theirs(stored: Desk, vault: Vault) -> None:
    """A file is asked for by its id alone at most providers."""
    reference = handed_in(stored, "flatfile")
    place = PLACES["flatfile"](stored.sandbox)
    with stored.database.transaction(None) as session:
        lender = connections.add(
            session,
            vault,
            organization_id=None,
            provider="flatfile",
            name=f"lender-{stored.mine.slug}",
            environment=Environment.SANDBOX,
            settings={},
            credential={"key": SecretStr(place.credential["key"])},
        )
    with stored.database.transaction(stored.mine.organization.id) as session:
        connections.add(
            session,
            vault,
            organization_id=stored.mine.organization.id,
            provider="flatfile",
            name="borrowed",
            environment=Environment.SANDBOX,
            settings=dict(place.settings),
            house_connection_id=lender.id,
        )
    for method, rest in POWERS:
        answer = stored.ask(method, at(stored, "borrowed", rest.replace("x", reference)))
        assert (answer.status_code, answer.json and answer.json["type"]) == (403, "/docs/problems#shared-key")
    assert stored.ask("GET", at(stored, "flatfile", f"/{reference}")).status_code == 200


def test_who_may(stored: Desk) -> None:
    reference = handed_in(stored, "flatfile")
    for rest in ("", f"/{reference}", f"/{reference}/content"):
        for token, status in ((None, 401), ("read", 403), ("their both", 404), ("house both", 200)):
            assert stored.ask("GET", at(stored, "flatfile", rest), token).status_code == status
    for token, status in ((None, 401), ("read", 403), ("their both", 404), ("house both", 204)):
        assert stored.ask("DELETE", at(stored, "flatfile", f"/{reference}"), token).status_code == status


def test_content_is_never_held(stored: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each block is given before the next is asked for, and who leaves ends it."""
    reference = handed_in(stored, "flatfile")
    asked, closed = [], []

    class Endless:
        status, headers = 200, [("Content-Type", "text/csv")]

        def blocks(self) -> Iterator[bytes]:
            while True:
                asked.append(1)
                yield b"x" * 1000

        def close(self) -> None:
            closed.append(1)

    monkeypatch.setattr(fetching.Fetcher, "fetch", lambda *_: Endless())
    with stored.app.test_client() as client:
        headers = {"Authorization": f"Bearer {stored.token('both')}"}
        answer = client.get(at(stored, "flatfile", f"/{reference}/content"), headers=headers, buffered=False)
        blocks = answer.iter_encoded()
        assert [len(next(blocks)) for _ in range(3)] == [1000] * 3
        assert len(asked) <= 4
        answer.close()
    assert closed
    stored.ask("HEAD", at(stored, "flatfile", f"/{reference}/content"))
    assert len(closed) > 1

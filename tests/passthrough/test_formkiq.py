"""FormKiQ through the gateway, by its contract and as its own client makes its requests; both ways of signing in."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

import pytest
from pydantic import SecretStr

from app.passthrough.base import Told
from app.passthrough.faces import FACES
from app.passthrough.rules import Verdict
from app.records.states import State
from app.tenants import connections
from app.tenants.models import Connection, Environment
from tests.passthrough.desk import Answer, Desk, ask
from tests.passthrough.recorded import recorded
from tests.relay.files import pdf
from tests.sandbox.formkiq.conftest import send
from tests.tenancy import becomes

pytestmark = pytest.mark.live

ASKED: Final = [row.call for row in FACES["formkiq"].rules if row.verdict is Verdict.ASK]
CONTENT: Final = pdf(4_000)
#: Larger than what is read whole.
LARGE: Final = pdf(300_000)


class Client:
    """As the vendor's own client asks: JSON without what is not set, its key in the header that it was told."""

    def __init__(self, desk: Desk, *, token: str | None) -> None:
        """`token`: what the connection signs in with where that is no key."""
        self.desk = desk
        self.authorization = desk.token if token is None else f"Bearer {desk.token}"
        #: At the provider itself.
        self.key = token or desk.house.places["formkiq"].key
        self.own = self.key if token is None else f"Bearer {token}"
        self.base = "/formkiq" if token is None else "/formkiq/jwt"

    def ask(self, method: str, path: str, value: Any = None, /, **query: Any) -> Answer:
        asked = f"?{urlencode(query)}" if query else ""
        body = None if value is None else value if isinstance(value, bytes) else json.dumps(value).encode()
        return ask(self.desk.house.gateway.url, method, f"/proxy/formkiq{path}{asked}", body, self.headers(body))

    def directly(self, method: str, path: str, value: Any = None, /, **query: Any) -> Answer:
        """The same at the provider itself."""
        asked = f"?{urlencode(query)}" if query else ""
        body = None if value is None else json.dumps(value).encode()
        headers = {**self.headers(body), "Authorization": self.own}
        return ask(self.desk.house.sandbox.url, method, f"{self.base}{path}{asked}", body, headers)

    def headers(self, body: bytes | None) -> dict[str, str]:
        told = {"Accept": "application/json", "User-Agent": "OpenAPI-Generator/1.0.0/python"}
        return {**told, "Authorization": self.authorization, **({"Content-Type": "application/json"} if body else {})}

    def put(self, url: str, content: bytes, **headers: str) -> Any:
        """Put bytes where an answer says, byte for byte as it says it."""
        told = {"Content-Type": "application/pdf", **{name.replace("_", "-"): value for name, value in headers.items()}}
        return send("PUT", url, content, told)


@pytest.fixture(params=["key", "token"])
def client(request: pytest.FixtureRequest, desk: Desk) -> Iterator[Client]:
    """By either way: the key as it is, or a token behind Bearer; the connection behind signs in the same way."""
    house = desk.house
    house.sandbox.control("DELETE", "/formkiq/switches")
    token = None
    if request.param == "token":
        asked = {"groups": ["default"], "use": "access", "seconds": 3600}
        token = house.sandbox.control("POST", "/formkiq/token", asked)["token"]
        connection = house.connections["formkiq"]
        settings = {**connection.settings, "base_url": f"{house.sandbox.url}/formkiq/jwt", "auth": "token"}
        desk.change(Connection, connection.id, settings=settings)
        with house.database.transaction(house.organization.id) as session:
            found = session.get_one(Connection, connection.id)
            connections.set_credential(session, desk.vault, found, {"token": SecretStr(token)})
    yield Client(desk, token=token)
    house.sandbox.control("DELETE", "/formkiq/switches")


def encoded(content: bytes = CONTENT, **more: Any) -> dict[str, Any]:
    return {
        "path": "inbox/report.pdf",
        "contentType": "application/pdf",
        "isBase64": True,
        "content": base64.b64encode(content).decode(),
        **more,
    }


def ledger(desk: Desk, method: str) -> list[dict[str, Any]]:
    return [one for one in desk.house.sandbox.ledger("formkiq", complete=True) if one["method"] == method]


def test_a_document_within_the_call(desk: Desk, client: Client) -> None:
    made = client.ask("POST", "/documents", encoded())
    assert made.status == 201, made
    (posted,) = ledger(desk, "POST")
    assert posted["parts"][0]["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    (upload,) = desk.uploads()
    assert (upload.state, upload.operation, upload.mode) == (State.DELIVERED, "formkiq/document", "relay")
    assert upload.reference == made.json["documentId"]
    assert upload.parts[0]["filename"] == "report.pdf"
    shown = client.ask("GET", f"/documents/{made.json['documentId']}")
    assert (shown.status, shown.json["contentLength"]) == (200, len(CONTENT))


@pytest.mark.parametrize("content", [CONTENT, LARGE], ids=["small", "large"])
def test_a_document_by_an_address_that_leads_through_the_gateway(desk: Desk, client: Client, content: bytes) -> None:
    made = client.ask("POST", "/documents/upload", {"path": "in/report.pdf"}, contentLength=len(content))
    assert made.status == 201
    url = made.json["url"]
    assert url.startswith(f"{desk.house.gateway.url}/proxy/-/")
    assert len(url) < 4_000
    put = client.put(url, content)
    assert (put.status, put.body) == (200, b""), put
    assert put.headers["ETag"]
    (stored,) = ledger(desk, "PUT")
    assert (stored["sha256"], stored["authorization"]) == (hashlib.sha256(content).hexdigest(), None)
    (upload,) = desk.uploads()
    assert (upload.state, upload.operation) == (State.DELIVERED, "formkiq/document")
    assert upload.reference == made.json["documentId"]
    assert upload.parts[0]["sha256"] == hashlib.sha256(content).hexdigest()
    shown = client.ask("GET", f"/documents/{made.json['documentId']}").json
    assert shown["contentLength"] == len(content)


HUGE: Final = pdf(3_000_000)


@contextmanager
def putting(client: Client) -> Iterator[http.client.HTTPConnection]:
    """A large document on its way, half of it given."""
    url = urlsplit(client.ask("POST", "/documents/upload", {"path": "in/report.pdf"}).json["url"])
    client.desk.house.sandbox.control("DELETE", "/ledger")
    connection = http.client.HTTPConnection(url.netloc, timeout=60)
    try:
        connection.putrequest("PUT", url.path)
        connection.putheader("Content-Type", "application/pdf")
        connection.putheader("Content-Length", str(len(HUGE)))
        connection.endheaders(HUGE[: len(HUGE) // 2])
        assert becomes(lambda: any(one["bytes"] for one in client.desk.house.sandbox.ledger("formkiq")))
        yield connection
    finally:
        connection.close()


def test_the_store_has_the_first_byte_before_the_second_half_is_given(desk: Desk, client: Client) -> None:
    with putting(client) as connection:
        assert ledger(desk, "PUT") == []
        connection.send(HUGE[len(HUGE) // 2 :])
        assert connection.getresponse().status == 200
    (stored,) = ledger(desk, "PUT")
    assert stored["sha256"] == hashlib.sha256(HUGE).hexdigest()
    assert [one.state for one in desk.uploads()] == [State.DELIVERED]


def test_who_leaves_in_the_middle_leaves_nothing(desk: Desk, client: Client) -> None:
    with putting(client):
        pass
    assert becomes(lambda: [one.state for one in desk.uploads()] == [State.CANCELLED])
    assert ledger(desk, "PUT") == []


def test_without_a_length_nothing_is_taken(desk: Desk, client: Client) -> None:
    url = urlsplit(client.ask("POST", "/documents/upload", {"path": "a.pdf"}).json["url"])
    connection = http.client.HTTPConnection(url.netloc, timeout=60)
    try:
        connection.request("PUT", url.path, iter([CONTENT]), {"Content-Type": "application/pdf"}, encode_chunked=True)
        reply = connection.getresponse()
        assert (reply.status, b"MissingContentLength" in reply.read()) == (411, True)
    finally:
        connection.close()


def test_a_checksum_that_was_announced_goes_along(desk: Desk, client: Client) -> None:
    told = {"checksum": hashlib.sha256(CONTENT).hexdigest(), "checksumType": "SHA256", "path": "a.pdf"}
    made = client.ask("POST", "/documents/upload", told).json
    assert client.put(made["url"], CONTENT).status == 403  # the store signed headers that have to be there
    headers = {name.replace("-", "_"): value for name, value in made["headers"].items()}
    assert client.put(made["url"], CONTENT, **headers).status == 200
    wrong = client.put(made["url"], LARGE, **headers)
    assert (wrong.status, b"BadDigest" in wrong.body) == (400, True)


def test_what_is_announced_by_its_path_alone(desk: Desk, client: Client) -> None:
    made = client.ask("GET", "/documents/upload", path="in/report.pdf")
    assert made.status == 200
    assert client.put(made.json["url"], CONTENT).status == 200
    assert desk.uploads()[0].parts[0]["filename"] == "report.pdf"


def test_new_bytes_of_a_document_have_to_be_asked_for(desk: Desk, client: Client) -> None:
    id_ = client.ask("POST", "/documents", encoded()).json["documentId"]
    assert client.ask("GET", f"/documents/{id_}/upload").status == 403
    desk.open("formkiq", *ASKED)
    made = client.ask("GET", f"/documents/{id_}/upload").json
    assert client.put(made["url"], LARGE).status == 200
    assert client.ask("GET", f"/documents/{id_}").json["contentLength"] == len(LARGE)


def test_the_address_and_what_follows_from_it_is_all_that_changes(desk: Desk, client: Client) -> None:
    desk.house.sandbox.control("DELETE", "/ledger")
    key = client.key
    theirs = client.directly("POST", "/documents/upload", {"path": "a.pdf"})
    (wanted,) = recorded(desk, "formkiq", key)
    ours = client.ask("POST", "/documents/upload", {"path": "a.pdf"})
    (sent,) = recorded(desk, "formkiq", key)
    assert sent == wanted
    varies = {"date", "server", "connection", "content-length", "etag"}

    def told(answer: Answer) -> list[tuple[str, str]]:
        return sorted((name, value) for name, value in answer.headers if name.lower() not in varies)

    assert set(told(theirs)) <= set(told(ours))  # beside them stands what the gateway says of all its answers
    assert ours.header("Content-Length") == str(len(ours.body))
    for answer in (ours, theirs):  # each has an id and an address of its own
        for name in ("documentId", "url"):
            object.__setattr__(answer, "body", answer.body.replace(answer.json[name].encode(), name.encode(), 1))
    assert ours.body == theirs.body


@pytest.mark.parametrize("path", ["/documents", "/documents/upload"])
def test_a_plain_call_is_the_same_with_and_without(desk: Desk, client: Client, path: str) -> None:
    key = client.key
    value = encoded() if path == "/documents" else {"path": "b.pdf"}
    calls = [("POST", path, value), ("GET", "/documents", None), ("GET", f"/documents/{uuid4()}", None)]
    for method, where, given in calls:
        desk.house.sandbox.control("DELETE", "/ledger")
        client.ask(method, where, given)
        ours = recorded(desk, "formkiq", key)
        client.directly(method, where, given)
        assert ours == recorded(desk, "formkiq", key)


def test_a_connection_can_leave_the_address_as_it_is(desk: Desk, client: Client) -> None:
    connection = desk.house.connections["formkiq"]
    with desk.house.database.transaction(desk.house.organization.id) as session:
        settings = dict(session.get_one(Connection, connection.id).settings)
    desk.change(Connection, connection.id, settings={**settings, "direct_puts": True})
    made = client.ask("POST", "/documents/upload", {"path": "a.pdf"}).json
    assert made["url"].startswith(desk.house.sandbox.store_url)
    assert client.put(made["url"], CONTENT).status == 200
    assert desk.uploads() == []


WRONG: Final = b"name,amount\n" + b"ana,1\n" * 100


def test_what_a_check_refuses_never_arrives(desk: Desk, client: Client) -> None:
    refused = client.ask("POST", "/documents", encoded(WRONG))
    assert (refused.status, refused.json["errors"][0]["key"]) == (400, "file")
    made = client.ask("POST", "/documents/upload", {"path": "a.pdf"}).json
    desk.house.sandbox.control("DELETE", "/ledger")
    put = client.put(made["url"], WRONG)
    assert (put.status, b"<Code>InvalidRequest</Code>" in put.body) == (400, True)
    assert put.headers["Content-Type"] == "application/xml"
    assert desk.house.sandbox.ledger("formkiq", complete=True) == []
    assert [one.state for one in desk.uploads()] == [State.REJECTED, State.REJECTED]


def test_what_is_found_in_the_last_bytes_ends_the_request(desk: Desk, client: Client) -> None:
    eicar = base64.b64decode(
        b"WDVPIVAlQEFQWzRcUFpYNTQoUF4pN0NDKTd9JEVJQ0FSLVNUQU5EQVJELUFOVElWSVJVUy1URVNULUZJTEUhJEgrSCo="
    )
    made = client.ask("POST", "/documents/upload", {"path": "a.pdf"}).json
    desk.house.sandbox.control("DELETE", "/ledger")
    assert client.put(made["url"], LARGE + eicar).status == 400
    assert desk.house.sandbox.ledger("formkiq", complete=True) == []
    assert desk.uploads()[-1].state is State.REJECTED


@pytest.mark.parametrize(
    "value",
    [
        encoded(documents=[{"content": "x"}]),
        encoded(deepLinkPath="https://elsewhere.example/a.pdf"),
        {**encoded(), "content": "no base64!"},
        encoded(isBase64="true"),
        {"path": "a.pdf"},
        b'{"content": "YQ==", "content": "Yg==", "isBase64": true}',
        b"[]",
    ],
    ids=["children", "link", "not Base64", "said oddly", "nothing", "twice", "no object"],
)
def test_what_nobody_could_look_at_is_not_passed_on(desk: Desk, client: Client, value: Any) -> None:
    assert client.ask("POST", "/documents", value).status == 400
    assert desk.house.sandbox.ledger("formkiq") == []


def test_an_announcement_brings_no_bytes_of_its_own(desk: Desk, client: Client) -> None:
    for value in (
        encoded(),
        {"path": "a.pdf", "documents": [{"path": "b.pdf"}]},
        {"deepLinkPath": "https://x.example"},
    ):
        assert client.ask("POST", "/documents/upload", value).status == 400
    twice = "/proxy/formkiq/documents/upload?path=a.pdf&path=b.pdf"
    assert ask(desk.house.gateway.url, "GET", twice, None, client.headers(None)).status == 400
    assert desk.house.sandbox.ledger("formkiq") == []


def test_text_is_what_it_says(desk: Desk, client: Client) -> None:
    told = {"path": "hola.txt", "contentType": "text/plain", "content": "Hola, año\n"}
    assert client.ask("POST", "/documents", told).status == 201
    assert desk.uploads()[0].parts[0]["sha256"] == hashlib.sha256("Hola, año\n".encode()).hexdigest()


def test_an_address_is_sealed_and_ends(desk: Desk, client: Client) -> None:
    url = client.ask("POST", "/documents/upload", {"path": "a.pdf"}).json["url"]
    store = desk.house.sandbox.store_url.encode()
    assert store not in base64.urlsafe_b64decode(url.rpartition("/")[2] + "===")
    desk.house.sandbox.control("DELETE", "/ledger")
    flipped = url[:-8] + ("A" if url[-8] != "A" else "B") + url[-7:]
    for wrong in (flipped, url[: url.rindex("/") + 1] + "nothing", url[: url.rindex("/") + 1] + secrets.token_hex(60)):
        put = client.put(wrong, CONTENT)
        assert (put.status, b"<Code>AccessDenied</Code>" in put.body) == (403, True)
    assert client.put(url, CONTENT, Authorization="Bearer x").status == 400
    assert desk.house.sandbox.ledger("formkiq") == []


def test_an_address_is_worth_no_more_than_the_token_it_was_asked_for_with(desk: Desk, client: Client) -> None:
    from app.database import utcnow
    from app.tenants import doors, tokens

    url = client.ask("POST", "/documents/upload", {"path": "a.pdf"}).json["url"]
    found = doors.token(desk.house.database, desk.token)
    assert found
    with desk.house.database.transaction(desk.house.organization.id) as session:
        tokens.revoke(session, found.id, utcnow())
    assert client.put(url, CONTENT).status == 403
    assert desk.uploads() == []


def test_no_signature_of_the_stores_is_kept(desk: Desk, client: Client) -> None:
    from app.records import attempts

    made = client.ask("POST", "/documents/upload", {"path": "a.pdf"}).json
    assert client.put(made["url"], CONTENT).status == 200
    (upload,) = desk.uploads()
    with desk.house.database.transaction(desk.house.organization.id) as session:
        (attempt,) = attempts.listing(session, upload.id)
    assert attempt.baseline["document_id"] == made["documentId"]
    assert "Signature" not in json.dumps(attempt.baseline)


@pytest.mark.parametrize("action", ["drop_answer", "truncate"])
def test_an_answer_that_is_lost_is_looked_for(desk: Desk, client: Client, action: str) -> None:
    url = client.ask("POST", "/documents/upload", {"path": "a.pdf"}).json["url"]
    desk.house.sandbox.fault(provider="formkiq", action=action, method="PUT")
    assert client.put(url, CONTENT).status == 200
    desk.house.sandbox.fault(provider="formkiq", action=action, method="POST", path="/formkiq")
    id_ = str(uuid4())
    made = client.ask("POST", "/documents", encoded(documentId=id_))
    assert (made.status, made.json["documentId"]) == (201, id_)
    assert [one.state for one in desk.uploads()] == [State.DELIVERED, State.DELIVERED]


def test_without_an_id_nobody_can_look_and_that_is_said(desk: Desk, client: Client) -> None:
    desk.house.sandbox.fault(provider="formkiq", action="drop_answer", method="POST", path="/formkiq")
    assert client.ask("POST", "/documents", encoded()).status == 504
    assert desk.uploads()[0].state is State.UNKNOWN


def test_its_errors_of_its_own_pass_as_they_are(desk: Desk, client: Client) -> None:
    id_ = str(uuid4())
    missing = client.ask("GET", f"/documents/{id_}")
    assert (missing.status, missing.json) == (404, {"message": f"Document {id_} not found."})
    assert client.ask("POST", "/documents", encoded(documentId="none")).status == 400
    desk.house.sandbox.fault(provider="formkiq", action="status", status=429, method="GET")
    assert client.ask("GET", "/documents").status == 429


@pytest.mark.attack("tenants", "what is another's at a provider whose key opens both", "404")
def test_another_site_is_not_there(desk: Desk, client: Client) -> None:
    for site in ("legal", "DEFAULT", ""):
        assert client.ask("GET", "/documents", siteId=site).status == 404
    twice = "/proxy/formkiq/documents?siteId=default&siteId=legal"
    assert ask(desk.house.gateway.url, "GET", twice, None, client.headers(None)).status == 404
    assert desk.house.sandbox.ledger("formkiq") == []
    assert client.ask("GET", "/documents", siteId="default").status == 200


def test_who_borrows_a_key_says_which_site(desk: Desk, client: Client) -> None:
    """Without one it could be the only one that the key is for, whosever that is."""
    house, own = desk.house, desk.house.connections["formkiq"]
    name, key = f"house-{secrets.token_hex(4)}", {"key": SecretStr(house.places["formkiq"].key)}
    with house.database.transaction(None) as session:
        lender = connections.add(
            session,
            desk.vault,
            organization_id=None,
            provider="formkiq",
            name=name,
            environment=Environment.SANDBOX,
            settings={},
            credential=key,
        )
    with house.database.transaction(house.organization.id) as session:
        connections.add(
            session,
            desk.vault,
            organization_id=house.organization.id,
            provider="formkiq",
            name="lent",
            environment=Environment.SANDBOX,
            settings={**own.settings, "auth": "key", "base_url": f"{house.sandbox.url}/formkiq"},
            house_connection_id=lender.id,
        )
    headers = client.headers(None)
    for query, status in (("", 404), ("?siteId=default", 200), ("?siteId=legal", 404)):
        asked = ask(house.gateway.url, "GET", f"/proxy/formkiq@lent/documents{query}", None, headers)
        assert asked.status == status, asked.body


def test_what_says_no_says_why(desk: Desk, client: Client) -> None:
    denied = client.ask("POST", "/configuration/apiKeys", {"name": "mine"})
    assert (denied.status, "leads around the gateway" in denied.json["message"]) == (403, True)
    assert client.ask("DELETE", f"/documents/{uuid4()}").status == 403
    assert client.ask("GET", "/workflows").status == 403
    nobody = ask(desk.house.gateway.url, "GET", "/proxy/formkiq/documents", None, {"Authorization": "vnt_live_none"})
    assert (nobody.status, "message" in nobody.json) == (401, True)
    assert desk.house.sandbox.ledger("formkiq") == []


@pytest.mark.parametrize(
    "status", [400, 401, 403, 404, 405, 408, 409, 411, 413, 415, 422, 429, 500, 502, 503, 504, 507]
)
def test_whatever_is_refused_is_one_of_the_statuses_that_it_knows(status: int) -> None:
    spelled = FACES["formkiq"].spell(Told(status=status, slug="anything", detail="So."))
    assert spelled.status in {400, 401, 403, 404, 409, 413, 429, 500, 502, 504}
    assert spelled.body == {"message": "So."}

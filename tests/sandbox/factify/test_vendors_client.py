"""All that the vendor's own package can do, unchanged but for its base URL."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.factify.conftest import KEY, PDF, STRANGER, Factify, fetch
from tests.vendors.driving import Driver

if TYPE_CHECKING:
    from tests.servers import Sandbox

pytestmark = pytest.mark.live

NOWHERE = "doc_" + "0" * 26
EMAIL = "other@example.com"


@pytest.fixture(scope="module")
def driver(started: Sandbox) -> Iterator[Driver]:
    with Driver.running("factify", base_url=f"{started.url}/factify", key=KEY) as driver:
        yield driver


@pytest.fixture
def client(driver: Driver, factify: Factify) -> Driver:
    """The package, and two accounts as new; what the first of them uploads is processed for ever."""
    factify.control("/processing", key=KEY)
    return driver


@dataclass
class Scene:
    """What calls can be about, made where it is first asked for."""

    factify: Factify
    ids: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        if name not in self.ids:
            self.ids[name] = getattr(self, f"_{name}")()
        return self.ids[name]

    def _document(self) -> str:
        return str(self.factify.document(title="Contrato", description="Arrendamiento")["id"])

    def _version(self) -> str:
        return str(self.factify.get(f"/documents/{self['document']}")["document"]["current_version"]["id"])

    def _twin(self) -> str:
        return str(self.factify.document(title="Otro")["id"])

    def _trashed(self) -> str:
        self.factify.post(f"/documents/{self['document']}/trash")
        return self["document"]

    def _organization(self) -> str:
        return str(self.factify.get("/organizations")["items"][0]["id"])

    def _policy(self) -> str:
        return str(self.factify.control("/policies", key=KEY, name="No print")["policy"]["id"])

    def _attached(self) -> str:
        self.factify.post(f"/documents/{self['document']}/policies", {"policy_id": self["policy"]})
        return self["policy"]

    def _owner(self) -> str:
        return self.factify.sign_in(key=KEY)[0]

    def _token(self) -> str:
        """By which another person calls."""
        token, self.ids["user"] = self.factify.sign_in(email=EMAIL)
        return token

    def _user(self) -> str:
        return self.factify.sign_in(email=EMAIL)[1]

    def _member(self) -> str:
        member = {"user_id": self["user"], "role": "member"}
        self.factify.post(f"/organizations/{self['organization']}/members", member)
        return self["user"]

    def _recipient(self) -> str:
        granted = {"recipients": [{"recipient": EMAIL, "role": "viewer"}]}
        self.factify.post(f"/documents/{self['document']}/share", granted)
        return self["user"]

    def _request(self) -> str:
        made = self.factify.post(
            f"/documents/{self['document']}/access-requests", {"permission": "edit"}, key=self["token"]
        )
        return str(made["access_request"]["id"])

    def _invite(self) -> str:
        made = self.factify.post(f"/organizations/{self['organization']}/invites", {"email": EMAIL})
        return str(made["invite"]["id"])

    def _mailed(self) -> str:
        return str(self.factify.sandbox.control("GET", f"/factify/invites/{self['invite']}")["token"])

    def _key(self) -> str:
        made = self.factify.post("/api-keys", {"name": "Staging", "organization_id": self["organization"]})
        return str(made["api_key"]["id"])

    def _limited(self) -> str:
        answer = self.factify.ask("PUT", f"/quota/keys/{self['key']}", json={"limit": 1000})
        assert answer.status_code == 200
        return self["key"]


FILE = {"file_name": "año.pdf", "content": PDF, "content_type": "application/pdf"}


@dataclass(frozen=True, kw_only=True)
class Call:
    """What a method is called with, who calls (the key, unless said), and what has to be in the answer."""

    given: Callable[[Scene], dict[str, Any]] = lambda _: {}
    key: str | None = None
    shows: Callable[[Scene], dict[str, Any]] = lambda _: {}


def of_document(**more: Any) -> Callable[[Scene], dict[str, Any]]:
    return lambda scene: {"document_id": scene["document"]} | more


def of_organization(**more: Any) -> Callable[[Scene], dict[str, Any]]:
    return lambda scene: {"organization_id": scene["organization"]} | more


def items(**first: str) -> Callable[[Scene], dict[str, Any]]:
    """A list that begins with what the scene has of those names."""
    return lambda scene: {"items": [{key: scene[name] for key, name in first.items()}]}


CALLS: dict[str, Call] = {
    "documents.list": Call(given=lambda scene: {"query": scene["document"] and "arrenda"}, shows=items(id="document")),
    "documents.create": Call(
        given=lambda _: {"title": "Título", "payload": FILE, "access_level": "private", "description": "ñ"},
        shows=lambda _: {"document": {"title": "Título", "access_level": "private", "description": "ñ"}},
    ),
    "documents.get_quota": Call(shows=lambda _: {"limit": 0, "used": 0}),
    "documents.get": Call(given=of_document(), shows=lambda scene: {"document": {"id": scene["document"]}}),
    "documents.update": Call(
        given=of_document(title="Nuevo", description=None),
        shows=lambda _: {"document": {"title": "Nuevo", "description": None}},
    ),
    "documents.list_duplicates": Call(
        given=lambda scene: {"document_id": scene["document"], "file_contents_hash": scene["twin"] and None},
        shows=items(document_id="twin"),
    ),
    "documents.export": Call(given=lambda scene: {"document_id": scene["document"], "version_id": scene["version"]}),
    "documents.process": Call(
        given=of_document(async_=True),
        shows=lambda scene: {"version_id": scene["version"], "status": "PROCESSING_OUTCOME_ALREADY_PROCESSING"},
    ),
    "documents.transfer_ownership": Call(
        given=lambda scene: {"document_id": scene["document"], "new_owner_id": scene["member"]},
        shows=lambda scene: {"document_id": scene["document"], "new_owner_id": scene["user"]},
    ),
    "documents.trash": Call(given=of_document(body={})),
    "documents.untrash": Call(given=lambda scene: {"document_id": scene["trashed"], "body": {}}),
    "versions.list": Call(given=of_document(), shows=items(id="version")),
    "versions.create": Call(
        given=of_document(payload=FILE, title="v2"),
        shows=lambda scene: {"document_id": scene["document"], "title": "v2"},
    ),
    "versions.get": Call(
        given=lambda scene: {"version_id": scene["version"]}, shows=lambda scene: {"id": scene["version"]}
    ),
    "versions.update": Call(
        given=lambda scene: {"version_id": scene["version"], "title": "v1"}, shows=lambda _: {"title": "v1"}
    ),
    "entry_pages.generate": Call(given=of_document()),
    "policies.list": Call(
        given=lambda scene: {"document_id": scene["attached"] and scene["document"]},
        shows=lambda scene: {"items": [{"policy": {"id": scene["policy"]}}]},
    ),
    "policies.attach": Call(
        given=lambda scene: {"document_id": scene["document"], "policy_id": scene["policy"]},
        shows=lambda scene: {"policy": {"name": "No print"}, "document_id": scene["document"]},
    ),
    "policies.detach": Call(given=lambda scene: {"document_id": scene["document"], "policy_id": scene["attached"]}),
    "sharing.get_general_access": Call(given=of_document(), shows=lambda _: {"general_access_level": "organization"}),
    "sharing.set_general_access": Call(
        given=of_document(general_access_level="anyone_with_link"),
        shows=lambda _: {"general_access_level": "anyone_with_link"},
    ),
    "sharing.list": Call(
        given=of_document(),
        shows=lambda _: {"recipients": [{"type": "user", "document_role": "owner"}]},
    ),
    "sharing.grant": Call(
        given=of_document(recipients=[{"recipient": EMAIL, "role": "viewer"}], custom_message="Hola"),
        shows=lambda _: {"total": 1, "successful": 1, "failed": 0, "results": [{"recipient": EMAIL, "success": True}]},
    ),
    "sharing.update": Call(
        given=lambda scene: {
            "document_id": scene["document"],
            "recipient_id": scene["recipient"],
            "document_role": "commenter",
        },
        shows=lambda _: {"success": True},
    ),
    "sharing.revoke": Call(
        given=lambda scene: {"document_id": scene["document"], "recipient_id": scene["recipient"]},
        shows=lambda _: {"success": True},
    ),
    "sharing.create_share_link": Call(
        given=of_document(body={}), shows=lambda scene: {"share_link": {"document_id": scene["document"]}}
    ),
    "timelines.get": Call(
        given=of_document(),
        shows=lambda _: {"events": [{"event_type": "TIMELINE_EVENT_TYPE_DOCUMENT_CREATED"}], "has_more": False},
    ),
    "access_requests.inspect": Call(
        given=of_document(), shows=lambda _: {"permission_set": {"view": True, "trash": True}}
    ),
    "access_requests.list": Call(
        given=lambda scene: {"document_id": scene["request"] and scene["document"]}, shows=items(id="request")
    ),
    "access_requests.create": Call(
        given=of_document(permission="comment", message="Por favor"),
        key="token",
        shows=lambda scene: {"access_request": {"request_status": "pending", "subject": {"id": scene["user"]}}},
    ),
    "access_requests.check_status": Call(
        given=lambda scene: {"document_id": scene["request"] and scene["document"]},
        key="token",
        shows=lambda _: {"has_pending_request": True},
    ),
    "access_requests.approve": Call(
        given=lambda scene: {
            "document_id": scene["document"],
            "access_request_id": scene["request"],
            "body": {},
        },
        shows=lambda _: {"access_request": {"request_status": "approved"}},
    ),
    "access_requests.deny": Call(
        given=lambda scene: {
            "document_id": scene["document"],
            "access_request_id": scene["request"],
            "body": {},
        },
        shows=lambda _: {"access_request": {"request_status": "denied"}},
    ),
    "api_keys.list": Call(
        given=lambda scene: {"organization_id": scene["key"] and scene["organization"]}, shows=items(id="key")
    ),
    "api_keys.create": Call(
        given=of_organization(name="Production", expires_at=(datetime.now(UTC) + timedelta(days=30)).isoformat()),
        shows=lambda scene: {"api_key": {"is_active": True, "organization_id": scene["organization"]}},
    ),
    "api_keys.revoke": Call(
        given=lambda scene: {"api_key_id": scene["key"], "reason": "Lost"},
        shows=lambda _: {"api_key": {"is_active": False}},
    ),
    "organizations.list": Call(given=lambda _: {"role": ["owner"]}, shows=items(id="organization")),
    "organizations.get": Call(given=of_organization(), shows=lambda _: {"organization": {"name": "Acme"}}),
    "organizations.update": Call(
        given=of_organization(name="Acme, S.A."), shows=lambda _: {"organization": {"name": "Acme, S.A."}}
    ),
    "organizations.invites.list": Call(
        given=lambda scene: {"organization_id": scene["invite"] and scene["organization"], "status": ["pending"]},
        shows=items(id="invite"),
    ),
    "organizations.invites.create": Call(
        given=of_organization(email=EMAIL, message="Hola"),
        shows=lambda _: {"invite": {"email": EMAIL, "status": "pending", "message": "Hola"}},
    ),
    "organizations.invites.accept": Call(
        given=lambda scene: {"organization_id": scene["organization"], "token": scene["mailed"]},
        key="token",
        shows=lambda _: {"organization": {"name": "Acme"}},
    ),
    "organizations.invites.resend": Call(
        given=lambda scene: {"organization_id": scene["organization"], "invite_id": scene["invite"], "body": {}},
        shows=lambda _: {"invite": {"status": "pending"}},
    ),
    "organizations.invites.revoke": Call(
        given=lambda scene: {"organization_id": scene["organization"], "invite_id": scene["invite"], "body": {}},
        shows=lambda _: {"invite": {"status": "revoked"}},
    ),
    "organizations.members.list": Call(
        given=lambda scene: {"organization_id": scene["member"] and scene["organization"]},
        shows=lambda scene: {"items": [{"user": {"id": scene["user"], "email": EMAIL}, "role": "member"}]},
    ),
    "organizations.members.add": Call(
        given=lambda scene: {"organization_id": scene["organization"], "user_id": scene["user"], "role": "admin"},
        shows=lambda _: {"member": {"user": {"email": EMAIL}, "role": "admin"}},
    ),
    "organizations.members.update": Call(
        given=lambda scene: {"organization_id": scene["organization"], "user_id": scene["member"], "role": "admin"},
        shows=lambda _: {"member": {"role": "admin"}},
    ),
    "organizations.members.remove": Call(
        given=lambda scene: {"organization_id": scene["organization"], "user_id": scene["member"]}
    ),
    "usage.get": Call(shows=lambda _: {"quota": {"current_usage": 1, "is_exceeded": False, "tier": "free"}}),
    "usage.get_history": Call(
        given=lambda _: {"date_after": (datetime.now(UTC) - timedelta(days=2)).isoformat()},
        shows=lambda _: {"total_requests": 1, "daily_usage": [{"request_count": 1}]},
    ),
    "usage.list_key_quotas": Call(
        given=lambda scene: {"organization_id": scene["limited"] and scene["organization"]},
        shows=lambda scene: {"quotas": [{"api_key_id": scene["key"], "limit": 1000}]},
    ),
    "usage.set_key_quota": Call(
        given=lambda scene: {"api_key_id": scene["key"], "limit": 5},
        shows=lambda _: {"quota": {"limit": 5, "remaining": 5, "current_usage": 0}},
    ),
    "usage.delete_key_quota": Call(given=lambda scene: {"api_key_id": scene["limited"]}),
    "users.get_me": Call(
        key="owner", shows=lambda _: {"user": {"name": "Owner of Acme"}, "organizations": [{"name": "Acme"}]}
    ),
    "user_preferences.get": Call(key="owner", shows=lambda _: {"has_completed_document_tour": True}),
}


def within(expected: Any, value: Any) -> bool:
    """Whether all that is expected is there; of a list, its beginning."""
    if isinstance(expected, dict):
        return isinstance(value, dict) and all(within(one, value.get(name)) for name, one in expected.items())
    if isinstance(expected, list):
        return len(expected) <= len(value) and all(within(*pair) for pair in zip(expected, value, strict=False))
    return bool(expected == value)


def test_no_call_of_the_vendors_client_is_left_out(client: Driver) -> None:
    assert len(CALLS) == 55
    assert sorted(CALLS) == sorted(client.call("methods")["value"])


@pytest.mark.parametrize("method", CALLS)
def test_the_vendors_client_can_do_everything(client: Driver, factify: Factify, method: str) -> None:
    call, scene = CALLS[method], Scene(factify)
    given = call.given(scene)
    answer = client.call(method, key=scene[call.key] if call.key else KEY, **given)
    assert answer["ok"], answer
    assert within(call.shows(scene), answer["value"]), answer["value"]


def test_the_vendors_client_can_do_it_without_waiting_too(client: Driver) -> None:
    made = client.call("documents.create_async", title="A", payload=FILE)["value"]["document"]
    version = client.call("versions.create_async", document_id=made["id"], payload=FILE)["value"]
    (listed,) = client.call("documents.list_async")["value"]["items"]
    assert (listed["id"], listed["current_version"]["id"]) == (made["id"], version["id"])


@pytest.mark.parametrize("method", ["users.get_me", "user_preferences.get"])
def test_the_vendors_client_is_nobody_with_a_key(client: Driver, method: str) -> None:
    error = client.call(method)["error"]
    assert (error["status_code"], error["data"]["details"][0]["reason"]) == (403, "insufficient_permissions")


def test_1_the_vendors_client_gets_in_under_any_prefix(client: Driver) -> None:
    for base_url in (client.base_url + "/", client.base_url + "/fwd/x"):
        assert client.call("documents.get_quota", base_url=base_url)["ok"]
    assert client.call("documents.get_quota", key=f"Bearer {KEY}")["ok"]


def outcome(answer: dict[str, Any]) -> tuple[str, int, Any, Any]:
    """Exception, status, code and reason of a call that failed."""
    error = answer["error"]
    data = error.get("data") or {}
    return error["type"], error["status_code"], data.get("code"), (data.get("details") or [{}])[0].get("reason")


REFUSED: list[tuple[str, dict[str, Any], str, tuple[int, str, str]]] = [
    ("documents.get_quota", {}, "ffy_test_nobody", (401, "unauthenticated", "invalid_api_key")),
    ("documents.get", {"document_id": NOWHERE}, KEY, (404, "not_found", "resource_not_found")),
    ("documents.get", {"document_id": "nope"}, KEY, (400, "invalid_argument", "invalid_id_format")),
    ("documents.list", {"page_token": "nope"}, KEY, (400, "invalid_argument", "invalid_cursor")),
    ("documents.list", {"page_size": 101}, KEY, (400, "invalid_argument", "invalid_field_value")),
    (
        "documents.create",
        {"title": "", "payload": FILE},
        KEY,
        (400, "invalid_argument", "missing_required_field"),
    ),
]


@pytest.mark.parametrize(("method", "given", "key", "expected"), REFUSED)
def test_3_the_vendors_client_reads_the_whole_error(
    client: Driver, method: str, given: dict[str, Any], key: str, expected: tuple[int, str, str]
) -> None:
    assert outcome(client.call(method, key=key, **given)) == ("ErrorResponse", *expected)


def test_3_the_vendors_client_is_told_what_is_not_allowed(client: Driver, factify: Factify) -> None:
    document = factify.document()
    answer = client.call("documents.get", key=STRANGER, document_id=document["id"])
    assert outcome(answer) == ("ErrorResponse", 403, "permission_denied", "insufficient_permissions")


@pytest.mark.parametrize(
    ("status", "kind", "code", "reason"),
    [
        (400, "ErrorResponse", "invalid_argument", "invalid_field_value"),
        (401, "ErrorResponse", "unauthenticated", "invalid_api_key"),
        (403, "ErrorResponse", "permission_denied", "insufficient_permissions"),
        (404, "ErrorResponse", "not_found", "resource_not_found"),
        (429, "ErrorResponse", "resource_exhausted", "rate_limit_exceeded"),
        (500, "ErrorResponse", "internal", "internal_error"),
        (408, "FactifyDefaultError", None, None),
        (413, "FactifyDefaultError", None, None),
        (499, "FactifyDefaultError", None, None),
        (502, "FactifyDefaultError", None, None),
        (503, "FactifyDefaultError", None, None),
    ],
)
def test_8_the_vendors_client_meets_each_status(
    client: Driver, running: Sandbox, status: int, kind: str, code: str | None, reason: str | None
) -> None:
    running.fault(provider="factify", action="status", status=status)
    answer = client.call("documents.get_quota")
    assert outcome(answer) == (kind, status, code, reason)
    assert ("x-ratelimit-reset" in answer["error"]["headers"]) is (status == 429)


def test_8_the_vendors_client_does_not_wait_for_ever(client: Driver, running: Sandbox) -> None:
    running.fault(provider="factify", action="delay", seconds=2)
    started = time.monotonic()
    # Nobody's key: the request goes on when this test is over, and must not count in another.
    late = client.call("documents.get_quota", key="ffy_test_nobody", timeout_ms=200)
    assert late["error"]["type"] == "ReadTimeout"
    assert time.monotonic() - started < 2


def test_5_the_vendors_client_sends_the_parts_that_the_ledger_shows(client: Driver, running: Sandbox) -> None:
    running.clear()
    assert client.call("documents.create", title="Título", payload=FILE)["ok"]
    (entry,) = running.ledger("factify")
    assert (entry["method"], entry["path"]) == ("POST", "/factify/v1beta/documents")
    assert (entry["complete"], entry["status"]) == (True, 200)
    assert [(part["name"], part["filename"], part["content_type"], part["sha256"]) for part in entry["parts"]] == [
        ("title", None, None, sha256("Título".encode()).hexdigest()),
        ("payload", "año.pdf", "application/pdf", sha256(PDF).hexdigest()),
    ]


def test_6_the_vendors_client_turns_every_page(client: Driver, factify: Factify) -> None:
    for number in range(5):
        factify.document(title=f"{number}")
    found = client.call("documents.list", every_page=True, page_size=2)["value"]
    assert [one["title"] for one in found] == ["4", "3", "2", "1", "0"]


def test_7_the_vendors_client_exports_what_it_uploaded(client: Driver) -> None:
    made = client.call("documents.create", title="A", payload=FILE)["value"]["document"]
    exported = client.call("documents.export", document_id=made["id"])["value"]
    assert fetch(exported["url"], exported["headers"]) == (200, PDF)
    page = client.call("entry_pages.generate", document_id=made["id"])["value"]["download_url"]
    assert fetch(page)[1].startswith(b"%PDF-")

"""Every address of the API and how its owner calls it with success: what isolation and scopes are tested by.

An address that has no case here fails `test_isolation.py`.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from urllib3.filepost import encode_multipart_formdata

from app.api.resources import ADDRESSES
from app.records.states import State
from tests.api.conftest import PNG, Desk

_NAMED: Final = re.compile(r"<(?:\w+:)?(\w+)>")


@dataclass(frozen=True, kw_only=True)
class Case:
    """How an address is called by whom it belongs to."""

    status: int = 200
    #: Made anew for each call.
    sends: Callable[[], Mapping[str, Any]] = dict
    query: str = ""
    #: Only a token of the house's may.
    by_house: bool = False
    #: What its upload has to have come to.
    state: State | None = None


def json(body: Mapping[str, Any]) -> Callable[[], Mapping[str, Any]]:
    return lambda: {"json": dict(body)}


def logo() -> Mapping[str, Any]:
    body, content_type = encode_multipart_formdata({"file": ("logo.png", PNG)})
    return {"data": body, "content_type": content_type}


def organization() -> Mapping[str, Any]:
    return {"json": {"slug": f"n-{secrets.token_hex(6)}", "name": "New"}}


def exported() -> Mapping[str, Any]:
    body = {"version": 1, "organization": organization()["json"], "connections": [], "forms": []}
    return {"json": body}


CONNECTION: Final = {
    "name": "second",
    "provider": "facturapi",
    "environment": "sandbox",
    "settings": {"organization_id": 24 * "0"},
    "credential": {"key": "sk_test_0123456789abcdef"},
}
FORM: Final = {"connection": "facturapi", "operation": "facturapi/logo"}

CASES: Final[Mapping[str, Case]] = {
    "me": Case(),
    "hand_in": Case(status=201, sends=logo),
    "put_in": Case(status=201, sends=lambda: {"data": PNG}, query="?filename=logo.png"),
    "upload": Case(),
    "receipt": Case(),
    "list_uploads": Case(),
    "list_attempts": Case(),
    "retry_upload": Case(status=202, state=State.FAILED),
    "cancel_upload": Case(state=State.WAITING),
    "reconcile_upload": Case(),
    "list_receipts": Case(),
    "give_receipt": Case(),
    "list_audit": Case(),
    "export_audit": Case(),
    "verify_audit": Case(),
    "list_usage": Case(),
    "show_usage": Case(),
    "list_organizations": Case(),
    "create_organization": Case(status=201, sends=organization, by_house=True),
    "show_organization": Case(),
    "export_organization": Case(),
    "import_organization": Case(status=201, sends=exported, by_house=True),
    "edit_organization": Case(sends=json({"name": "Kemper"})),
    "delete_organization": Case(status=202, by_house=True),
    "restore_organization": Case(by_house=True),
    "list_connections": Case(),
    "create_connection": Case(status=201, sends=json(CONNECTION)),
    "show_connection": Case(),
    "edit_connection": Case(sends=json({"settings": {"organization_id": 24 * "1"}})),
    "verify_connection": Case(),
    # Nobody has such a key there: it is tried, and not kept.
    "replace_credential": Case(status=503, sends=json({"credential": {"key": "sk_live_0123456789abcdef"}})),
    "pause_connection": Case(),
    "resume_connection": Case(),
    "list_forms": Case(),
    "create_form": Case(status=201, sends=json(FORM)),
    "show_form": Case(),
    "edit_form": Case(sends=json({"open": False})),
    "list_links": Case(),
    "search_links": Case(),
    "create_link": Case(status=201, sends=json({})),
    "show_link": Case(),
    "revoke_link": Case(),
    "list_tokens": Case(),
    "create_token": Case(status=201, sends=json({"name": "x", "scopes": ["tokens:manage"]})),
    "show_token": Case(),
    "rotate_token": Case(status=201, sends=json({})),
    "revoke_token": Case(),
    "list_webhooks": Case(),
    "create_webhook": Case(status=201, sends=json({"url": "https://hooks.example/"})),
    "show_webhook": Case(),
    "edit_webhook": Case(sends=json({"events": ["upload.failed"]})),
    "delete_webhook": Case(status=204),
    "rotate_webhook_secret": Case(),
    "test_webhook": Case(),
    "list_webhook_deliveries": Case(),
    "show_webhook_delivery": Case(),
    "redeliver_webhooks": Case(status=202),
    "redeliver_webhook": Case(status=202),
    "list_files": Case(),
    "show_file": Case(),
    "give_file": Case(),
    "delete_file": Case(status=204),
}


def path_of(endpoint: str, named: Mapping[str, str]) -> str:
    """The address of an object."""
    return _NAMED.sub(lambda found: named[found[1]], ADDRESSES[endpoint].path) + CASES[endpoint].query


def names_in(endpoint: str) -> list[str]:
    """What an address names, in its order."""
    return _NAMED.findall(ADDRESSES[endpoint].path)


def call(desk: Desk, endpoint: str, named: Mapping[str, str], token: str | None, **more: Any) -> Any:
    """Call an address as its case says; `token`: the secret itself."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    sends = {**CASES[endpoint].sends(), **more}
    return desk.ask(ADDRESSES[endpoint].method, path_of(endpoint, named), None, headers=headers, **sends)

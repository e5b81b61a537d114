"""The account that the sandbox plays: its organizations, its keys, its limits, and how it judges certificates."""

from __future__ import annotations

import re
import time
from collections import defaultdict, deque
from datetime import datetime
from threading import RLock
from typing import TYPE_CHECKING, Any, Final

from app.sandbox.facturapi.certificates import (
    Certificate,
    Kind,
    Unreadable,
    WrongPassword,
    public_key_of,
    read_certificate,
)
from app.sandbox.facturapi.errors import RETRY_AFTER_SECONDS, Refused
from app.sandbox.facturapi.keys import Caller, Keys, is_key
from app.sandbox.facturapi.keys import Kind as KeyKind
from app.sandbox.facturapi.organizations import Organization, new_id
from app.sandbox.provider import BadSeed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.sandbox.facturapi.inputs import Search
    from app.sandbox.provider import World

#: Requests that one identity has in `RETRY_AFTER_SECONDS` while limits are on. The service does not publish its own.
READS, WRITES = 40, 10


class Account:
    """All state, behind one lock."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.lock = RLock()
        self.keys = Keys()
        self.organizations: dict[str, Organization] = {}
        #: Numbers of certificates that the SAT no longer stands by.
        self.revoked: set[str] = set()
        self._recent: dict[tuple[str, bool], deque[float]] = defaultdict(deque)

    def add(self, name: str, organization_id: str | None = None) -> Organization:
        """Create an organization with a test key and no live one."""
        made = Organization(id=organization_id or new_id(), created_at=self.world.clock.now())
        made.legal["name"] = name
        self.organizations[made.id] = made
        self.keys.forget(made.id)
        self.keys.renew_test(made.id)
        return made

    def find(self, organization_id: str) -> Organization:
        """Raises Refused."""
        try:
            return self.organizations[organization_id]
        except KeyError:
            raise Refused("organization_not_found") from None

    def delete(self, organization: Organization) -> None:
        """Remove it; its keys die with it."""
        del self.organizations[organization.id]
        self.keys.forget(organization.id)

    def search(self, wanted: Search) -> dict[str, Any]:
        """One page of organizations, newest first."""
        found = [
            one
            for one in reversed(self.organizations.values())
            if one.matches(wanted.text)
            and (wanted.since is None or one.created_at >= wanted.since)
            and (wanted.before is None or one.created_at < wanted.before)
        ]
        start = (wanted.page - 1) * wanted.limit
        return {
            "page": wanted.page,
            "total_pages": -(-len(found) // wanted.limit),
            "total_results": len(found),
            "data": [one.shown() for one in found[start : start + wanted.limit]],
        }

    def keep_to_limits(self, caller: Caller, *, writes: bool) -> None:
        """Count the request of that identity. Raises Refused while limits are on and it made too many."""
        if not self.world.limits:
            return
        recent, now = self._recent[caller.organization_id or "", writes], time.monotonic()
        while recent and recent[0] < now - RETRY_AFTER_SECONDS:
            recent.popleft()
        if len(recent) >= (WRITES if writes else READS):
            raise Refused("rate_limit_exceeded", retry_after=RETRY_AFTER_SECONDS)
        recent.append(now)

    def take_csd(self, organization: Organization, cer: bytes, key: bytes, password: str) -> None:
        """Replace the CSD; its RFC becomes the organization's. Raises Refused."""
        certificate = self._judge("csd", cer, key, password)
        earlier, fiel = organization.legal["tax_id"], organization.fiel.certificate
        if earlier and earlier != certificate.rfc:
            raise Refused("certificate_previous_rfc_mismatch")
        if fiel is not None and fiel.rfc != certificate.rfc:
            raise Refused("certificate_fiel_rfc_mismatch")
        organization.csd.hold(certificate, self.world.clock.now())
        organization.legal["tax_id"] = certificate.rfc

    def take_fiel(self, organization: Organization, cer: bytes, key: bytes, password: str) -> None:
        """Replace the e.firma. Raises Refused."""
        certificate = self._judge("fiel", cer, key, password)
        if organization.csd.certificate is not None and organization.csd.certificate.rfc != certificate.rfc:
            raise Refused("fiel_rfc_mismatch")
        organization.fiel.hold(certificate, self.world.clock.now())

    def _judge(self, kind: Kind, cer: bytes, key: bytes, password: str) -> Certificate:
        """Open both files and say what is wrong with them, by the service's codes."""
        try:
            certificate = read_certificate(cer)
        except Unreadable:
            raise Refused("certificate_invalid" if kind == "csd" else "fiel_invalid") from None
        if certificate.kind != kind:
            raise Refused("csd_required" if kind == "csd" else "fiel_required")
        try:
            public_key = public_key_of(key, password)
        except Unreadable:
            raise Refused("certificate_files_invalid") from None
        except WrongPassword:
            raise Refused("private_key_password_incorrect") from None
        if public_key != certificate.public_key:
            raise Refused("private_key_certificate_mismatch")
        now = self.world.clock.now()
        if now < certificate.not_before:
            raise Refused("certificate_not_yet_valid")
        if now > certificate.not_after:
            raise Refused("certificate_expired")
        if certificate.number in self.revoked:
            raise Refused("certificate_invalid" if kind == "csd" else "fiel_invalid")
        return certificate

    def seed(self, data: Mapping[str, Any]) -> None:
        """Take on `user_keys` and `organizations`; one that is named is as if new. Raises BadSeed."""
        users, organizations = _seeded(data)
        with self.lock:
            for secret in users:
                self.keys.add_user(secret)
            for one in organizations:
                made = self.add(one["name"], one.get("id"))
                if "legal" in one:
                    made.update_legal(one["legal"])
                if "test_key" in one:
                    self.keys.renew_test(made.id, one["test_key"])
                for secret in one.get("live_keys", []):
                    self.keys.add_live(made.id, self.world.clock.now(), secret)


_SEED: Final = {"id", "name", "legal", "test_key", "live_keys"}


def _seeded(data: Any) -> tuple[list[str], list[dict[str, Any]]]:
    """A seed's user keys and organizations, if all of it makes sense."""
    if not isinstance(data, dict) or not data.keys() <= {"user_keys", "organizations"}:
        raise BadSeed("facturapi: an object with user_keys and organizations")
    users, organizations = data.get("user_keys", []), data.get("organizations", [])
    if not isinstance(users, list) or not all(is_key(secret, KeyKind.USER) for secret in users):
        raise BadSeed("facturapi.user_keys: a list of keys that begin with sk_user_")
    if not isinstance(organizations, list):
        raise BadSeed("facturapi.organizations: a list")
    for index, one in enumerate(organizations):
        at = f"facturapi.organizations[{index}]"
        if not isinstance(one, dict) or not one.keys() <= _SEED or not isinstance(one.get("name"), str):
            raise BadSeed(f"{at}: an object with name and, at most, {', '.join(sorted(_SEED - {'name'}))}")
        if not re.fullmatch("[0-9a-f]{24}", str(one.get("id", "0" * 24))):
            raise BadSeed(f"{at}.id: 24 hexadecimal digits")
        if not _is_legal(one.get("legal", {})):
            raise BadSeed(f"{at}.legal: an object of texts, and an address of texts, under the names that it shows")
        if not is_key(one.get("test_key", KeyKind.TEST + "x"), KeyKind.TEST):
            raise BadSeed(f"{at}.test_key: a key that begins with sk_test_")
        live = one.get("live_keys", [])
        if not isinstance(live, list) or not all(is_key(secret, KeyKind.LIVE) for secret in live):
            raise BadSeed(f"{at}.live_keys: a list of keys that begin with sk_live_")
    return users, organizations


def _is_legal(value: Any) -> bool:
    known = Organization(id="", created_at=datetime.min).legal  # noqa: DTZ901 - only its fields are looked at
    if not isinstance(value, dict) or not isinstance(address := value.get("address", {}), dict):
        return False
    texts = [text for name, text in value.items() if name != "address"] + list(address.values())
    within = value.keys() <= known.keys() and address.keys() <= known["address"].keys()
    return within and all(isinstance(text, str) for text in texts)

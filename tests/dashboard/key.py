"""A passkey in software: says what a device's would, and whatever else a test wants of it."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from typing import Any, Final

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from flask.testing import FlaskClient
from webauthn.helpers import bytes_to_base64url as written

from tests.dashboard.conftest import ORIGIN, token_of

#: What the device says of the moment: somebody is there, and it is its owner; a key comes along.
PRESENT, OWNER, WITH_KEY = 0x01, 0x04, 0x40
HOST: Final = "localhost"


class Key:
    """One key, for one account of one site."""

    def __init__(self) -> None:
        self.id = secrets.token_bytes(16)
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.signatures = 0
        self.handle: str | None = None

    def make(self, options: Mapping[str, Any], *, flags: int = PRESENT | OWNER, origin: str = ORIGIN) -> str:
        """What the browser brings back when the key was made."""
        self.handle = str(options["user"]["id"])
        point = self.private.public_key().public_numbers()
        public = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")})
        held = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + public
        attested = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": self._said(flags | WITH_KEY) + held})
        client = _client("webauthn.create", options, origin)
        return self._answer(
            clientDataJSON=written(client), attestationObject=written(attested), transports=["internal"]
        )

    def use(self, options: Mapping[str, Any], *, flags: int = PRESENT | OWNER, origin: str = ORIGIN) -> str:
        """What the browser brings back when the key was used."""
        self.signatures += 1
        said, client = self._said(flags), _client("webauthn.get", options, origin)
        signature = self.private.sign(said + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return self._answer(
            clientDataJSON=written(client),
            authenticatorData=written(said),
            signature=written(signature),
            userHandle=self.handle,
        )

    def _said(self, flags: int) -> bytes:
        return hashlib.sha256(HOST.encode()).digest() + bytes([flags]) + self.signatures.to_bytes(4, "big")

    def _answer(self, **response: Any) -> str:
        name = written(self.id)
        shown = {"id": name, "rawId": name, "type": "public-key", "clientExtensionResults": {}, "response": response}
        return json.dumps(shown)


def _client(kind: str, options: Mapping[str, Any], origin: str) -> bytes:
    return json.dumps({"type": kind, "challenge": options["challenge"], "origin": origin}).encode()


def asked(client: FlaskClient, page: str, path: str) -> dict[str, Any]:
    """What the page's script is given to ask a key."""
    headers = {"Origin": ORIGIN, "X-CSRF-Token": token_of(client.get(page))}
    answer = client.post(path, headers=headers)
    assert answer.status_code == 200, answer.text
    options: dict[str, Any] = answer.get_json()
    return options

"""Everything that can be handed in through the API, each with secrets in it, and a provider that quotes them."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import SecretStr

from app.providers import registry
from app.providers.operation import MIB
from app.sandbox.sat import issue
from app.tenants import connections
from app.tenants.models import Environment
from app.tenants.vault import Vault
from tests.acceptance.leaks import WINDOW, window
from tests.relay.files import SPOILT
from tests.relay.house import House
from tests.relay.samples import SAMPLES, Given, Sample

PASSWORD: Final = 'Canario "ñ" en/la+mina & '
#: FormKiQ's connection by a token, which its account's key has nothing to do with.
BY_TOKEN: Final = "formkiq-token"
#: Statuses with which a provider quotes.
STATUSES: Final = (400, 401, 403, 409, 429, 500)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """One thing to hand in, well and badly, and by which request it reaches the provider."""

    #: Connection and operation, as the API's address has them.
    way: str
    sample: Sample
    good: Given
    bad: Given
    #: What must not be found, by name.
    secrets: Mapping[str, bytes] = field(repr=False)
    #: Method and the beginning of the path, for faults.
    request: Mapping[str, str]

    @property
    def order(self) -> dict[str, Any]:
        return {"provider": self.sample.connection, **self.request}

    def quotes(self, status: int, *said: str) -> dict[str, Any]:
        """A fault that says all that again; a bucket does so in XML."""
        return (quotes_in_xml if self.request["path"] == "/" else quotes)(status, *said)


def everything(house: House) -> list[Handed]:
    """Every operation of every provider; FormKiQ's by a key and by a token, inline and by the bucket."""
    handed = [_handed(house, sample, sample.operation, min(sample.size, 5 * MIB)) for sample in SAMPLES]
    by_key = next(sample for sample in SAMPLES if sample.connection == "formkiq")
    handed += [
        _handed(house, by_key, by_key.operation, 3000),
        _handed(house, by_key, f"{BY_TOKEN}/document", 3000),
        _handed(house, by_key, f"{BY_TOKEN}/document", 5 * MIB),
    ]
    assert {one.sample.operation for one in handed} == {one.slug for one in registry.operations()}
    return handed


def _handed(house: House, sample: Sample, way: str, size: int) -> Handed:
    request = {"method": sample.method, "path": sample.target(house)}
    if sample.connection == "formkiq" and size < MIB:
        request = {"method": "POST", "path": "/formkiq/jwt/documents" if BY_TOKEN in way else "/formkiq/documents"}
    make = _file if sample.streams else _legal if sample.operation == "facturapi/legal" else _seal
    good, bad, hidden = make(house, sample, size)
    told = {f"{way} of {size}: {name}": secret for name, secret in hidden.items()}
    return Handed(way=way, sample=sample, good=good, bad=bad, secrets=told, request=request)


def _file(house: House, sample: Sample, size: int) -> tuple[Given, Given, dict[str, bytes]]:
    filename, content_type, content = sample.file(size)
    hidden = content[size // 2 : size // 2 + WINDOW]
    if sample.type != "png":  # whose every byte counts
        hidden = secrets.token_hex(WINDOW // 2).encode()
        content = content[: size // 2] + hidden + content[size // 2 + WINDOW :]
    fields = dict(sample.fields(house))
    spoilt = SPOILT["png" if sample.type == "png" else "eicar"](content)
    good, bad = ({"files": {"file": (filename, content_type, one)}, "fields": fields} for one in (content, spoilt))
    return good, bad, {"the file's middle": hidden}


def _seal(_house: House, sample: Sample, _size: int) -> tuple[Given, Given, dict[str, bytes]]:
    made = issue(kind="fiel" if sample.operation.endswith("fiel") else "csd", password=PASSWORD + secrets.token_hex(4))
    octets = "application/octet-stream"
    files = {"cer": ("a.cer", octets, made.cer), "key": ("a.key", octets, made.key)}
    hidden = {
        "password": made.password.encode(),
        "key, its middle": window(made.key, at=len(made.key) // 2),
        "certificate, its signature": window(made.cer, at=len(made.cer) - 100),
    }
    good = {"files": files, "fields": {"password": made.password}}
    return good, {"files": files, "fields": {"password": made.password + "!"}}, hidden


def _legal(house: House, sample: Sample, _size: int) -> tuple[Given, Given, dict[str, bytes]]:
    assert sample.given
    good = sample.given(house)["json"] | {"phone": secrets.token_hex(12)}
    bad = good | {"tax_system": "000"}
    return {"json": good}, {"json": bad}, {"telephone": good["phone"].encode()}


def add_token(house: House, vault: Vault, *, seconds: int) -> dict[str, str]:
    """Connect FormKiQ by a token that ends so soon, with what renews it; the credential."""
    given = house.sandbox.control(
        "POST", "/formkiq/token", {"groups": ["default"], "use": "access", "seconds": seconds}
    )
    credential = {name: given[name] for name in ("token", "refresh_token", "client_id")}
    settings = {"base_url": f"{house.sandbox.url}/formkiq/jwt", "auth": "token", "site_id": "default"}
    with house.database.transaction(house.organization.id) as session:
        connections.add(
            session,
            vault,
            organization_id=house.organization.id,
            provider="formkiq",
            name=BY_TOKEN,
            environment=Environment.SANDBOX,
            settings=settings,
            credential={name: SecretStr(secret) for name, secret in credential.items()},
        )
    return credential


def quotes(status: int, *said: str) -> dict[str, Any]:
    """A fault: an answer that has what was said to the provider wherever one of them has words, codes or ids."""
    words = "No vale " + " ni ".join(said)
    one = {"message": words, "error": words, "key": said[0], "itemId": said[0], "reason": said[0], "code": said[0]}
    body = one | {
        "status": status,
        "errors": [one],
        "details": [one],
        "validation": {"errors": [one]},
        "correlationId": said[0],
        "canBeRetried": "False",
        "__type": said[0],
    }
    return {"action": "status", "status": status, "body": body, "headers": {"X-Facturapi-Log-Id": said[0]}}


def quotes_in_xml(status: int, *said: str) -> dict[str, Any]:
    """The same as a bucket does."""
    words = " ".join(said).replace("&", "&amp;").replace("<", "&lt;")
    body = f"<Error><Code>{said[0]}</Code><Message>{words}</Message><RequestId>{said[0]}</RequestId></Error>"
    return {"action": "status", "status": status, "body": body}


def credentials(house: House, by_token: Mapping[str, str], one: Handed) -> list[str]:
    """What a provider could quote of one hand-in: the credential, also as it is sent, and what is secret in it."""
    secret = [one.good["fields"]["password"]] if "password" in one.good.get("fields", {}) else []
    if BY_TOKEN in one.way:
        return [_last_token(house), by_token["refresh_token"]]
    key = house.places[one.sample.connection].key
    return [key, "Basic " + base64.b64encode(key.encode()).decode(), *secret]


def signatures(house: House) -> Iterator[tuple[str, bytes]]:
    """Of every presigned address that was used."""
    for number, entry in enumerate(house.sandbox.ledger()):
        for name, _, value in (pair.partition("=") for pair in entry["query"].split("&")):
            if name == "X-Amz-Signature":
                yield f"signature {number} ({entry['method']})", value.encode()


def bearers(house: House) -> Iterator[tuple[str, bytes]]:
    """Of every token that FormKiQ was sent: the end of its signature stands for it."""
    return ((f"token …{token[-6:]}", token[-WINDOW:].encode()) for token in _tokens(house))


def _last_token(house: House) -> str:
    return list(_tokens(house))[-1]


def _tokens(house: House) -> Iterator[str]:
    for entry in house.sandbox.ledger("formkiq"):
        told = str(entry["authorization"] or "")
        if told.startswith("Bearer "):
            yield told.removeprefix("Bearer ")

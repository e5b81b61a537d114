"""The vendors' own packages, unchanged, and the gateway leave the same at the provider for the same hand-in."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pytest

from app.providers import registry
from app.providers.operation import MIB
from tests.relay.house import House
from tests.relay.packages import PACKAGED, UNPACKAGED, Client, Packaged
from tests.relay.samples import Given
from tests.relay.sending import send_json, upload
from tests.sandbox import vendor

pytestmark = pytest.mark.live


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A file to hand in: how large, and how it is called but for its ending."""

    id: str
    size: int = 4_000
    name: str = "plain"
    #: As the gateway passes it on, where that is another.
    cleaned: str | None = None


KINDS: Final = (
    Kind(id="small"),
    Kind(id="large", size=2 * MIB + 12_345),
    Kind(id="spaces", name="Estado de cuenta – año d'enero “1” 日本"),
    # A quote ends the name in a header, for some who read it.
    Kind(id="quoted", name='año "uno" mes', cleaned="año _uno_ mes"),
)
CASES: Final = [(one, kind) for one in PACKAGED for kind in (KINDS if one.sample.streams else KINDS[:1])]
#: Values for what the packages can be given.
FIELDS: Final[Mapping[str, Mapping[str, str]]] = {
    "factify/document": {"title": "Título «1»", "description": "Línea 1, ñ", "access_level": "private"},
    "factify/version": {"description": "Línea 2"},
    "flatfile/file": {"mode": "export"},
}


@pytest.fixture(scope="session", autouse=True)
def _installed() -> None:
    vendor.install()


def test_every_operation_is_compared_or_it_is_said_why_not() -> None:
    compared = [one.operation for one in PACKAGED]
    assert sorted([*compared, *UNPACKAGED]) == sorted(one.slug for one in registry.operations())


@pytest.mark.parametrize(("packaged", "kind"), CASES, ids=[f"{one.operation}-{kind.id}" for one, kind in CASES])
def test_both_leave_the_same(house: House, packaged: Packaged, kind: Kind) -> None:
    key = house.places["factify"].key
    house.sandbox.control("POST", "/factify/processing", {"key": key, "result": "ready", "seconds": 0})
    given = something(house, packaged, kind)
    with Client.of(house, packaged.sample.connection) as client:
        house.sandbox.control("DELETE", "/ledger")
        reference = packaged.hand_in(client, given)
        theirs, their_back = arrived(house, packaged), packaged.back(client, reference)
        house.sandbox.control("DELETE", "/ledger")
        reference = through_the_gateway(house, packaged, given)
        ours, our_back = arrived(house, packaged), packaged.back(client, reference)
    differs = dict(packaged.differs)
    if kind.cleaned and not packaged.renames:
        name = given["files"]["file"][0]
        differs["file 1's name"] = (name.replace(kind.name, kind.cleaned), name)
        our_back = renamed(our_back, kind.cleaned, kind.name)
    found = {what: (ours.get(what), theirs.get(what)) for what in ours | theirs}
    assert {what: pair for what, pair in found.items() if pair[0] != pair[1]} == differs
    assert our_back == their_back
    contents = [content for _, _, content in given.get("files", {}).values()]
    assert [ours[f"file {number}'s SHA-256"] for number, _ in enumerate(contents, 1)] == [
        hashlib.sha256(content).hexdigest() for content in contents
    ]
    assert "content" not in our_back or our_back["content"] == contents[0]


def something(house: House, packaged: Packaged, kind: Kind) -> Given:
    """What both are given."""
    sample = packaged.sample
    if sample.given:
        return sample.given(house)
    most = registry.operation(packaged.operation).parts[0].max_bytes
    filename, content_type, content = sample.file(min(kind.size, most * 9 // 10))
    name = f"{kind.name}.{filename.rpartition('.')[2]}"
    fields = {**sample.fields(house), **FIELDS.get(packaged.operation, {})}
    return {"files": {"file": (name, content_type, content)}, "fields": fields}


def renamed(told: Any, ours: str, theirs: str) -> Any:
    """The same with file names as the package gave them."""
    if isinstance(told, dict):
        return {name: renamed(value, ours, theirs) for name, value in told.items()}
    return told.replace(ours, theirs) if isinstance(told, str) else told


def through_the_gateway(house: House, packaged: Packaged, given: Given) -> str | None:
    """Hand it in by the API; what the provider called it."""
    if "json" in given:
        answer = send_json(house, packaged.operation, given["json"])
    else:
        # A browser's way to write a quote within quotes.
        files = {part: (name.replace('"', "%22"), *rest) for part, (name, *rest) in given["files"].items()}
        answer = upload(house, packaged.operation, fields=given["fields"], files=files)
    assert answer.status == 201, answer
    reference: str | None = answer.body["reference"]
    return reference


def arrived(house: House, packaged: Packaged) -> dict[str, Any]:
    """The one request that handed in, as the ledger has it; boundary and order of its parts are everybody's own."""
    (entry,) = packaged.sample.arrivals(house)
    assert (entry["complete"], entry["status"]) == (True, 200)
    told = {name: entry[name] for name in ("method", "path", "query", "authorization")}
    told["body"] = entry["headers"]["Content-Type"].partition(";")[0]
    files = [part for part in entry["parts"] if part["filename"] is not None]
    for number, part in enumerate(files, 1):
        names = {"part": "name", "name": "filename", "type": "content_type", "size": "size", "SHA-256": "sha256"}
        told |= {f"file {number}'s {what}": part[name] for what, name in names.items()}
    return told | {f"text {part['name']}": part["sha256"] for part in entry["parts"] if part["filename"] is None}

"""Addresses of ours in the place of those that a store signed, so that the bytes put there are checked, too.

Such an address is sealed: nobody reads the store's from it, or goes around the gateway by it. It holds the token that
it was asked for with, and is worth no more than that token is at the time.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Final, Self
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import tink

from app.delivery.calls import Whole
from app.errors import Refusal
from app.passthrough.entrance import Entrance
from app.services import services
from app.tenants.models import Organization

if TYPE_CHECKING:
    from tink.aead import Aead

#: Where they begin; no provider is called so.
PREFIX: Final = "/proxy/-/"
#: What the longest that a store signs for is taken to be where its address does not say.
LONGEST: Final = timedelta(hours=48)
#: Bytes of an organization's id, which stand before what is sealed under its key.
_ID_BYTES: Final = 16
_SPACE: Final = " \t\r\n"


class NoSuchPlace(Refusal):
    """The address is none that was given out, or was changed."""

    slug: ClassVar[str] = "bad-place"
    status: ClassVar[int] = 403


class PlaceEnded(Refusal):
    """The time for which the store signed it is over."""

    slug: ClassVar[str] = "place-ended"
    status: ClassVar[int] = 403


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """What such an address stands for."""

    token: str = field(repr=False)
    organization: str
    connection: str
    #: As the store signed it.
    url: str = field(repr=False)
    #: What the provider calls that which the bytes are of.
    reference: str
    #: How it was described when it was announced; empty where it was not.
    path: str = ""
    content_type: str = ""
    #: Unix seconds.
    until: float

    def seal(self, cipher: Aead, organization_id: UUID) -> str:
        """The address's path."""
        plain = zlib.compress(json.dumps(asdict(self)).encode())
        sealed = organization_id.bytes + cipher.encrypt(plain, _place(organization_id))
        return PREFIX + base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    @classmethod
    def unseal(cls, written: str) -> Self:
        """What the end of a path stands for; raises NoSuchPlace."""
        try:
            sealed = base64.b64decode(written + "=" * (-len(written) % 4), altchars=b"-_", validate=True)
            organization_id = UUID(bytes=sealed[:_ID_BYTES])
        except (binascii.Error, ValueError):
            raise NoSuchPlace from None
        with services().database.transaction(organization_id) as session:
            if session.get(Organization, organization_id) is None:
                raise NoSuchPlace
            cipher = services().vault.cipher(session, organization_id)
        try:
            plain = cipher.decrypt(sealed[_ID_BYTES:], _place(organization_id))
        except tink.TinkError:
            raise NoSuchPlace from None
        return cls(**json.loads(zlib.decompress(plain)))

    def check(self, now: datetime) -> None:
        """Raise PlaceEnded where its time is over."""
        if now.timestamp() >= self.until:
            raise PlaceEnded


def replaced(way: Entrance, token: str, answer: Whole, member: str, described: Mapping[str, str]) -> Whole:
    """The answer with an address of ours in that member; byte for byte the same around it. Raises ValueError.

    `described`: the `reference`, `path` and `content_type` of what is to be put there.
    """
    written = answer.content.decode()
    start, end = _member(written, member)
    url = json.loads(written[start:end])
    if not isinstance(url, str):
        raise ValueError("not an address")  # noqa: TRY004 - of an answer
    organization_id = way.destination.organization.id
    placed = Placed(
        token=token,
        organization=way.destination.organization.slug,
        connection=way.destination.connection.name,
        url=url,
        until=(services().clock() + _seconds(url)).timestamp(),
        **described,
    )
    with services().database.transaction(organization_id) as session:
        cipher = services().vault.cipher(session, organization_id)
    ours = services().settings.public_url.rstrip("/") + placed.seal(cipher, organization_id)
    content = (written[:start] + json.dumps(ours) + written[end:]).encode()
    kept = [(name, value) for name, value in answer.headers if name.lower() not in {"content-length", "etag"}]
    return Whole(
        status=answer.status,
        reason=answer.reason,
        headers=[*kept, ("Content-Length", str(len(content)))],
        content=content,
    )


def _member(written: str, wanted: str) -> tuple[int, int]:
    """Where the value of a JSON object's own member begins and ends; raises ValueError where there is none."""
    decoder, at = json.JSONDecoder(), _skip(written, 0)
    if written[at : at + 1] != "{":
        raise ValueError("no object")
    while written[at : at + 1] in {"{", ","}:
        at = _skip(written, at + 1)
        if written[at : at + 1] != '"':
            break
        name, at = decoder.raw_decode(written, at)
        start = _skip(written, _skip(written, at) + 1)
        _, end = decoder.raw_decode(written, start)
        if name == wanted:
            return start, end
        at = _skip(written, end)
    raise ValueError("no such member")


def _skip(written: str, at: int) -> int:
    while written[at : at + 1] and written[at] in _SPACE:
        at += 1
    return at


def _seconds(url: str) -> timedelta:
    """For how long a store signed it."""
    try:
        asked = int(parse_qs(urlsplit(url).query)["X-Amz-Expires"][0])
        return min(timedelta(seconds=asked), LONGEST)
    except (KeyError, ValueError, OverflowError):
        return LONGEST


def _place(organization_id: UUID) -> bytes:
    return f"ventanilla/place/1|{organization_id}".encode()

"""The pages of receipts: one to print, one at which anybody checks one, and the keys that they are checked with.

What a page shows of a receipt comes from what was signed, never from rows that may have changed since.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self
from uuid import UUID

import segno
from flask import Response, jsonify, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from markupsafe import Markup

from app.errors import N_, Refusal
from app.portal import entrance, forms
from app.portal.entrance import HandedIn
from app.portal.errors import NothingHere, ReceiptMissing
from app.portal.language import size
from app.portal.pages import portal
from app.providers import registry
from app.records import receipts
from app.records.models import Receipt
from app.records.signing import Keys
from app.services import services
from app.tenants import doors, organizations

#: How much of a hash is compared by eye.
PRINT: Final = 16
#: As people read it: hashes and signatures in groups.
GROUP: Final = 8
#: By which way in it came, in words.
THROUGH: Final = {
    "form": N_("the form on this site"),
    "link": N_("a personal link"),
    "token": N_("a service of theirs"),
    "gateway": N_("this gateway"),
}
__all__ = ["portal"]

KEYS_TYPE: Final = "application/jwk-set+json"
#: A new key is published before anybody could hold what it signed for long.
KEYS_KEPT: Final = "public, max-age=300"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A receipt as it is read: what was signed, and what stands beside that."""

    body: Mapping[str, Any]
    hash: str
    signature: str

    @classmethod
    def of(cls, receipt: Receipt) -> Self:
        return cls(body=receipts.told(receipt), hash=receipt.hash.hex(), signature=receipt.signature.hex())

    @classmethod
    def of_file(cls, shown: bytes, keys: Keys) -> Self:
        """One that somebody shows; raises ReceiptRefused unless one of the keys signed it."""
        receipts.check(shown, keys)
        told = json.loads(shown)
        return cls(body=told["receipt"], hash=told["hash"], signature=told["signature"])

    @property
    def provider(self) -> str:
        """The provider's own name."""
        provider: str = self.body["delivery"]["provider"]
        return registry.provider(provider).title

    @property
    def operation(self) -> str:
        operation: str = self.body["delivery"]["operation"]
        return str(gettext(registry.operation(operation).title))

    @property
    def through(self) -> str:
        way = THROUGH[self.body["upload"]["through"]["kind"]]
        return str(gettext(way))

    @property
    def number(self) -> str:
        return f"{self.body['number']:06d}"

    @property
    def address(self) -> str:
        """Where anybody can compare it."""
        return public_address(UUID(self.body["id"]))

    @property
    def qr(self) -> Markup:
        """The same to be read by a phone: a drawing without a style of its own, which the pages' policy would drop."""
        code = segno.make(self.address, error="m", micro=False)
        drawn = code.svg_inline(border=4, omitsize=True, svgclass="code", lineclass=None, dark="#000", light="#fff")
        return Markup(drawn)  # noqa: S704 - drawn by the library, from an address of ours

    def files(self) -> list[tuple[str, str, str | None]]:
        """Name, size and hash of each."""
        return [(one["name"], size(int(one["size"] or 0)), one["sha256"]) for one in self.body["upload"]["files"]]


@portal.get("/o/<token>/receipt")
def receipt(token: str) -> ResponseReturnValue:
    """Show the receipt of what was delivered, to be printed or kept."""
    handed_in = entrance.by_outcome(token)
    paper = Paper.of(_sealed(handed_in))
    return render_template("portal/receipt.html", paper=paper, token=token)


@portal.get("/o/<token>/receipt.json")
def receipt_file(token: str) -> ResponseReturnValue:
    """Give the receipt's file."""
    found = _sealed(entrance.by_outcome(token))
    response = Response(receipts.file(found), content_type=receipts.MEDIA_TYPE)
    response.headers.set("Content-Disposition", "attachment", filename=receipts.filename(receipts.told(found)))
    return response


@portal.get("/verify")
def verify() -> ResponseReturnValue:
    """Ask for a receipt."""
    return _verify()


@portal.post("/verify")
def verified() -> ResponseReturnValue:
    """Say whether what is shown is a receipt of ours, as it was signed."""
    try:
        shown = forms.receive_receipt()
        if shown is None:
            raise ReceiptMissing
        with services().database.doors() as session:
            trusted = Keys.load(session)
        paper = Paper.of_file(shown, trusted)
    except Refusal as refusal:
        return _verify(refusal)
    return render_template("portal/verified.html", paper=paper, kept=_is_kept(paper))


@portal.get("/verify/<uuid:receipt_id>")
def known(receipt_id: UUID) -> ResponseReturnValue:
    """Say of a receipt what its holder can compare, and nothing else: this address may come into anybody's hands."""
    found = _find(receipt_id)
    if found is None:
        raise NothingHere
    with services().database.transaction(found.organization_id) as session:
        organization = organizations.get(session, found.organization_id)
    entrance.arrive(organization)
    return render_template("portal/known.html", paper=Paper.of(found), prefix=grouped(found.hash.hex()[:PRINT]))


@portal.get("/.well-known/ventanilla-keys.json")
def keys() -> ResponseReturnValue:
    """Publish the keys that sign receipts, for whoever checks them elsewhere."""
    with services().database.doors() as session:
        response = jsonify(Keys.load(session).published())
    response.content_type = KEYS_TYPE
    response.headers["Cache-Control"] = KEYS_KEPT
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@portal.app_template_filter("moment")
def moment(text: str) -> datetime:
    """A time as it was signed, for the filters that write one out."""
    return datetime.fromisoformat(text)


@portal.app_template_filter("grouped")
def grouped(digits: str) -> str:
    """Digits in groups, as an eye can follow them."""
    return " ".join(digits[start : start + GROUP] for start in range(0, len(digits), GROUP))


def public_address(receipt_id: UUID) -> str:
    """Where a receipt can be compared by whoever holds it."""
    return services().settings.public_url + url_for("portal.known", receipt_id=receipt_id)


def _verify(refusal: Refusal | None = None) -> tuple[str, int]:
    page = render_template("portal/verify.html", form=forms.bare(), refusal=refusal)
    return page, refusal.status if refusal else 200


def _sealed(handed_in: HandedIn) -> Receipt:
    with services().database.transaction(handed_in.organization.id) as session:
        found = receipts.of_upload(session, handed_in.upload.id)
    if found is None:
        raise NothingHere
    return found


def _find(receipt_id: UUID) -> Receipt | None:
    place = doors.receipt(services().database, receipt_id)
    if place is None:
        return None
    with services().database.transaction(place.organization_id) as session:
        return receipts.find(session, place.id)


def _is_kept(paper: Paper) -> bool:
    """Whether it is the one that is kept here too."""
    found = _find(UUID(paper.body["id"]))
    return found is not None and found.hash.hex() == paper.hash

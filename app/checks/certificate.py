"""Judges a CSD or an e.firma before it is sent: certificate, key and password, in the order that helps a person most.

Kind comes before validity, so that an expired e.firma is still called an e.firma; everything about the certificate
comes before the key, and nothing is decrypted before all that can be known without doing so is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import SecretStr

from app.checks import pkcs8, sat
from app.checks.errors import Rejected
from app.checks.sat import Kind, Reading, UnreadableError
from app.checks.shapes import MAXIMUM_BYTES, Shape, shape

#: The verdict on the other kind, by the one that is asked for.
_WRONG_KIND: Final[dict[Kind, str]] = {"csd": "fiel_not_csd", "fiel": "csd_not_fiel"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What is worth knowing of a certificate that passed. `branch` is a CSD's alone."""

    kind: Kind
    rfc: str
    legal_name: str
    branch: str | None
    number: str
    not_before: datetime
    not_after: datetime

    @property
    def test(self) -> bool:
        """Whether it comes from the SAT's test authority: told by the number, since issuers' names differ."""
        return self.number.startswith(("2", "3"))

    def facts(self) -> dict[str, Any]:
        """The same, fit for JSON."""
        return {
            "kind": self.kind,
            "rfc": self.rfc,
            "legal_name": self.legal_name,
            "branch": self.branch,
            "number": self.number,
            "not_before": self.not_before.isoformat(),
            "not_after": self.not_after.isoformat(),
            "test": self.test,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A certificate that passed, and the form of the password that opens its key: the one to hand on."""

    certificate: Certificate
    password: SecretStr


def check(
    cer: bytes | None,
    key: bytes | None,
    password: SecretStr | None,
    *,
    kind: Kind,
    expected_rfc: str | None,
    now: datetime,
) -> Accepted:
    """Raise Rejected with the first verdict that applies, or say what passed."""
    cer, key, password = _all_there(cer, key, password)
    _refuse_wrong_files(cer, key)
    reading = _read(cer)
    certificate = check_certificate(reading, kind=kind, expected_rfc=expected_rfc, now=now)
    _refuse_other_keys(key)
    opened = pkcs8.open_key(key, password)
    if opened.public_key != reading.public_key:
        raise Rejected("pair_mismatch", field="key")
    if opened.encoding != "utf-8":
        # The provider would take the text for UTF-8, and the key would not open there.
        raise Rejected("password_encoding", field="password")
    return Accepted(certificate=certificate, password=opened.password)


def check_certificate(reading: Reading, *, kind: Kind, expected_rfc: str | None, now: datetime) -> Certificate:
    """Raise Rejected with what a certificate is refused for whatever its key is, or say what is known of it."""
    certificate = _refuse_other_certificates(reading, kind, expected_rfc)
    _refuse_outside_validity(certificate, now)
    return certificate


def _all_there(cer: bytes | None, key: bytes | None, password: SecretStr | None) -> tuple[bytes, bytes, SecretStr]:
    if not cer:
        raise Rejected("missing", field="cer")
    if not key:
        raise Rejected("missing", field="key")
    if not password:
        raise Rejected("missing", field="password")
    return cer, key, password


def _refuse_wrong_files(cer: bytes, key: bytes) -> None:
    """Mistakes of choosing, told by size and shape."""
    files = {"cer": cer, "key": key}
    for name, data in files.items():
        if len(data) > MAXIMUM_BYTES:
            raise Rejected("too_large", field=name)
    shapes = {name: shape(data) for name, data in files.items()}
    if shapes["cer"] in {Shape.PROTECTED_KEY, Shape.PLAIN_KEY} and _is_certificate(key):
        raise Rejected("swapped", field="cer")
    for name, found in shapes.items():
        if found is Shape.TEXT:
            raise Rejected("not_der", field=name)
    if shapes["cer"] is not Shape.SIGNED:
        raise Rejected("cer_unreadable", field="cer")


def _is_certificate(data: bytes) -> bool:
    if shape(data) is not Shape.SIGNED:
        return False
    try:
        sat.read(data)
    except UnreadableError:
        return False
    return True


def _read(cer: bytes) -> Reading:
    try:
        return sat.read(cer)
    except UnreadableError:
        raise Rejected("cer_unreadable", field="cer") from None


def _refuse_other_certificates(reading: Reading, kind: Kind, expected_rfc: str | None) -> Certificate:
    if reading.kind not in {kind, None}:
        raise Rejected(_WRONG_KIND[kind], field="cer")
    if reading.kind is None or reading.number is None or reading.rfc is None:
        raise Rejected("not_sat", field="cer")
    if expected_rfc is not None and reading.rfc != expected_rfc.strip().upper():
        raise Rejected("rfc_mismatch", field="cer", rfc=reading.rfc, expected=expected_rfc)
    return Certificate(
        kind=reading.kind,
        rfc=reading.rfc,
        legal_name=reading.legal_name,
        branch=reading.branch,
        number=reading.number,
        not_before=reading.not_before,
        not_after=reading.not_after,
    )


def _refuse_outside_validity(certificate: Certificate, now: datetime) -> None:
    """Both ends count as valid."""
    if now < certificate.not_before:
        raise Rejected("not_yet_valid", field="cer", date=certificate.not_before)
    if now > certificate.not_after:
        raise Rejected("expired", field="cer", date=certificate.not_after)


def _refuse_other_keys(key: bytes) -> None:
    found = shape(key)
    if found is Shape.PLAIN_KEY:
        raise Rejected("key_decrypted", field="key")
    if found is not Shape.PROTECTED_KEY:
        raise Rejected("key_unreadable", field="key")

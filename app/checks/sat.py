"""Reads the SAT's certificates, which a strict parser refuses: T61String names, and an issuer with stray bytes (AC6).

Nothing is verified here. A shape catches mistakes, not forgeries; whether a certificate is good the SAT decides. Of a
company's legal representative the certificate holds RFC and CURP: they are passed over and kept nowhere.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from pyasn1.codec.der.decoder import decode
from pyasn1.codec.der.encoder import encode
from pyasn1_modules import rfc5280

from app.checks import der

Kind = Literal["csd", "fiel"]

_RFC: Final = re.compile(r"[A-ZÑ&]{3,4}[0-9]{6}[A-Z0-9]{2}[0-9A]")
_NUMBER_DIGITS: Final = 20
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]+")

_UNIQUE_IDENTIFIER: Final = "2.5.4.45"
_BRANCH: Final = "2.5.4.11"
#: Name, organization, common name: equal on the SAT's certificates.
_LEGAL_NAME: Final = ("2.5.4.41", "2.5.4.10", "2.5.4.3")
_KEY_USAGE: Final = "2.5.29.15"
_EXTENDED_KEY_USAGE: Final = "2.5.29.37"

_SEAL_USAGE: Final = frozenset({"digitalSignature", "nonRepudiation"})
_FIEL_USAGE: Final = frozenset({"dataEncipherment", "keyAgreement"})


class UnreadableError(Exception):
    """These bytes are no certificate, or not all of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What stands in a certificate, not judged yet. None: it is not there, or not as the SAT writes it."""

    kind: Kind | None
    rfc: str | None
    legal_name: str
    branch: str | None
    number: str | None
    not_before: datetime
    not_after: datetime
    #: SubjectPublicKeyInfo in DER.
    public_key: bytes


def read(data: bytes) -> Reading:
    """Read a certificate of bounded size; raises UnreadableError."""
    # Broken bytes are answered by the decoder with whatever it stumbles over, and with some of them in its message.
    with suppress(Exception):
        return _read(data)
    raise UnreadableError


def _read(data: bytes) -> Reading:
    tbs = _decode(data, rfc5280.Certificate())["tbsCertificate"]
    subject = _attributes(tbs["subject"])
    identifier = subject.get(_UNIQUE_IDENTIFIER, "").partition("/")[0].strip().upper()
    return Reading(
        kind=_kind(_extensions(tbs), branch=_BRANCH in subject),
        rfc=identifier if _RFC.fullmatch(identifier) else None,
        legal_name=next(filter(None, map(subject.get, _LEGAL_NAME)), ""),
        branch=subject.get(_BRANCH),
        number=_number(int(tbs["serialNumber"])),
        not_before=_moment(tbs["validity"]["notBefore"]),
        not_after=_moment(tbs["validity"]["notAfter"]),
        public_key=encode(tbs["subjectPublicKeyInfo"]),
    )


def _decode(data: bytes, schema: Any) -> Any:
    value, rest = decode(data, asn1Spec=schema)
    if rest:
        raise UnreadableError
    return value


def _attributes(name: Any) -> Mapping[str, str]:
    """Each kind of attribute with its first value; the types of the strings are taken as they are."""
    attributes: dict[str, str] = {}
    for relative in name["rdnSequence"]:
        for attribute in relative:
            attributes.setdefault(str(attribute["type"]), _text(der.only_element(bytes(attribute["value"]))))
    return attributes


def _text(element: der.Element) -> str:
    if element.tag == der.BMP_STRING:
        text = element.content.decode("utf-16-be")
    else:
        try:
            text = element.content.decode("utf-8")
        except UnicodeDecodeError:
            text = element.content.decode("latin-1")
    # Names are shown and recorded; a control character has no place in either.
    return unicodedata.normalize("NFC", _CONTROLS.sub(" ", text)).strip()


def _number(serial: int) -> str | None:
    """The SAT's number: the serial's twenty bytes are its digits in ASCII."""
    if not 0 <= serial < 1 << 8 * _NUMBER_DIGITS:
        return None
    digits = serial.to_bytes(_NUMBER_DIGITS, "big")
    return digits.decode("ascii") if digits.isdigit() else None


def _moment(time: Any) -> datetime:
    """UTCTime or GeneralizedTime as RFC 5280 has them: to the second and in UTC."""
    text = str(time.getComponent())
    if time.getName() == "utcTime":
        text = ("19" if text[:2] >= "50" else "20") + text
    if not re.fullmatch(r"[0-9]{14}Z", text):
        raise UnreadableError
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _extensions(tbs: Any) -> Mapping[str, bytes]:
    extensions = tbs["extensions"]
    if not extensions.isValue:
        return {}
    return {str(extension["extnID"]): bytes(extension["extnValue"]) for extension in extensions}


def _kind(extensions: Mapping[str, bytes], *, branch: bool) -> Kind | None:
    """Both ways that are in use, together: by branch alone, or by extensions alone, each takes strangers for one."""
    usage = _usage(extensions.get(_KEY_USAGE))
    extended = _EXTENDED_KEY_USAGE in extensions
    if branch and usage == _SEAL_USAGE and not extended:
        return "csd"
    if not branch and (usage & _FIEL_USAGE or extended):
        return "fiel"
    return None


def _usage(extension: bytes | None) -> frozenset[str]:
    if extension is None:
        return frozenset()
    bits = _decode(extension, rfc5280.KeyUsage())
    names = rfc5280.KeyUsage.namedValues
    return frozenset(name for name, position in names.items() if position < len(bits) and bits[position])

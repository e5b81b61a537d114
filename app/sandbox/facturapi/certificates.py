"""Opens the files of a CSD or an e.firma the way the service would: by reading them, not by trusting the caller."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key
from pyasn1.codec.der import decoder, encoder
from pyasn1.error import PyAsn1Error
from pyasn1.type import char, univ
from pyasn1_modules import rfc5208, rfc5280, rfc8018

Kind = Literal["csd", "fiel"]

#: A forged count would keep a thread busy for minutes; the SAT's keys have 2,048.
MOST_ITERATIONS = 200_000

_UNIQUE_IDENTIFIER, _UNIT = "2.5.4.45", "2.5.4.11"
_KEY_USAGE, _EXTENDED_KEY_USAGE = "2.5.29.15", "2.5.29.37"
_DATA_ENCIPHERMENT, _KEY_AGREEMENT = 3, 4


class Unreadable(ValueError):  # noqa: N818 - named for what is wrong
    """Not the kind of file that it was sent as, or damaged."""


class WrongPassword(ValueError):  # noqa: N818 - named for what is wrong
    """The file is an encrypted key, and the password does not open it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What the service takes from a `.cer`."""

    kind: Kind
    number: str
    rfc: str
    not_before: datetime
    not_after: datetime
    #: SubjectPublicKeyInfo, DER.
    public_key: bytes


def read_certificate(der: bytes) -> Certificate:
    """Read a `.cer`. Raises Unreadable for anything that is not one of the SAT's."""
    try:
        certificate, rest = decoder.decode(der, asn1Spec=rfc5280.Certificate())
        if rest:
            raise Unreadable
        return _read(certificate["tbsCertificate"])
    except (PyAsn1Error, ValueError, KeyError, OverflowError, RecursionError):
        raise Unreadable from None


def public_key_of(der: bytes, password: str) -> bytes:
    """Open a `.key` and return the public half as SubjectPublicKeyInfo. Raises Unreadable or WrongPassword."""
    try:
        envelope, rest = decoder.decode(der, asn1Spec=rfc5208.EncryptedPrivateKeyInfo())
        scheme, _ = decoder.decode(envelope["encryptionAlgorithm"]["parameters"], asn1Spec=rfc8018.PBES2_params())
        derivation, _ = decoder.decode(scheme["keyDerivationFunc"]["parameters"], asn1Spec=rfc8018.PBKDF2_params())
        if rest or int(derivation["iterationCount"]) > MOST_ITERATIONS:
            raise Unreadable
    except (PyAsn1Error, ValueError, RecursionError):
        raise Unreadable from None
    try:
        key = load_der_private_key(der, password.encode())
    except UnsupportedAlgorithm:
        raise Unreadable from None
    except (ValueError, TypeError):  # the latter for an empty one
        raise WrongPassword from None
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _read(fields: Any) -> Certificate:
    subject = {
        str(pair["type"]): _text(bytes(pair["value"])) for names in fields["subject"]["rdnSequence"] for pair in names
    }
    extensions = {str(one["extnID"]): bytes(one["extnValue"]) for one in fields["extensions"]}
    serial = int(fields["serialNumber"])
    number = serial.to_bytes(20, "big").decode("ascii")
    rfc = subject[_UNIQUE_IDENTIFIER].partition("/")[0].strip().upper()
    if not number.isdecimal() or len(rfc) not in {12, 13}:
        raise Unreadable
    return Certificate(
        kind=_kind(subject, extensions),
        number=number,
        rfc=rfc,
        not_before=_time(fields["validity"]["notBefore"]),
        not_after=_time(fields["validity"]["notAfter"]),
        public_key=encoder.encode(fields["subjectPublicKeyInfo"]),
    )


def _kind(subject: dict[str, str], extensions: dict[str, bytes]) -> Kind:
    """An e.firma may encrypt and agree on keys; a seal only signs, and names its branch."""
    usage, _ = decoder.decode(extensions[_KEY_USAGE], asn1Spec=univ.BitString())
    bits = {index for index, bit in enumerate(usage) if bit}
    if _EXTENDED_KEY_USAGE in extensions or bits & {_DATA_ENCIPHERMENT, _KEY_AGREEMENT}:
        kind: Kind = "fiel"
    else:
        kind = "csd"
    if (kind == "csd") != (_UNIT in subject):
        raise Unreadable
    return kind


def _text(value: bytes) -> str:
    """An attribute's text, whatever string type and encoding the SAT chose for it."""
    string = decoder.decode(value)[0]
    content = bytes(string)
    if isinstance(string, char.BMPString):
        return content.decode("utf-16-be")
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _time(choice: Any) -> datetime:
    moment: datetime = choice.getComponent().asDateTime
    return moment

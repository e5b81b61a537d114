"""A factory of certificates shaped like the SAT's, for the demo and the tests; nothing of it was ever the SAT's.

The names, the numbers and the authority are made up, so no signature leads anywhere. The quirks are real ones: a number
that is twenty ASCII digits, T61String names, an issuer with bytes that its string type does not allow. `cryptography`
cannot write those (it can hardly read them), so the certificate is encoded with pyasn1 and signed by hand.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final, Literal

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes, padding, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from pyasn1.codec.der.decoder import decode
from pyasn1.codec.der.encoder import encode
from pyasn1.type import char, univ, useful
from pyasn1_modules import rfc5280, rfc5958, rfc8018

Kind = Literal["csd", "fiel", "selfmade", "selfsigned"]
CipherName = Literal["3des", "aes128", "aes256"]

#: Four years, as the SAT gives.
LIFETIME: Final = timedelta(days=1461)
#: Rounds really spent on a key; a larger count is only written into it.
MOST_ROUNDS: Final = 100_000

_UNIQUE_IDENTIFIER: Final = univ.ObjectIdentifier("2.5.4.45")
_UNSTRUCTURED_NAME: Final = univ.ObjectIdentifier("1.2.840.113549.1.9.2")
_NETSCAPE_CERT_TYPE: Final = univ.ObjectIdentifier("2.16.840.1.113730.1.1")
_SHA256_WITH_RSA: Final = univ.ObjectIdentifier("1.2.840.113549.1.1.11")
_TEXT_OF_PRINTABLE: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?")


class _LoosePrintable(char.PrintableString):
    """What the authority AC6 writes: tagged PrintableString, with bytes that are not."""

    encoding = "utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Profile:
    """What tells one kind of certificate from another. `usage` names bits of KeyUsage."""

    branch: bool
    usage: tuple[str, ...]
    extended: bool = False


_SEAL: Final = ("digitalSignature", "nonRepudiation")
_PROFILES: Final[dict[Kind, _Profile]] = {
    "csd": _Profile(branch=True, usage=_SEAL),
    "fiel": _Profile(branch=False, usage=(*_SEAL, "dataEncipherment", "keyAgreement"), extended=True),
    # Two look-alikes: with a seal's key usage but no branch, and with a branch but no key usage.
    "selfmade": _Profile(branch=False, usage=_SEAL),
    "selfsigned": _Profile(branch=True, usage=()),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _CipherShape:
    algorithm: type[TripleDES | AES]
    key_bytes: int
    block_bytes: int
    oid: univ.ObjectIdentifier


_CIPHERS: Final[dict[CipherName, _CipherShape]] = {
    "3des": _CipherShape(algorithm=TripleDES, key_bytes=24, block_bytes=8, oid=rfc8018.des_EDE3_CBC),
    "aes128": _CipherShape(algorithm=AES, key_bytes=16, block_bytes=16, oid=rfc8018.aes128_CBC_PAD),
    "aes256": _CipherShape(algorithm=AES, key_bytes=32, block_bytes=16, oid=rfc8018.aes256_CBC_PAD),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A certificate, its key and its password, with what was written into them."""

    cer: bytes = field(repr=False)
    key: bytes = field(repr=False)
    password: str = field(repr=False)
    kind: Kind
    rfc: str | None
    legal_name: str
    branch: str | None
    number: str | None
    not_before: datetime
    not_after: datetime


def issue(
    *,
    kind: Kind = "csd",
    rfc: str | None = "EKU9003173C9",
    name: str = "ESCUELA KEMPER URGATE SA DE CV",
    branch: str = "Sucursal 1",
    number: str | None = "30001000000500003416",
    representative: tuple[str, str] = ("TEST800101AB1", "TEST800101HDFXXX09"),
    not_before: datetime | None = None,
    not_after: datetime | None = None,
    pair: str = "first",
    password: str = "12345678a",  # noqa: S107 - what everybody's test keys have
    password_encoding: str = "utf-8",  # noqa: S107 - nor is this one a secret
    iterations: int = 2048,
    cipher: CipherName = "3des",
    decrypted: bool = False,
    t61: bool = False,
    bmp: bool = False,
    ac6_issuer: bool = False,
) -> Issued:
    """Make a certificate and its key.

    Without `rfc` or `number` there is none in it (the serial is then a random one). A company's RFC (12 characters)
    goes with its `representative` (RFC, CURP). Unless said otherwise it began a year ago and lasts four. `pair` names
    the key pair: equal names share it within a process. `t61` and `bmp` choose the string type of all subject texts.
    """
    begins = not_before or datetime.now(UTC).replace(microsecond=0) - timedelta(days=365)
    ends = not_after or begins + LIFETIME
    profile = _PROFILES[kind]
    written_branch = branch if profile.branch else None
    text = _Text(char.TeletexString if t61 else char.BMPString if bmp else None)
    key = _key_pair(pair)
    cer = _certificate(
        subject=_subject(
            text=text, kind=kind, rfc=rfc, name=name, branch=written_branch, representative=representative
        ),
        issuer=_issuer(ac6=ac6_issuer),
        serial=int.from_bytes(number.encode("ascii") if number else b"\x01" + os.urandom(19), "big"),
        validity=(begins, ends),
        profile=profile,
        key=key,
    )
    plain = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Issued(
        cer=cer,
        key=plain if decrypted else protect(plain, password.encode(password_encoding), iterations, cipher),
        password=password,
        kind=kind,
        rfc=rfc,
        legal_name=name,
        branch=written_branch,
        number=number,
        not_before=begins,
        not_after=ends,
    )


def protect(plain: bytes, password: bytes, iterations: int = 2048, cipher: CipherName = "3des") -> bytes:
    """Encrypt a PKCS#8 key as the SAT does: PBES2, PBKDF2 with HMAC-SHA1. A huge count is written, not spent."""
    shape = _CIPHERS[cipher]
    salt, vector = os.urandom(8), os.urandom(shape.block_bytes)
    rounds = max(1, min(iterations, MOST_ROUNDS))
    # SHA-1 is what the SAT's own keys are made with.
    derived = PBKDF2HMAC(hashes.SHA1(), shape.key_bytes, salt, rounds).derive(password)  # noqa: S303
    padder = padding.PKCS7(shape.block_bytes * 8).padder()
    encryptor = Cipher(shape.algorithm(derived), CBC(vector)).encryptor()
    body = encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()

    derivation = rfc8018.PBKDF2_params()
    derivation["salt"]["specified"] = salt
    derivation["iterationCount"] = iterations
    scheme = rfc8018.PBES2_params()
    scheme["keyDerivationFunc"]["algorithm"] = rfc8018.id_PBKDF2
    scheme["keyDerivationFunc"]["parameters"] = derivation
    scheme["encryptionScheme"]["algorithm"] = shape.oid
    scheme["encryptionScheme"]["parameters"] = univ.OctetString(vector)
    envelope = rfc5958.EncryptedPrivateKeyInfo()
    envelope["encryptionAlgorithm"]["algorithm"] = rfc8018.id_PBES2
    envelope["encryptionAlgorithm"]["parameters"] = scheme
    envelope["encryptedData"] = body
    return _der(envelope)


def _der(value: Any) -> bytes:
    return bytes(encode(value))


_making_keys = threading.Lock()


def _key_pair(name: str) -> rsa.RSAPrivateKey:
    with _making_keys:  # two threads asking at once would each get another key of the same name
        return _new_key(name)


@cache
def _new_key(_name: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass(frozen=True, slots=True)
class _Text:
    """Chooses the string type of subject texts; None is PrintableString where it can be, else UTF8String."""

    forced: type[char.AbstractCharacterString] | None

    def __call__(self, value: str) -> char.AbstractCharacterString:
        if self.forced:
            return self.forced(value)
        return char.PrintableString(value) if _TEXT_OF_PRINTABLE.issuperset(value) else char.UTF8String(value)


def _subject(
    *,
    text: _Text,
    kind: Kind,
    rfc: str | None,
    name: str,
    branch: str | None,
    representative: tuple[str, str],
) -> rfc5280.Name:
    attributes: list[tuple[univ.ObjectIdentifier, Any]] = [
        (oid, text(name)) for oid in (rfc5280.id_at_commonName, rfc5280.id_at_name, rfc5280.id_at_organizationName)
    ]
    if kind == "fiel":
        attributes += [
            (rfc5280.id_at_countryName, char.PrintableString("MX")),
            (rfc5280.id_emailAddress, char.IA5String("pruebas@ventanilla.example")),
        ]
    if rfc is not None:
        company = len(rfc) == 12
        owner_rfc, owner_curp = representative
        attributes += [
            (_UNIQUE_IDENTIFIER, text(f"{rfc} / {owner_rfc}" if company else rfc)),
            (rfc5280.id_at_serialNumber, text(f" / {owner_curp}" if company else f"{rfc[:10]}HDFXXX09")),
        ]
    if branch is not None:
        attributes.append((rfc5280.id_at_organizationalUnitName, text(branch)))
    return _name(attributes)


def _issuer(*, ac6: bool) -> rfc5280.Name:
    responsible = "Responsable: Administración de pruebas" if ac6 else "Responsable: Administracion de pruebas"
    return _name(
        [
            (rfc5280.id_at_commonName, char.UTF8String("AC DE PRUEBAS DE VENTANILLA")),
            (rfc5280.id_at_organizationName, char.UTF8String("SERVICIO DE CERTIFICADOS DE PRUEBA")),
            (rfc5280.id_at_organizationalUnitName, char.UTF8String("NO ES UNA AUTORIDAD DEL SAT")),
            (rfc5280.id_at_countryName, char.PrintableString("MX")),
            (_UNIQUE_IDENTIFIER, char.PrintableString("2.5.4.45")),
            (_UNSTRUCTURED_NAME, _LoosePrintable(responsible)),
        ]
    )


def _name(attributes: list[tuple[univ.ObjectIdentifier, Any]]) -> rfc5280.Name:
    name = rfc5280.Name()
    name["rdnSequence"] = rfc5280.RDNSequence()
    for position, (oid, value) in enumerate(attributes):
        attribute = rfc5280.AttributeTypeAndValue()
        attribute["type"] = oid
        attribute["value"] = rfc5280.AttributeValue(_der(value))
        name["rdnSequence"][position][0] = attribute
    return name


def _certificate(
    *,
    subject: rfc5280.Name,
    issuer: rfc5280.Name,
    serial: int,
    validity: tuple[datetime, datetime],
    profile: _Profile,
    key: rsa.RSAPrivateKey,
) -> bytes:
    algorithm = rfc5280.AlgorithmIdentifier()
    algorithm["algorithm"] = _SHA256_WITH_RSA
    algorithm["parameters"] = univ.Null("")

    tbs = rfc5280.TBSCertificate()
    tbs["version"] = "v3"
    tbs["serialNumber"] = serial
    tbs["signature"] = algorithm
    tbs["issuer"] = issuer
    tbs["validity"]["notBefore"] = _time(validity[0])
    tbs["validity"]["notAfter"] = _time(validity[1])
    tbs["subject"] = subject
    tbs["subjectPublicKeyInfo"], _ = decode(
        key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
        asn1Spec=rfc5280.SubjectPublicKeyInfo(),
    )
    for position, (oid, critical, value) in enumerate(_extensions(profile)):
        extension = rfc5280.Extension()
        extension["extnID"] = oid
        extension["critical"] = critical
        extension["extnValue"] = _der(value)
        tbs["extensions"][position] = extension

    certificate = rfc5280.Certificate()
    certificate["tbsCertificate"] = tbs
    certificate["signatureAlgorithm"] = algorithm
    signature = _key_pair("authority").sign(_der(tbs), PKCS1v15(), hashes.SHA256())
    certificate["signature"] = univ.BitString.fromOctetString(signature)
    return _der(certificate)


def _extensions(profile: _Profile) -> list[tuple[univ.ObjectIdentifier, bool, Any]]:
    extensions: list[tuple[univ.ObjectIdentifier, bool, Any]] = [
        (rfc5280.id_ce_basicConstraints, True, rfc5280.BasicConstraints())
    ]
    if profile.usage:
        extensions.append((rfc5280.id_ce_keyUsage, False, rfc5280.KeyUsage(",".join(profile.usage))))
    if profile.extended:
        purposes = rfc5280.ExtKeyUsageSyntax()
        purposes.extend([rfc5280.id_kp_emailProtection, rfc5280.id_kp_clientAuth])
        extensions += [
            (_NETSCAPE_CERT_TYPE, False, univ.BitString("101")),
            (rfc5280.id_ce_extKeyUsage, False, purposes),
        ]
    return extensions


def _time(moment: datetime) -> rfc5280.Time:
    """UTCTime through 2049, as RFC 5280 has it."""
    time = rfc5280.Time()
    moment = moment.astimezone(UTC)
    if moment.year < 2050:
        time["utcTime"] = useful.UTCTime(moment.strftime("%y%m%d%H%M%SZ"))
    else:
        time["generalTime"] = useful.GeneralizedTime(moment.strftime("%Y%m%d%H%M%SZ"))
    return time

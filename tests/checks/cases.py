"""Every verdict on a certificate, as files that get it: the one table that the tests of each face go through.

Files are made when first asked for. All are judged at `NOW`, the moment of import, with a day to spare at least, so
that they get the same verdict from a gateway whose clock cannot be set.
"""

from __future__ import annotations

import base64
import dataclasses
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from io import BytesIO
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    load_der_private_key,
    pkcs12,
)

from app.checks.sat import Kind
from app.checks.shapes import MAXIMUM_BYTES
from app.sandbox.sat import Issued, issue

NOW: Final = datetime.now(UTC).replace(microsecond=0)
DAY: Final = timedelta(days=1)

_PBES2: Final = bytes.fromhex("06092a864886f70d01050d")
_MD5_DES: Final = bytes.fromhex("06092a864886f70d010503")
_PBKDF2: Final = bytes.fromhex("06092a864886f70d01050c")
_PBMAC1: Final = bytes.fromhex("06092a864886f70d01050e")


@dataclass(frozen=True, kw_only=True)
class Files:
    """What somebody hands in."""

    cer: bytes
    key: bytes
    password: str


@dataclass(frozen=True, kw_only=True)
class Case:
    """Files, what they are judged by, and the verdict, with the field that it belongs next to."""

    id: str
    make: Callable[[], Files]
    verdict: str = "ok"
    field: str | None = None
    #: Values of the verdict's sentence.
    params: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    #: Where it is `ok`: some of the facts, and the password to hand on if it is not the one given.
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    forwarded: str | None = None
    kind: Kind = "csd"
    expected_rfc: str | None = None
    now: datetime = NOW

    @cached_property
    def files(self) -> Files:
        return self.make()

    @property
    def cer(self) -> bytes:
        return self.files.cer

    @property
    def key(self) -> bytes:
        return self.files.key

    @property
    def password(self) -> str:
        return self.files.password


_Choose = Callable[[Issued], bytes]


def issued(
    *, cer: _Choose | None = None, key: _Choose | None = None, typed: str | None = None, **made: Any
) -> Callable[[], Files]:
    """What the factory makes of `made`; `cer`, `key` and `typed` put something else in the place of each."""

    def make() -> Files:
        one = issue(**made)
        return Files(
            cer=cer(one) if cer else one.cer,
            key=key(one) if key else one.key,
            password=one.password if typed is None else typed,
        )

    return make


def as_pem(data: bytes, label: str = "CERTIFICATE") -> bytes:
    return b"-----BEGIN %b-----\n%b-----END %b-----\n" % (label.encode(), base64.encodebytes(data), label.encode())


def as_zip(data: bytes) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("csd.cer", data)
    return buffer.getvalue()


def _private(one: Issued) -> RSAPrivateKey:
    key = load_der_private_key(one.key, one.password.encode())
    assert isinstance(key, RSAPrivateKey)
    return key


def as_pfx(one: Issued) -> bytes:
    certificate = x509.load_der_x509_certificate(one.cer)
    return pkcs12.serialize_key_and_certificates(
        None, _private(one), certificate, None, BestAvailableEncryption(one.password.encode())
    )


def as_request(one: Issued) -> bytes:
    """What SAT's program makes together with the key, and customers take for the certificate (.req)."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, one.legal_name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(_private(one), hashes.SHA256())
    return request.public_bytes(Encoding.DER)


def as_signed_message(data: bytes) -> bytes:
    """The outside of PKCS#7, which an .sdg is: an object identifier, then the rest in a context tag."""
    inner = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x82" + len(data).to_bytes(2, "big") + data
    return b"\x30\x82" + len(inner).to_bytes(2, "big") + inner


_PASSED: Final = (
    Case(
        id="company",
        make=issued(not_before=NOW - DAY, not_after=NOW + DAY),
        facts={
            "kind": "csd",
            "rfc": "EKU9003173C9",
            "legal_name": "ESCUELA KEMPER URGATE SA DE CV",
            "branch": "Sucursal 1",
            "number": "30001000000500003416",
            "not_before": (NOW - DAY).isoformat(),
            "not_after": (NOW + DAY).isoformat(),
            "test": True,
        },
    ),
    Case(
        id="production",
        make=issued(number="00001000000500003416"),
        facts={"number": "00001000000500003416", "test": False},
    ),
    Case(
        id="individual",
        make=issued(rfc="CACX7605101P8", name="XOCHILT CASAS CHAVEZ"),
        facts={"rfc": "CACX7605101P8", "legal_name": "XOCHILT CASAS CHAVEZ"},
    ),
    Case(id="rfc-as-expected", make=issued(), expected_rfc=" eku9003173c9 "),
    Case(id="ampersand", make=issued(rfc="H&E951128469"), facts={"rfc": "H&E951128469"}),
    Case(
        id="t61-strings",
        make=issued(rfc="OÑO120726RX3", name="ORGÁNICOS ÑAVEZ", branch="MONTAÑA  1 ", t61=True),
        facts={"rfc": "OÑO120726RX3", "legal_name": "ORGÁNICOS ÑAVEZ", "branch": "MONTAÑA  1"},
    ),
    Case(
        id="bmp-strings",
        make=issued(rfc="OÑO120726RX3", name="ORGÁNICOS ÑAVEZ", bmp=True),
        facts={"rfc": "OÑO120726RX3", "legal_name": "ORGÁNICOS ÑAVEZ", "branch": "Sucursal 1"},
    ),
    Case(id="utf8-strings", make=issued(rfc="OÑO120726RX3"), facts={"rfc": "OÑO120726RX3"}),
    Case(id="rfc-in-small-letters", make=issued(rfc="oño120726rx3"), facts={"rfc": "OÑO120726RX3"}),
    Case(id="issuer-ac6", make=issued(ac6_issuer=True)),
    Case(id="controls-in-branch", make=issued(branch="Sucursal\x00\n1"), facts={"branch": "Sucursal 1"}),
    Case(id="name-like-pem", make=issued(name="-----BEGIN A NAME")),
    Case(id="blank-branch", make=issued(branch=" "), facts={"branch": ""}),
    Case(
        id="beyond-2049",
        make=issued(not_after=datetime(2051, 1, 2, 3, 4, 5, tzinfo=UTC)),
        facts={"not_after": "2051-01-02T03:04:05+00:00"},
    ),
    Case(id="key-aes128", make=issued(cipher="aes128")),
    Case(id="key-aes256", make=issued(cipher="aes256")),
    Case(id="most-rounds", make=issued(iterations=100_000)),
    Case(id="password-with-space", make=issued(typed=" 12345678a "), forwarded="12345678a"),
    Case(id="password-of-spaces-around", make=issued(password=" a b "), forwarded=" a b "),
    Case(id="password-accented", make=issued(password="Contraseña1")),
    Case(
        id="password-decomposed",
        make=issued(password="Contraseña1", typed="Contrasen\u0303a1"),
        forwarded="Contraseña1",
    ),
    Case(id="password-beyond-latin-1", make=issued(password="contraseña€")),
    Case(id="fiel", kind="fiel", make=issued(kind="fiel"), facts={"kind": "fiel", "branch": None}),
)

_MISSING: Final = (
    Case(id="no-cer", make=issued(cer=lambda _: b""), verdict="missing", field="cer"),
    Case(id="no-key", make=issued(key=lambda _: b""), verdict="missing", field="key"),
    Case(id="no-password", make=issued(typed=""), verdict="missing", field="password"),
)

_WRONG_FILES: Final = (
    Case(
        id="large-cer",
        make=issued(cer=lambda one: one.cer.ljust(MAXIMUM_BYTES + 1)),
        verdict="too_large",
        field="cer",
    ),
    Case(
        id="large-key",
        make=issued(key=lambda one: one.key.ljust(MAXIMUM_BYTES + 1)),
        verdict="too_large",
        field="key",
    ),
    Case(
        id="largest-cer",
        make=issued(cer=lambda one: one.cer.ljust(MAXIMUM_BYTES)),
        verdict="cer_unreadable",
        field="cer",
    ),
    Case(
        id="swapped",
        make=issued(cer=lambda one: one.key, key=lambda one: one.cer),
        verdict="swapped",
        field="cer",
    ),
    Case(
        id="swapped-decrypted",
        make=issued(cer=lambda one: one.key, key=lambda one: one.cer, decrypted=True),
        verdict="swapped",
        field="cer",
    ),
    Case(
        id="key-and-request",
        make=issued(cer=lambda one: one.key, key=as_request),
        verdict="cer_unreadable",
        field="cer",
    ),
    Case(id="pem-cer", make=issued(cer=lambda one: as_pem(one.cer)), verdict="not_der", field="cer"),
    Case(
        id="pem-behind-text",
        make=issued(cer=lambda one: b"Bag Attributes: <none>\n" + as_pem(one.cer)),
        verdict="not_der",
        field="cer",
    ),
    Case(
        id="base64-cer",
        make=issued(cer=lambda one: base64.encodebytes(one.cer)),
        verdict="not_der",
        field="cer",
    ),
    Case(
        id="pem-key",
        make=issued(key=lambda one: as_pem(one.key, "ENCRYPTED PRIVATE KEY")),
        verdict="not_der",
        field="key",
    ),
)

_NO_CERTIFICATE: Final[Mapping[str, _Choose]] = {
    "zip": lambda one: as_zip(one.cer),
    "pfx": as_pfx,
    "req": as_request,
    "sdg": lambda one: as_signed_message(one.cer),
    "key-twice": lambda one: one.key,
    "cut": lambda one: one.cer[:-10],
    "trailing-newline": lambda one: one.cer + b"\n",
    "too-short": lambda one: one.cer[:499],
    "set-of-it": lambda one: b"\x31" + one.cer[1:],
    "other": lambda _: bytes(1000),
}

_WRONG_CERTIFICATES: Final = (
    *(
        Case(id=f"cer-{name}", make=issued(cer=choose), verdict="cer_unreadable", field="cer")
        for name, choose in _NO_CERTIFICATE.items()
    ),
    Case(id="fiel-for-csd", make=issued(kind="fiel"), verdict="fiel_not_csd", field="cer"),
    Case(
        id="fiel-expired-for-csd",
        make=issued(kind="fiel", not_after=NOW - DAY),
        verdict="fiel_not_csd",
        field="cer",
    ),
    Case(id="csd-for-fiel", kind="fiel", make=issued(), verdict="csd_not_fiel", field="cer"),
    Case(id="csd-without-branch", make=issued(kind="selfmade"), verdict="not_sat", field="cer"),
    Case(id="selfsigned", make=issued(kind="selfsigned", rfc=None, number=None), verdict="not_sat", field="cer"),
    Case(id="selfsigned-for-fiel", kind="fiel", make=issued(kind="selfsigned"), verdict="not_sat", field="cer"),
    Case(id="no-number", make=issued(number=None), verdict="not_sat", field="cer"),
    Case(id="short-number", make=issued(number="3000100000050000341"), verdict="not_sat", field="cer"),
    Case(id="long-number", make=issued(number="300010000005000034160"), verdict="not_sat", field="cer"),
    Case(id="no-rfc", make=issued(rfc=None), verdict="not_sat", field="cer"),
    Case(id="malformed-rfc", make=issued(rfc="EKU900317-3C9"), verdict="not_sat", field="cer"),
    Case(id="rfc-in-other-digits", make=issued(rfc="EKU٩٠٠٣١٧3C9"), verdict="not_sat", field="cer"),
    Case(
        id="rfc-of-another",
        make=issued(),
        expected_rfc="CACX7605101P8",
        verdict="rfc_mismatch",
        field="cer",
        params={"rfc": "EKU9003173C9", "expected": "CACX7605101P8"},
    ),
    Case(
        id="too-early",
        make=issued(not_before=NOW + DAY),
        verdict="not_yet_valid",
        field="cer",
        params={"date": NOW + DAY},
    ),
    Case(
        id="too-late",
        make=issued(not_after=NOW - DAY),
        verdict="expired",
        field="cer",
        params={"date": NOW - DAY},
    ),
)

_NO_KEY: Final[Mapping[str, _Choose]] = {
    "cut": lambda one: one.key[:-1],
    "cer-twice": lambda one: one.cer,
    "trailing-newline": lambda one: one.key + b"\n",
    "too-short": lambda one: one.key[:499],
    "other": lambda _: bytes(1000),
    "rounds-forged": lambda _: issue(iterations=2**31).key,
    "rounds-one-too-many": lambda _: issue(iterations=100_001).key,
    "pkcs5-v1": lambda one: one.key.replace(_PBES2, _MD5_DES),
    "other-derivation": lambda one: one.key.replace(_PBKDF2, _PBMAC1),
    "no-parameters": lambda one: one.key.replace(_PBES2 + b"\x30", _PBES2 + b"\x31"),
}

_WRONG_KEYS: Final = (
    Case(id="key-decrypted", make=issued(decrypted=True), verdict="key_decrypted", field="key"),
    *(
        Case(id=f"key-{name}", make=issued(key=choose), verdict="key_unreadable", field="key")
        for name, choose in _NO_KEY.items()
    ),
    Case(id="other-capitals", make=issued(typed="12345678A"), verdict="wrong_password", field="password"),
    Case(id="space-inside", make=issued(typed="1234 5678a"), verdict="wrong_password", field="password"),
    Case(id="only-spaces", make=issued(typed="   "), verdict="wrong_password", field="password"),
    Case(
        id="password-of-decomposed-letters",
        make=issued(password="Contrasen\u0303a1"),
        verdict="wrong_password",
        field="password",
    ),
    Case(
        id="key-damaged",
        make=issued(key=lambda one: one.key[:-8] + bytes(8)),
        verdict="wrong_password",
        field="password",
    ),
    Case(
        id="key-of-another-branch",
        make=issued(key=lambda _: issue(pair="second").key),
        verdict="pair_mismatch",
        field="key",
    ),
    Case(
        id="password-latin-1",
        make=issued(password="Contraseña1", password_encoding="latin-1"),
        verdict="password_encoding",
        field="password",
    ),
    Case(
        id="password-latin-1-with-space",
        make=issued(password="Contraseña1", password_encoding="latin-1", typed="Contraseña1 "),
        verdict="password_encoding",
        field="password",
    ),
)

CASES: Final = (*_PASSED, *_MISSING, *_WRONG_FILES, *_WRONG_CERTIFICATES, *_WRONG_KEYS)

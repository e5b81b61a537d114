"""Certificates and keys put together from parts that no factory would choose."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pyasn1.codec.der.decoder import decode
from pyasn1.codec.der.encoder import encode
from pyasn1.type import char, univ, useful
from pyasn1_modules import rfc5208, rfc5280, rfc8017

from app.sandbox.sat import issue, protect
from tests.checks.cases import NOW

PASSWORD = "Contraseña secreta"
GENUINE = issue(not_before=NOW - timedelta(days=1), password=PASSWORD)

#: The count in a key, 2,048, as it is encoded.
ROUNDS = b"\x02\x02\x08\x00"
#: Mersenne primes: known, and of any size that an attacker likes.
P, Q = 2**2203 - 1, 2**2281 - 1


def rebuilt(**changed: Any) -> bytes:
    """The genuine certificate with parts of its inside put in anew; its signature is not right any more."""
    certificate, _ = decode(GENUINE.cer, asn1Spec=rfc5280.Certificate())
    for name, value in changed.items():
        certificate["tbsCertificate"][name] = value if value is not None else univ.noValue
    return bytes(encode(certificate))


def name_of(count: int, value: bytes, oid: str = "2.5.4.3") -> rfc5280.Name:
    name = rfc5280.Name()
    name["rdnSequence"] = rfc5280.RDNSequence()
    for position in range(count):
        attribute = rfc5280.AttributeTypeAndValue()
        attribute["type"] = univ.ObjectIdentifier(oid)
        attribute["value"] = rfc5280.AttributeValue(value)
        name["rdnSequence"][position][0] = attribute
    return name


def extended_by(*added: tuple[univ.ObjectIdentifier, bytes]) -> rfc5280.Extensions:
    extensions = rfc5280.Extensions().subtype(explicitTag=rfc5280.tag.Tag(128, 32, 3))
    for oid, value in added:
        extension = rfc5280.Extension()
        extension["extnID"] = oid
        extension["extnValue"] = value
        extensions.append(extension)
    return extensions


def nested(depth: int) -> bytes:
    data = b""
    for _ in range(depth):
        head = b"\x82" + len(data).to_bytes(2, "big") if len(data) > 127 else bytes([len(data)])
        data = b"\x30" + head + data
    return data


def validity_from(begins: str) -> rfc5280.Validity:
    validity = rfc5280.Validity()
    validity["notBefore"]["utcTime"] = useful.UTCTime(begins)
    validity["notAfter"]["generalTime"] = useful.GeneralizedTime("20991231235959Z")
    return validity


LONG_OID = "2.5.4." + ".".join(["9" * 60] * 400)
KEY_USAGE = rfc5280.id_ce_keyUsage


def text(value: str = "a") -> bytes:
    return bytes(encode(char.UTF8String(value)))


def many_bits() -> bytes:
    return bytes(encode(univ.BitString((1,) * 100_000)))


def rsa_of(p: int, q: int, **changed: int) -> bytes:
    """A protected key with these factors, and whatever else is given changed."""
    d = pow(65537, -1, (p - 1) * (q - 1))
    numbers = {
        "version": 0,
        "modulus": p * q,
        "publicExponent": 65537,
        "privateExponent": d,
        "prime1": p,
        "prime2": q,
        "exponent1": d % (p - 1),
        "exponent2": d % (q - 1),
        "coefficient": pow(q, -1, p),
    } | changed
    key = rfc8017.RSAPrivateKey()
    for name, value in numbers.items():
        key[name] = value
    return protected(rfc8017.rsaEncryption, univ.Null(""), encode(key))


def dsa_of(bits: int) -> bytes:
    """A protected DSA key: the library works out its public half, in a power of numbers of any size."""
    parameters = univ.Sequence()
    for position, value in enumerate(((1 << bits) - 1, (1 << bits - 3) - 1, (1 << bits - 5) - 1)):
        parameters[position] = univ.Integer(value)
    secret = encode(univ.Integer((1 << bits - 4) - 1))
    return protected(univ.ObjectIdentifier("1.2.840.10040.4.1"), parameters, secret)


def protected(algorithm: univ.ObjectIdentifier, parameters: Any, key: bytes) -> bytes:
    info = rfc5208.PrivateKeyInfo()
    info["version"] = 0
    info["privateKeyAlgorithm"]["algorithm"] = algorithm
    info["privateKeyAlgorithm"]["parameters"] = parameters
    info["privateKey"] = key
    return protect(bytes(encode(info)), PASSWORD.encode())

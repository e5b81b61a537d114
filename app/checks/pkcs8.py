"""Opens the SAT's private keys: PKCS#8 encrypted by PBES2, whose cost is bounded before anything is spent on it.

The file comes from anybody, and what is in it may be forged: a count of rounds that would hold a worker for minutes,
or, once decrypted, numbers so large that the library's own tests of them would. A wrong password is nearly always
noticed by the padding, but one in 256 is not; whatever goes wrong then is a wrong password or a damaged file.
"""

from __future__ import annotations

import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Literal

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPrivateNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key
from pyasn1.codec.der.decoder import decode
from pyasn1_modules import rfc5958, rfc8018
from pydantic import SecretStr

from app.checks.errors import Rejected

#: The SAT's keys have 2,048; a million cost a fifth of a second, and a guess is made up to four times.
MOST_ROUNDS: Final = 100_000
#: The SAT's keys have 1,298, and one of twice the bits 2,500. Of other kinds of key a larger one is slow to load.
MOST_BYTES: Final = 4096

_Encoding = Literal["utf-8", "latin-1"]
_ENCODINGS: Final[tuple[_Encoding, ...]] = ("utf-8", "latin-1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A key that opened: its public half (SubjectPublicKeyInfo in DER) and the form of the password that did it."""

    public_key: bytes
    password: SecretStr
    encoding: _Encoding


def open_key(data: bytes, password: SecretStr) -> Opened:
    """Open an encrypted PKCS#8 file.

    The password is tried as it is (NFC, UTF-8), in Latin-1, and both again without the spaces around it. No other
    variant is: each would be a step of a search for it. Raises Rejected `key_unreadable` or `wrong_password`.
    """
    if not _is_affordable(data):
        raise Rejected("key_unreadable", field="key")
    # What holds the password in the clear has returned before anything is raised: no traceback can show it.
    opened = _try_password(data, password)
    if opened is None:
        raise Rejected("wrong_password", field="password")
    return opened


def _is_affordable(data: bytes) -> bool:
    """Whether it is of bearable size, and PBES2 by PBKDF2 with a count that may be spent."""
    if len(data) > MOST_BYTES:
        return False
    try:
        envelope = _decode(data, rfc5958.EncryptedPrivateKeyInfo())["encryptionAlgorithm"]
        if envelope["algorithm"] != rfc8018.id_PBES2:
            return False
        derivation = _decode(envelope["parameters"], rfc8018.PBES2_params())["keyDerivationFunc"]
        if derivation["algorithm"] != rfc8018.id_PBKDF2:
            return False
        count = int(_decode(derivation["parameters"], rfc8018.PBKDF2_params())["iterationCount"])
    except Exception:  # noqa: BLE001 - the decoder answers broken bytes with whatever it stumbles over
        return False
    return 1 <= count <= MOST_ROUNDS


def _decode(data: Any, schema: Any) -> Any:
    return decode(bytes(data), asn1Spec=schema)[0]


def _try_password(data: bytes, password: SecretStr) -> Opened | None:
    for secret, (text, encoding) in _guesses(password.get_secret_value()).items():
        # Whatever the library stumbles over (its InternalError too), this password did not open this file.
        with suppress(Exception):
            return Opened(public_key=_public_key(data, secret), password=SecretStr(text), encoding=encoding)
    return None


def _public_key(data: bytes, secret: bytes) -> bytes:
    """The public half of a key that opens and is sound; of a key that is not RSA, as the SAT's all are, nothing."""
    # The library's own validation is skipped: it tests the factors for primality, seconds long where they are forged.
    key = load_der_private_key(data, secret, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, RSAPrivateKey):
        return b""
    if not _is_sound(key.private_numbers()):
        raise ValueError("damaged")
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _guesses(text: str) -> dict[bytes, tuple[str, _Encoding]]:
    """What the key may have been made with, by the order of trying, and the text and encoding that each comes from."""
    guesses: dict[bytes, tuple[str, _Encoding]] = {}
    composed = unicodedata.normalize("NFC", text)
    for form in filter(None, (composed, composed.strip())):
        for encoding in _ENCODINGS:
            try:
                guesses.setdefault(form.encode(encoding), (form, encoding))
            except UnicodeEncodeError:  # it holds the password, and is not passed on
                continue
    return guesses


def _is_sound(numbers: RSAPrivateNumbers) -> bool:
    """Whether the numbers belong together; a damaged file that still decrypts is noticed here."""
    p, q, d = numbers.p, numbers.q, numbers.d
    e, n = numbers.public_numbers.e, numbers.public_numbers.n
    return (
        min(p, q) > 1
        and p * q == n
        and d * e % (p - 1) == d * e % (q - 1) == 1
        and numbers.dmp1 == d % (p - 1)
        and numbers.dmq1 == d % (q - 1)
        and numbers.iqmp * q % p == 1
    )

"""Opens the SAT's private keys: PKCS#8 encrypted by PBES2, whose cost is bounded before anything is spent on it.

The file comes from anybody, so everything in it may be forged: a count of rounds that would hold a worker for minutes,
or, once decrypted, numbers so large that the library's own test for primes would. A wrong password is nearly always
noticed by the padding, but one in 256 is not; whatever goes wrong then is a wrong password or a damaged file.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any, Final, Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPrivateNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key
from pyasn1.codec.der.decoder import decode
from pyasn1_modules import rfc5958, rfc8018
from pydantic import SecretStr

from app.checks.errors import Rejected

#: The SAT's keys have 2,048; a million cost a fifth of a second, and a guess is made up to four times.
MOST_ROUNDS: Final = 100_000
#: The SAT's keys have 2,048 bits.
MOST_BITS: Final = 4096

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
    """Whether it is PBES2 by PBKDF2 with a count that may be spent."""
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
    value, rest = decode(bytes(data), asn1Spec=schema)
    if rest:
        raise ValueError("trailing bytes")
    return value


def _try_password(data: bytes, password: SecretStr) -> Opened | None:
    for secret, (text, encoding) in _guesses(password.get_secret_value()).items():
        try:
            # The library's own validation is skipped: it looks for primes of any size, a minute long where forged.
            key = load_der_private_key(data, secret, unsafe_skip_rsa_key_validation=True)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            continue
        if isinstance(key, RSAPrivateKey) and key.key_size <= MOST_BITS and _is_sound(key.private_numbers()):
            public_key = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            return Opened(public_key=public_key, password=SecretStr(text), encoding=encoding)
    return None


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

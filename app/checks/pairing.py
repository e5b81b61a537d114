"""Finds which key belongs to which certificate among many of both, and which of several passwords opens it.

A pair is known by its key alone, never by the names of its files. Every password is tried on every key, so what that
may cost is bounded; each pair is then judged as if it had come alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from pydantic import SecretStr

from app.checks import certificate, pkcs8, sat
from app.checks.certificate import Certificate
from app.checks.errors import Rejected
from app.checks.pkcs8 import Opened
from app.checks.sat import Reading, UnreadableError
from app.checks.shapes import MAXIMUM_BYTES, Shape, shape
from app.errors import Refusal

#: Files of each kind, and passwords, that are looked at together.
MOST: Final = 100
#: How long passwords are tried in all.
SECONDS: Final = 30.0
#: Passwords are told apart by lines.
LONGEST_PASSWORD: Final = 256
#: What is wrong with a file that is neither; None: it is too large to be looked at.
NEITHER: Final = {Shape.PLAIN_KEY: "key_decrypted", Shape.TEXT: "not_der", None: "too_large"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A file that somebody chose."""

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A certificate with its key and password, checked; or the file that is none, and why."""

    #: Names of the files.
    cer: str | None = None
    key: str | None = None
    #: Of a certificate that could be read, though it may have been refused.
    rfc: str | None = None
    refusal: Refusal | None = None
    certificate: Certificate | None = None
    #: What is handed on, of a pair that passed.
    parts: Mapping[str, Given] = field(default_factory=dict, repr=False)
    password: SecretStr | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seal:
    file: Given
    reading: Reading


def pair(
    files: Sequence[Given],
    passwords: Sequence[SecretStr],
    *,
    now: datetime,
    clock: Callable[[], float] = time.monotonic,
    seconds: float = SECONDS,
) -> Sequence[Pair]:
    """Say of every file what it came to: certificates in the order in which they were given, then what is left over."""
    seals, keys, wrong = _sorted(files)
    until = clock() + seconds
    opened = {number: _open(file, passwords, lambda: clock() < until) for number, file in keys.items()}
    by_key = {one.public_key: (keys[number], one) for number, one in opened.items() if one is not None}
    doubtful = None in opened.values()
    pairs = [_judged(seal, by_key.get(seal.reading.public_key), now=now, doubtful=doubtful) for seal in seals]
    sealed = {seal.reading.public_key for seal in seals}
    left = [_alone(keys[number], one) for number, one in opened.items() if one is None or one.public_key not in sealed]
    return [*pairs, *left, *wrong]


def lines(text: str) -> Sequence[SecretStr]:
    """Passwords, a line each; each once, as it is: a space at its end may belong to it."""
    found = dict.fromkeys(line for line in text.replace("\r\n", "\n").split("\n") if line.strip())
    return [SecretStr(line) for line in found if len(line) <= LONGEST_PASSWORD]


def _sorted(files: Sequence[Given]) -> tuple[Sequence[_Seal], Mapping[int, Given], Sequence[Pair]]:
    """Certificates, keys, and what is neither, whatever they are called. The same file counts once."""
    seals: list[_Seal] = []
    keys: dict[int, Given] = {}
    wrong: list[Pair] = []
    seen: set[bytes] = set()
    for number, file in enumerate(files):
        if file.content in seen:
            continue
        seen.add(file.content)
        kind = shape(file.content) if len(file.content) <= MAXIMUM_BYTES else None
        reading = _reading(file) if kind is Shape.SIGNED else None
        if reading is not None:
            seals.append(_Seal(file=file, reading=reading))
        elif kind is Shape.PROTECTED_KEY:
            keys[number] = file
        else:
            wrong.append(Pair(cer=file.name, refusal=Rejected(NEITHER.get(kind, "cer_unreadable"), field="cer")))
    return seals, keys, wrong


def _reading(file: Given) -> Reading | None:
    try:
        return sat.read(file.content)
    except UnreadableError:
        return None


def _open(file: Given, passwords: Sequence[SecretStr], go_on: Callable[[], bool]) -> Opened | None:
    for password in passwords:
        if not go_on():
            return None
        try:
            return pkcs8.open_key(file.content, password)
        except Rejected as refusal:
            if refusal.slug != "wrong_password":
                return None
    return None


def _judged(seal: _Seal, found: tuple[Given, Opened] | None, *, now: datetime, doubtful: bool) -> Pair:
    """Judge a certificate with the key that is its own; without one, what is wrong with it alone comes first."""
    name, rfc = seal.file.name, seal.reading.rfc
    if found is None:
        missing = Rejected("key-not-opened" if doubtful else "key-missing", field="key")
        return Pair(cer=name, rfc=rfc, refusal=_refusal(seal, now) or missing)
    key, opened = found
    try:
        accepted = certificate.check(
            seal.file.content, key.content, opened.password, kind="csd", expected_rfc=None, now=now
        )
    except Rejected as refusal:
        return Pair(cer=name, key=key.name, rfc=rfc, refusal=refusal)
    return Pair(
        cer=name,
        key=key.name,
        rfc=rfc,
        certificate=accepted.certificate,
        parts={"cer": seal.file, "key": key},
        password=accepted.password,
    )


def _alone(key: Given, opened: Opened | None) -> Pair:
    """A key that belongs to nothing that was given, as far as is known."""
    slug = "key-not-opened" if opened is None else "certificate-missing"
    return Pair(key=key.name, refusal=Rejected(slug, field="key"))


def _refusal(seal: _Seal, now: datetime) -> Refusal | None:
    """What a certificate is refused for whatever its key is."""
    try:
        certificate.check_certificate(seal.reading, kind="csd", expected_rfc=None, now=now)
    except Rejected as refusal:
        return refusal
    return None

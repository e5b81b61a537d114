"""Files made to harm: whatever they are, they get a verdict, soon, and nothing of them stays behind."""

from __future__ import annotations

import re
import time
import traceback
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from app.checks import Rejected
from app.checks.certificate import check
from app.checks.shapes import MAXIMUM_BYTES
from app.sandbox.sat import issue
from app.words import CERTIFICATE
from tests.checks.cases import NOW
from tests.checks.forging import (
    GENUINE,
    KEY_USAGE,
    LONG_OID,
    PASSWORD,
    ROUNDS,
    P,
    Q,
    dsa_of,
    extended_by,
    many_bits,
    name_of,
    nested,
    rebuilt,
    rsa_of,
    text,
    validity_from,
)

#: Seconds of computing that every verdict has to do with; the harm meant here takes from several to hundreds.
SOON = 2.0

properties = settings(deadline=None)  # the time that counts is measured below, whatever else the machine is doing


def verdict(cer: bytes = GENUINE.cer, key: bytes = GENUINE.key, password: str = PASSWORD) -> str:
    started = time.thread_time()
    try:
        check(cer, key, SecretStr(password), kind="csd", expected_rfc=None, now=NOW)
    except Rejected as refusal:
        found = refusal.slug
    else:
        found = "ok"
    assert time.thread_time() - started < SOON
    assert found in {"ok", *CERTIFICATE}
    return found


def damaged(data: bytes) -> st.SearchStrategy[bytes]:
    """A file with a few places overwritten, cut out or put in twice."""

    def damage(places: list[tuple[int, int, bytes]]) -> bytes:
        changed = bytearray(data)
        for at, length, put in places:
            changed[at : at + length] = put
        return bytes(changed)

    at = st.integers(0, len(data))
    overwritten = st.builds(lambda start, put: (start, len(put), put), at, st.binary(min_size=1, max_size=4))
    other_length = st.tuples(at, st.integers(0, 8), st.binary(max_size=8))
    return st.lists(overwritten | other_length, min_size=1, max_size=4).map(damage)


@pytest.mark.attack("files", "any bytes for a certificate or a key", "a verdict, and no fault of ours")
@properties
@given(cer=st.binary(), key=st.binary())
def test_any_bytes_get_a_verdict(cer: bytes, key: bytes) -> None:
    assert verdict(cer, key) != "ok"


@properties
@given(
    content=st.binary(min_size=1, max_size=1000),
    head=st.sampled_from([b"\x30\x82\x04\x00", b"\x30\x82\x04\x00\x30", b"\x30\x80", b"\x30\x84\xff\xff\xff\xff"]),
)
def test_any_bytes_in_a_sequence_get_a_verdict(content: bytes, head: bytes) -> None:
    data = (head + content).ljust(1028, b"\0")
    assert verdict(data, data) != "ok"


@properties
@given(damaged(GENUINE.cer))
def test_a_damaged_certificate_gets_a_verdict(cer: bytes) -> None:
    verdict(cer=cer)


@properties
@given(damaged(GENUINE.key))
def test_a_damaged_key_gets_a_verdict(key: bytes) -> None:
    verdict(key=key)


@settings(properties, max_examples=20)
@given(st.text())
def test_any_password_gets_a_verdict(password: str) -> None:
    assert verdict(password=password) in {"missing", "wrong_password"}


def test_an_unpaired_surrogate_is_a_wrong_password() -> None:
    assert verdict(password="\ud800") == "wrong_password"


@pytest.mark.parametrize("position", range(0, len(GENUINE.key), 13))
def test_a_damaged_key_never_passes(position: int) -> None:
    key = bytearray(GENUINE.key)
    key[position] ^= 0x10
    assert verdict(key=bytes(key)) in {"key_unreadable", "wrong_password"}


CERTIFICATES: dict[str, tuple[Callable[[], bytes], str]] = {
    "many names": (lambda: rebuilt(subject=name_of(1000, text())), "not_sat"),
    "long object identifier": (lambda: rebuilt(subject=name_of(1, text(), LONG_OID)), "cer_unreadable"),
    "name nested deeply": (lambda: rebuilt(subject=name_of(1, nested(3500))), "not_sat"),
    "all nested deeply": (lambda: nested(3500), "cer_unreadable"),
    "name of nothing": (lambda: rebuilt(subject=name_of(1, b"")), "cer_unreadable"),
    "name of two strings": (lambda: rebuilt(subject=name_of(1, b"\x0c\x00\x0c\x00")), "cer_unreadable"),
    "name without an end": (lambda: rebuilt(subject=name_of(1, b"\x2c\x80\x00\x00")), "cer_unreadable"),
    "name of an endless length": (lambda: rebuilt(subject=name_of(1, b"\x0c\xff\x01")), "cer_unreadable"),
    "name with a long tag": (lambda: rebuilt(subject=name_of(1, b"\x1f\x81\x01\x00")), "cer_unreadable"),
    "name of a tag alone": (lambda: rebuilt(subject=name_of(1, b"\x0c")), "cer_unreadable"),
    "half a surrogate": (lambda: rebuilt(subject=name_of(1, b"\x1e\x02\xd8\x00")), "cer_unreadable"),
    "serial of a bit too many": (lambda: rebuilt(serialNumber=1 << 160), "not_sat"),
    "huge serial": (lambda: rebuilt(serialNumber=1 << 100_000), "not_sat"),
    "negative serial": (lambda: rebuilt(serialNumber=-1), "not_sat"),
    "no extensions": (lambda: rebuilt(extensions=None), "not_sat"),
    "huge key usage": (lambda: rebuilt(extensions=extended_by((KEY_USAGE, many_bits()))), "not_sat"),
    "short key usage": (lambda: rebuilt(extensions=extended_by((KEY_USAGE, b"\x03\x02\x07\x80"))), "not_sat"),
    "key usage and more": (
        lambda: rebuilt(extensions=extended_by((KEY_USAGE, b"\x03\x02\x06\xc0\x05\x00"))),
        "cer_unreadable",
    ),
    "time without seconds": (lambda: rebuilt(validity=validity_from("2311211200Z")), "cer_unreadable"),
    "time of another zone": (lambda: re.sub(rb"(\x17\x0d\d{12})Z", rb"\1A", GENUINE.cer), "cer_unreadable"),
    "time that never was": (lambda: rebuilt(validity=validity_from("230231120000Z")), "cer_unreadable"),
    "time of the last century": (lambda: rebuilt(validity=validity_from("500101000000Z")), "ok"),
}


@pytest.mark.attack("costly", "a forged certificate that is costly to read", "its verdict within its time")
@pytest.mark.parametrize("bomb", CERTIFICATES)
def test_a_forged_certificate_gets_its_verdict_soon(bomb: str) -> None:
    make, expected = CERTIFICATES[bomb]
    cer = make()
    assert len(cer) <= MAXIMUM_BYTES
    assert verdict(cer=cer) == expected


KEYS: dict[str, tuple[Callable[[], bytes], str]] = {
    "large factors": (lambda: rsa_of(P, Q), "pair_mismatch"),
    "larger factors": (lambda: rsa_of(2**4253 - 1, 2**4423 - 1), "key_unreadable"),
    "large DSA": (lambda: dsa_of(7000), "pair_mismatch"),
    "larger DSA": (lambda: dsa_of(30_000), "key_unreadable"),
    "factors of something else": (lambda: rsa_of(P, Q, modulus=P * Q - 2), "wrong_password"),
    "factor of one": (lambda: rsa_of(P, Q, modulus=P, prime2=1), "wrong_password"),
    "exponent of another key": (lambda: rsa_of(P, Q, privateExponent=3), "wrong_password"),
    "first exponent": (lambda: rsa_of(P, Q, exponent1=3), "wrong_password"),
    "second exponent": (lambda: rsa_of(P, Q, exponent2=3), "wrong_password"),
    "coefficient": (lambda: rsa_of(P, Q, coefficient=3), "wrong_password"),
    "one round": (lambda: issue(iterations=1, password=PASSWORD).key, "ok"),
    "endless rounds": (lambda: issue(iterations=2**64).key, "key_unreadable"),
    "no rounds": (lambda: GENUINE.key.replace(ROUNDS, b"\x02\x02\x00\x00"), "key_unreadable"),
    "fewer rounds than none": (lambda: GENUINE.key.replace(ROUNDS, b"\x02\x02\x80\x00"), "key_unreadable"),
    "parameters and more": (lambda: GENUINE.key.replace(ROUNDS, b"\x02\x00\x02\x00"), "key_unreadable"),
}


@pytest.mark.attack("costly", "a forged key that is costly to open", "its verdict within its time")
@pytest.mark.parametrize("bomb", KEYS)
def test_a_forged_key_gets_its_verdict_soon(bomb: str) -> None:
    make, expected = KEYS[bomb]
    key = make()
    assert 500 <= len(key) <= MAXIMUM_BYTES
    assert verdict(key=key) == expected


def test_no_refusal_carries_the_password() -> None:
    """Neither the refusal nor what it came from, nor the locals of any frame that it went through."""
    for password in (f"{PASSWORD} wrong", f" {PASSWORD}\ud800 "):
        try:
            check(GENUINE.cer, GENUINE.key, SecretStr(password), kind="csd", expected_rfc=None, now=NOW)
        except Rejected as refusal:
            seen = list(everything_in(refusal))
        assert len(seen) > 5
        assert not [what for what in seen if PASSWORD in what]


def everything_in(error: BaseException) -> Iterator[str]:
    while True:
        yield repr(error)
        yield repr(vars(error))
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if "checks" in frame.f_globals["__name__"] and not frame.f_code.co_name.startswith("test_"):
                yield from (repr(value) for value in frame.f_locals.values())
        if error.__context__ is None:
            break
        error = error.__context__

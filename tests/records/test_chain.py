"""Any one byte that is changed in a chain is found, and where; so is what is taken out, put in, or put elsewhere."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from app.records import canonical, chain
from app.records.canonical import NotCanonical
from app.records.chain import Fault, Link, Wrong
from app.records.receipts import TYPE, ReceiptRefused, Written, check
from app.records.signing import Keys, thumbprint

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = PRIVATE.public_key().public_bytes_raw()
KID = thumbprint(PUBLIC)
KEYS = Keys({KID: PUBLIC})
LENGTH = 8


def lines(length: int = LENGTH, **changes: Any) -> list[bytes]:
    """A chain of receipts, as it is exported."""
    made, previous = [], None
    for number in range(1, length + 1):
        body = {"type": TYPE, "id": f"r{number}", "key": KID, "number": number, "previous": previous} | changes
        signed = canonical.dumps(body)
        previous = hashlib.sha256(signed).hexdigest()
        made.append(canonical.dumps({"receipt": body, "hash": previous, "signature": PRIVATE.sign(signed).hex()}))
    return made


CHAIN = [Written.parse(line).link for line in lines()]
END = {LENGTH: CHAIN[-1].hash}


def faults(links: Sequence[Link], *, known: dict[int, bytes] | None = None) -> list[tuple[str, int, int | None]]:
    found = chain.verify(links, KEYS, known=END if known is None else known).faults
    return [(fault.wrong.value, fault.number, fault.belongs) for fault in found]


def at(link: Link, number: int) -> Link:
    return replace(link, number=number)


def forged(number: int) -> Link:
    """An entry that nobody signed."""
    return replace(CHAIN[0], name="forged", number=number, signature=bytes(64))


def test_a_chain_that_nobody_touched() -> None:
    looked = chain.verify(CHAIN, KEYS, known=END)
    assert (looked.count, looked.number, looked.hash, looked.faults) == (LENGTH, LENGTH, END[LENGTH], [])
    assert chain.verify([], KEYS).faults == []


@given(number=st.integers(1, LENGTH))
def test_one_that_was_changed(number: int) -> None:
    links = [*CHAIN]
    links[number - 1] = forged(number)
    assert faults(links) == [("changed", number, None)]


@given(number=st.integers(1, LENGTH - 1))
def test_one_that_was_taken_out(number: int) -> None:
    assert faults([link for link in CHAIN if link.number != number]) == [("missing", number, None)]


@pytest.mark.attack("secrets", "an entry of the audit log, taken out", "the chain says so")
@given(number=st.integers(1, LENGTH - 1))
def test_one_that_was_taken_out_with_the_gap_closed(number: int) -> None:
    links = [at(link, link.number - (link.number > number)) for link in CHAIN if link.number != number]
    moved = {("moved", place, place + 1) for place in range(number, LENGTH)}
    assert set(faults(links)) == {("missing", number, None), *moved}


@given(left=st.integers(0, LENGTH - 1))
def test_a_tail_that_was_cut_off(left: int) -> None:
    places = range(left + 1, LENGTH + 1)
    assert faults(CHAIN[:left]) == [("cut off", place, None) for place in places]
    # Without anything that knows of it, nothing tells: that is why there is a head, and why it is kept elsewhere too.
    assert faults(CHAIN[:left], known={}) == []


@given(number=st.integers(1, LENGTH))
def test_one_that_was_put_in(number: int) -> None:
    links = [*CHAIN[: number - 1], forged(number), *(at(link, link.number + 1) for link in CHAIN[number - 1 :])]
    moved = [("moved", place + 1, place) for place in range(number, LENGTH + 1)]
    assert faults(links) == [("inserted", number, None), *moved]


def test_one_that_was_put_behind_the_last() -> None:
    assert faults([*CHAIN, forged(LENGTH + 1)]) == [("inserted", LENGTH + 1, None)]


@given(st.permutations(range(1, LENGTH + 1)))
def test_any_other_order(order: list[int]) -> None:
    links = sorted((at(link, number) for link, number in zip(CHAIN, order, strict=True)), key=lambda link: link.number)
    wanted = sorted((to, was) for was, to in enumerate(order, start=1) if was != to)
    assert faults(links) == [("moved", to, was) for to, was in wanted]


def test_one_that_was_signed_later_in_the_place_of_another() -> None:
    other = Written.parse(lines(3, id="other")[2]).link
    assert ("replaced", 3, None) in faults([*CHAIN[:2], other, *CHAIN[3:]])
    assert faults([*CHAIN[:2], replace(other, previous=CHAIN[1].hash)], known={3: CHAIN[2].hash})


@given(st.integers(0, LENGTH - 1), st.data())
def test_any_byte_of_an_exported_chain(which: int, data: st.DataObject) -> None:
    """Found, and at that line or at the place that it says it has now."""
    exported = lines()
    line = bytearray(exported[which])
    spot = data.draw(st.integers(0, len(line) - 1))
    line[spot] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ReceiptRefused):
        check(bytes(line), KEYS)
    try:
        links = [Written.parse(bytes(line) if one == which else text).link for one, text in enumerate(exported)]
    except ReceiptRefused:
        return  # the line itself cannot be read any more
    found = chain.verify(links, KEYS, known=END).faults
    assert {which + 1, links[which].number} & {place for one in found for place in (one.number, one.belongs)}


@given(st.integers(0, LENGTH - 1), st.data())
def test_any_byte_more_or_less(which: int, data: st.DataObject) -> None:
    line = lines()[which]
    spot = data.draw(st.integers(1, len(line) - 1))
    for changed in (
        line[:spot] + line[spot + 1 :],
        line[:spot] + bytes([data.draw(st.integers(0, 255))]) + line[spot:],
    ):
        with pytest.raises(ReceiptRefused):
            check(changed, KEYS)


def test_what_no_reader_tells_apart_is_written_by_its_digits() -> None:
    large = 2**53 + 1
    assert canonical.plain({"a": [large, True, 1]}) == {"a": [{"integer": str(large)}, True, 1]}
    with pytest.raises(NotCanonical):
        canonical.dumps(large)
    with pytest.raises(NotCanonical):
        canonical.dumps(float("nan"))


@pytest.mark.parametrize("text", [b"", b"[", b'{"a": 1}', b'{"b":1,"a":1}', b'{"a":1,"a":1}', b"1.0", b"[" * 99_999])
def test_another_spelling_is_not_canonical(text: bytes) -> None:
    with pytest.raises(NotCanonical):
        canonical.loads(text)


def test_what_is_wrong_is_said_once_for_each_place() -> None:
    links = [forged(number) for number in range(1, LENGTH + 1)]
    found = chain.verify(links, KEYS, known=END).faults
    assert found == [Fault(wrong=Wrong.CHANGED, number=n, name="forged") for n in range(1, LENGTH + 1)]


def test_the_vectors_of_the_standard() -> None:
    """RFC 8785, 3.2.2 and 3.2.3: numbers, escapes and the order of names."""
    value = json.loads(
        r'{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],'
        r'"string":"\u20ac$\u000F\u000aA\u0027\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}'
    )
    assert canonical.dumps(value).decode() == (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )

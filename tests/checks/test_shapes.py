from __future__ import annotations

import pytest

from app.checks.der import Element, elements, only_element
from app.checks.shapes import MINIMUM_BYTES, Shape, shape


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", []),
        (b"\x05\x00", [Element(0x05, b"")]),
        (b"\x02\x01\x07\x04\x02ab", [Element(0x02, b"\x07"), Element(0x04, b"ab")]),
        (b"\x04\x7f" + bytes(127), [Element(0x04, bytes(127))]),
        (b"\x04\x81\x80" + bytes(128), [Element(0x04, bytes(128))]),
        (b"\x04\x82\x01\x00" + bytes(256), [Element(0x04, bytes(256))]),
    ],
)
def test_elements_follow_each_other(data: bytes, found: list[Element]) -> None:
    assert list(elements(data)) == found


@pytest.mark.parametrize(
    "data",
    [
        b"\x04",
        b"\x04\x02a",
        b"\x04\x81",
        b"\x04\x82\x01",
        b"\x04\x82\x01\x00" + bytes(255),
        b"\x30\x80" + bytes(200),
        b"\x1f\x01\x00",
        b"\xff" * 200,
    ],
)
def test_what_is_no_whole_element_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"not a whole element|no length"):
        list(elements(data))


@pytest.mark.parametrize("data", [b"", b"\x05\x00\x05\x00"])
def test_one_element_is_not_none_and_not_two(data: bytes) -> None:
    with pytest.raises(ValueError, match="values to unpack"):
        only_element(data)


@pytest.mark.parametrize(("size", "expected"), [(MINIMUM_BYTES - 1, Shape.OTHER), (MINIMUM_BYTES, Shape.PROTECTED_KEY)])
def test_less_than_the_minimum_is_cut_short(size: int, expected: Shape) -> None:
    body = b"\x30\x00\x04\x82" + (size - 10).to_bytes(2, "big")
    data = b"\x30\x82" + (size - 4).to_bytes(2, "big") + body + bytes(size - 10)
    assert len(data) == size
    assert shape(data) is expected

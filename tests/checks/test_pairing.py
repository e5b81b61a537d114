"""Which key belongs to which certificate, and which password opens it; each judged as if it had come alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from app.checks.pairing import Given, Pair, lines, pair
from app.sandbox import sat

NOW = datetime.now(UTC)


def files(name: str, issued: sat.Issued) -> Sequence[Given]:
    return Given(name=f"{name}.cer", content=issued.cer), Given(name=f"{name}.key", content=issued.key)


def paired(given: Sequence[Given], *passwords: str, seconds: float = 30.0) -> Sequence[Pair]:
    return pair(given, [SecretStr(one) for one in passwords], now=NOW, seconds=seconds)


def told(pairs: Sequence[Pair]) -> list[tuple[str | None, str | None, str | None]]:
    return [(one.cer, one.key, one.refusal.slug if one.refusal else None) for one in pairs]


def test_by_the_key_and_not_by_the_name() -> None:
    one, two = (
        sat.issue(pair="one", password="first-1"),
        sat.issue(pair="two", rfc="CACX7605101P8", password="second-2"),
    )
    (cer, key), (other_cer, other_key) = files("a", one), files("b", two)
    crossed = [other_key, cer, key, other_cer]
    found = paired(crossed, "wrong", "second-2", "first-1")
    assert told(found) == [("a.cer", "a.key", None), ("b.cer", "b.key", None)]
    assert [(one.rfc, one.password and one.password.get_secret_value()) for one in found] == [
        ("EKU9003173C9", "first-1"),
        ("CACX7605101P8", "second-2"),
    ]
    assert [one.parts["key"].name for one in found] == ["a.key", "b.key"]


@pytest.mark.parametrize(
    ("about", "slug"),
    [
        ({"kind": "fiel"}, "fiel_not_csd"),
        ({"not_before": NOW - timedelta(days=9), "not_after": NOW - timedelta(days=1)}, "expired"),
        ({"not_before": NOW + timedelta(days=9)}, "not_yet_valid"),
    ],
)
@pytest.mark.parametrize("with_key", [True, False])
def test_what_is_wrong_with_one_does_not_concern_the_others(
    about: dict[str, object], slug: str, with_key: bool
) -> None:
    bad, good = files("bad", sat.issue(pair="bad", **about)), files("good", sat.issue(pair="good"))  # type: ignore[arg-type]
    found = paired([*(bad if with_key else bad[:1]), *good], "12345678a")
    assert [one.refusal.slug if one.refusal else None for one in found] == [slug, None]


def test_what_is_missing() -> None:
    (cer, key), (other, strange) = files("a", sat.issue(pair="a")), files("b", sat.issue(pair="b", password="other"))
    assert told(paired([cer], "12345678a")) == [("a.cer", None, "key-missing")]
    assert told(paired([key], "12345678a")) == [(None, "a.key", "certificate-missing")]
    assert told(paired([other, strange], "12345678a")) == [
        ("b.cer", None, "key-not-opened"),
        (None, "b.key", "key-not-opened"),
    ]


def test_what_is_neither() -> None:
    plain = sat.issue(decrypted=True)
    given = [
        Given(name="x.txt", content=b"-----BEGIN CERTIFICATE-----"),
        Given(name="plain.key", content=plain.key),
        Given(name="big.cer", content=bytes(20_000)),
        Given(name="some.zip", content=b"PK" + bytes(900)),
    ]
    slugs = [one.refusal.slug for one in paired(given, "12345678a") if one.refusal]
    assert slugs == ["not_der", "key_decrypted", "too_large", "cer_unreadable"]


def spoilt(content: bytes) -> bytes:
    """What begins as its kind does, and goes on as nothing."""
    return content[:8] + bytes([content[8] ^ 0x1F]) + content[9:]


def test_what_only_looks_like_one_is_none() -> None:
    cer, key = files("a", sat.issue())
    broken = Given(name="broken.cer", content=spoilt(cer.content)), Given(name="b.key", content=spoilt(key.content))
    assert told(paired(broken, "12345678a")) == [
        (None, "b.key", "key-not-opened"),
        ("broken.cer", None, "cer_unreadable"),
    ]


def test_the_same_file_counts_once() -> None:
    given = files("a", sat.issue())
    assert len(paired([*given, *given], "12345678a")) == 1


def test_passwords_are_not_tried_for_ever() -> None:
    given = files("a", sat.issue())
    assert told(paired(given, "12345678a", seconds=-1)) == [
        ("a.cer", None, "key-not-opened"),
        (None, "a.key", "key-not-opened"),
    ]


def test_no_secret_is_in_what_is_shown() -> None:
    (found,) = paired(files("a", sat.issue(password="not-to-be-seen")), "not-to-be-seen")
    assert "not-to-be-seen" not in repr(found)
    assert "\\x" not in repr(found)


def test_passwords_are_lines() -> None:
    found = lines("one\r\n two \n\n\none\n" + 300 * "x")
    assert [one.get_secret_value() for one in found] == ["one", " two "]

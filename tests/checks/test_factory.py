"""The made certificates have the SAT's quirks: what a strict parser refuses, and what a lenient one reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_der_private_key

from app.sandbox.sat import Kind, issue


def test_an_ordinary_one_is_an_ordinary_certificate() -> None:
    one = issue(not_before=datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC))
    certificate = x509.load_der_x509_certificate(one.cer)
    assert certificate.serial_number.to_bytes(20, "big") == b"30001000000500003416"
    assert certificate.not_valid_before_utc == one.not_before
    assert certificate.not_valid_after_utc == one.not_after == one.not_before + timedelta(days=1461)
    assert certificate.public_key() == load_der_private_key(one.key, one.password.encode()).public_key()


@pytest.mark.parametrize(("kind", "usage"), [("csd", b"\x03\x02\x06\xc0"), ("fiel", b"\x03\x02\x03\xd8")])
def test_key_usage_is_to_the_bit_what_the_sat_writes(kind: Kind, usage: bytes) -> None:
    certificate = x509.load_der_x509_certificate(issue(kind=kind).cer)
    assert certificate.extensions.get_extension_for_class(x509.KeyUsage).value.public_bytes() == usage


def test_it_is_valid_today_unless_said_otherwise() -> None:
    one = issue()
    assert one.not_before < datetime.now(UTC) < one.not_after


def test_the_subject_of_t61_strings_is_refused_by_a_strict_parser() -> None:
    certificate = x509.load_der_x509_certificate(issue(rfc="OÑO120726RX3", t61=True).cer)
    with pytest.raises(ValueError, match="subject"):
        _ = certificate.subject


def test_the_issuer_of_ac6_is_refused_by_a_strict_parser() -> None:
    with pytest.raises(ValueError, match="PrintableString"):
        x509.load_der_x509_certificate(issue(ac6_issuer=True).cer)


def test_a_pair_is_named() -> None:
    first, again, other = (x509.load_der_x509_certificate(issue(pair=name).cer) for name in ("a", "a", "b"))
    assert first.public_key() == again.public_key() != other.public_key()


def test_repr_shows_no_secret() -> None:
    shown = repr(issue(password="a secret of mine"))
    assert "a secret of mine" not in shown
    assert "\\x30" not in shown

"""Reading what the SAT issues: made ones, and its own samples where SAT_SAMPLES names their folder."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.sandbox import sat
from app.sandbox.facturapi.certificates import Unreadable, WrongPassword, public_key_of, read_certificate

SAMPLES = Path(os.environ.get("SAT_SAMPLES", "/nowhere"))
SAMPLED = sorted(path.stem for path in SAMPLES.glob("*.cer"))


@pytest.mark.parametrize("kind", ["csd", "fiel"])
@pytest.mark.parametrize("rfc", ["EKU9003173C9", "CACX7605101P8", "OÑO120726RX3", "H&E951128469"])
def test_what_a_certificate_says_of_itself(kind: sat.Kind, rfc: str) -> None:
    starts, ends = datetime(2023, 5, 18, 11, 43, 51, tzinfo=UTC), datetime(2027, 5, 18, 11, 43, 51, tzinfo=UTC)
    issued = sat.issue(kind=kind, rfc=rfc, number="30001000000500003416", not_before=starts, not_after=ends)
    read = read_certificate(issued.cer)
    assert (read.kind, read.rfc, read.number) == (kind, rfc, "30001000000500003416")
    assert (read.not_before, read.not_after) == (starts, ends)
    assert public_key_of(issued.key, issued.password) == read.public_key


@pytest.mark.parametrize(
    "junk", [b"", b"x", b"0" * 2000, sat.issue().key, sat.issue().cer + b"\n", sat.issue().cer[1:]]
)
def test_what_is_no_certificate_is_unreadable(junk: bytes) -> None:
    with pytest.raises(Unreadable):
        read_certificate(junk)


@pytest.mark.parametrize("changes", [{"number": None}, {"rfc": None}, {"rfc": "SHORT"}])
def test_a_certificate_that_is_not_the_sats_is_unreadable(changes: dict[str, str | None]) -> None:
    with pytest.raises(Unreadable):
        read_certificate(sat.issue(**changes).cer)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        sat.issue().cer,
        sat.issue(decrypted=True).key,
        sat.issue().key + b"\n",
        sat.issue().key[:-1],
        sat.issue(iterations=1_000_000).key,
    ],
)
def test_what_is_no_encrypted_key_is_unreadable(junk: bytes) -> None:
    with pytest.raises(Unreadable):
        public_key_of(junk, "12345678a")


@pytest.mark.parametrize("password", ["", "12345678A", "12345678a ", "ñ"])
def test_a_wrong_password_is_called_that(password: str) -> None:
    with pytest.raises(WrongPassword):
        public_key_of(sat.issue().key, password)


@pytest.mark.skipif(not SAMPLED, reason="SAT_SAMPLES names no folder with certificates")
@pytest.mark.parametrize("stem", SAMPLED)
def test_the_sats_own_samples_are_read(stem: str) -> None:
    origin, _, rest = stem.removeprefix("altered_").partition("_")
    cer = (SAMPLES / f"{stem}.cer").read_bytes()
    if origin == "notsat":
        with pytest.raises(Unreadable):
            read_certificate(cer)
        return
    read = read_certificate(cer)
    assert read.kind == origin
    # File names are plain ASCII.
    assert read.rfc.replace("Ñ", "N").replace("&", "") == rest.partition("_")[0]
    key = SAMPLES / f"{stem}.key"
    if key.is_file():
        assert public_key_of(key.read_bytes(), "12345678a") == read.public_key

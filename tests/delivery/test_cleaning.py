"""Nothing that was sent in confidence is kept because a provider quoted it."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.delivery.cleaning import Cleaner
from app.providers.base import Ending, Outcome, Verdict

KEY = "sk_live_a1b2c3d4e5f6g7h8"
PASSWORD = "Peña & <Niño>\\9"


def clean(text: str, *secrets: str | bytes) -> str | None:
    return Cleaner(secrets or (KEY, PASSWORD)).text(text)


@pytest.mark.parametrize(
    "spelt",
    [
        PASSWORD,
        PASSWORD.upper(),
        quote(PASSWORD),
        html.escape(PASSWORD),
        json.dumps(PASSWORD)[1:-1],
        base64.b64encode(PASSWORD.encode()).decode(),
        base64.urlsafe_b64encode(PASSWORD.encode()).decode(),
        PASSWORD.encode().hex(),
        KEY,
        KEY[4:],
    ],
)
def test_no_spelling_of_a_secret_is_kept(spelt: str) -> None:
    kept = clean(f"It said “{spelt}” and no more")
    assert kept is not None
    assert kept.startswith("It said “…")
    assert kept.endswith("” and no more")
    assert PASSWORD.casefold()[:6] not in kept.casefold()


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_both_alphabets_of_base64_are_known(encode: Callable[[bytes], bytes]) -> None:
    secret = "??>>>?~~??>"
    assert {"+", "/"} <= set(base64.b64encode(secret.encode()).decode())
    assert str(clean(encode(secret.encode()).decode(), secret)).strip("=") == "…"


def test_a_short_secret_is_known_as_base64_and_json_write_it() -> None:
    assert clean(base64.b64encode(b"abcdeW").decode(), "abcdeW") == "…"
    assert clean(json.dumps('a"b"c'), 'a"b"c') == '"…"'


def test_base64_of_more_than_the_secret_is_found_too() -> None:
    for prefix in ("", "x", "xy"):
        quoted = base64.b64encode(f"{prefix}{KEY}:".encode()).decode()
        assert base64.b64encode(KEY.encode()).decode()[4:16] not in str(clean(quoted))
        assert "…" in str(clean(quoted))


def test_a_part_of_a_key_is_blanked_and_ordinary_words_are_not() -> None:
    assert clean("La llave sk_live_a1b2… no es válida.") == "La llave …… no es válida."
    assert clean("La llave secreta no es válida.") == "La llave secreta no es válida."
    assert clean("La llave es sk_live") == "La llave es sk_live"


def test_a_file_that_is_quoted_is_blanked() -> None:
    content = bytes(range(256)) * 4
    assert clean(f"got {base64.b64encode(content).decode()}", content) == "got …=="


@pytest.mark.parametrize("secret", ["1234", "12345", "12345678"])
def test_a_short_secret_is_blanked_where_it_stands_whole(secret: str) -> None:
    assert clean(f"not {secret}, {secret}", secret) == "not …, …"


def test_a_letter_or_two_of_a_short_one_s_base64_withhold_nothing() -> None:
    assert base64.b64encode(b"4") == b"NA=="
    assert clean("Na, 1234", "1234") == "Na, …"


def test_what_overlaps_is_blanked_to_its_end() -> None:
    assert clean("not aaaaaa", "aaaaa") == "not …"


def test_a_very_short_one_withholds_the_text() -> None:
    assert clean("The password abc is wrong", "abc") is None
    assert clean("The password is wrong", "xyz") == "The password is wrong"


def test_what_cannot_be_shown_is_not_kept() -> None:
    assert clean("a\x00b\r\nc\u202ed\ud800e") == "a b c d e"
    assert clean(" \n ") is None
    assert clean(3000 * "m") == 500 * "m"
    assert Cleaner(()).text(None) is None
    assert Cleaner(("", b"")).text("all of it") == "all of it"


def test_letters_that_fold_into_two_do_not_shift_the_blank() -> None:
    kept = clean(f"{20 * 'ß'} {PASSWORD} ß")
    assert kept == f"{40 * 's'} … ss"


@pytest.mark.parametrize(
    ("code", "kept"),
    [
        ("api_key_invalid", "api_key_invalid"),
        ("log:7.x-1", "log:7.x-1"),
        (KEY, None),
        ("not a code", None),
        (81 * "x", None),
        ("", None),
        (None, None),
    ],
)
def test_codes_are_codes(code: str | None, kept: str | None) -> None:
    assert Cleaner((KEY,)).code(code) == kept


def test_every_text_of_an_outcome_is_cleaned() -> None:
    outcome = Outcome(
        ending=Ending.FAILED,
        problem="provider-refused",
        params={"date": 1, "said": KEY},
        facts={"pending_steps": [f"step {KEY}", "next"], "deep": {"in": (KEY,)}},
        reference=KEY,
        code=KEY,
        message=f"your {KEY}",
        log_id=KEY,
        http_status=400,
    )
    kept = Cleaner((KEY,)).outcome(outcome)
    assert KEY not in repr(kept)
    assert (kept.ending, kept.problem, kept.http_status) == (Ending.FAILED, "provider-refused", 400)
    assert kept.params == {"date": 1, "said": "…"}
    assert kept.facts == {"pending_steps": ["step …", "next"], "deep": {"in": ["…"]}}
    assert (kept.message, kept.code, kept.log_id) == ("your …", None, None)


def test_what_has_no_secret_in_it_is_kept() -> None:
    outcome = Outcome(ending=Ending.FAILED, reference=300 * "r", code="no_such_thing", message="No.", log_id="log-1")
    kept = Cleaner((KEY,)).outcome(outcome)
    assert (kept.reference, kept.code, kept.message, kept.log_id) == (200 * "r", "no_such_thing", "No.", "log-1")


def test_a_verdict_is_cleaned() -> None:
    assert Cleaner((KEY,)).verdict(Verdict(ok=False, detail=f"no {KEY}")) == Verdict(ok=False, detail="no …")
    assert Cleaner(("abc",)).verdict(Verdict(ok=True, detail="abc")).detail == ""


WORDS = st.text(st.characters(codec="ascii", categories=("L", "N", "P", "S", "Zs")), min_size=4, max_size=40)


@given(secret=WORDS, before=WORDS, after=WORDS)
def test_a_secret_never_comes_through(secret: str, before: str, after: str) -> None:
    secret = secret.strip().ljust(4, "x")
    kept = clean(before + secret + after, secret) or ""
    assert secret not in kept

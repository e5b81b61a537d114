from __future__ import annotations

from typing import Any

import pytest

from app.checks import Rejected
from app.providers.operation import Field
from app.words import WORDS
from tests.checks.hand_ins import file, hand_in, operation

FIELDS = (
    Field(name="title", label="Title", max_length=10),
    Field(name="note", label="Note", required=False, max_length=10),
    Field(name="pin", label="PIN", kind="password", max_length=4),
)
WANTED = operation("policy", "contract", fields=FIELDS, max_bytes=100)
WHOLE: dict[str, Any] = {"fields": {"title": "One"}, "secrets": {"pin": "1234"}}


def test_a_whole_hand_in_passes_and_keeps_its_secrets() -> None:
    result = hand_in(WANTED, file("contract", b"x" * 100), **WHOLE)
    assert result.facts == {}
    assert result.secrets["pin"].get_secret_value() == "1234"


@pytest.mark.parametrize(
    ("content", "slug", "params"),
    [
        (None, "missing-file", {}),
        (b"", "empty-file", {}),
        (b"x" * 101, "file-too-large", {"name": "contract", "limit": 100}),
    ],
)
def test_a_file_is_there_and_of_its_size(content: bytes | None, slug: str, params: dict[str, object]) -> None:
    files = [] if content is None else [file("contract", content)]
    with pytest.raises(Rejected) as refusal:
        hand_in(WANTED, *files, **WHOLE)
    assert (refusal.value.slug, refusal.value.field, refusal.value.params) == (slug, "contract", params)
    assert refusal.value.status == (413 if slug == "file-too-large" else 422)
    assert WORDS[slug] % params


def test_a_file_that_nobody_asked_for_is_refused() -> None:
    with pytest.raises(Rejected) as refusal:
        hand_in(WANTED, file("contract", b"x"), file("invoice", b"x"), **WHOLE)
    assert (refusal.value.slug, refusal.value.field) == ("unknown-part", "invoice")
    assert WORDS["unknown-part"] % refusal.value.params == "“invoice” is not a field of this form. Remove it."


@pytest.mark.parametrize(
    ("filename", "usable"),
    [
        ("contrato de compraventa (2).pdf", True),
        ("años-\u006e\u0303-👩\u200d🔧.pdf", True),
        ("x" * 255, True),
        ("x" * 256, False),
        ("ñ" * 128, False),
        ("", False),
        (" ", False),
        (".", False),
        ("..", False),
        ("../contract.pdf", False),
        ("C:\\contract.pdf", False),
        ("contract\x00.pdf", False),
        ("contract\r\n.pdf", False),
        ("contract\u2028.pdf", False),
        ("contract\u202efdp.exe", False),
        ("contract\ud800.pdf", False),
    ],
)
def test_a_file_has_a_name_that_can_be_shown_and_sent_on(filename: str, usable: bool) -> None:
    given = file("contract", b"x", filename)
    if usable:
        hand_in(WANTED, given, **WHOLE)
        return
    with pytest.raises(Rejected) as refusal:
        hand_in(WANTED, given, **WHOLE)
    assert (refusal.value.slug, refusal.value.field) == ("bad-file-name", "contract")


@pytest.mark.parametrize(
    ("changed", "slug", "field"),
    [
        ({"fields": {}}, "missing-field", "title"),
        ({"fields": {"title": "  "}}, "missing-field", "title"),
        ({"fields": {"title": "12345678901"}}, "field-too-long", "title"),
        ({"fields": {"title": "One", "note": "12345678901"}}, "field-too-long", "note"),
        ({"secrets": {}}, "missing-field", "pin"),
        ({"secrets": {"pin": ""}}, "missing-field", "pin"),
        ({"secrets": {"pin": "12345"}}, "field-too-long", "pin"),
    ],
)
def test_a_field_is_there_and_of_its_length(changed: dict[str, Any], slug: str, field: str) -> None:
    with pytest.raises(Rejected) as refusal:
        hand_in(WANTED, file("contract", b"x"), **(WHOLE | changed))
    assert (refusal.value.slug, refusal.value.field) == (slug, field)
    limits = {field.name: field.max_length for field in FIELDS}
    assert refusal.value.params == ({"name": field, "limit": limits[field]} if slug == "field-too-long" else {})
    assert WORDS[slug] % refusal.value.params

"""What a form may preset and take: judged by its operation, and kept where it says something."""

from __future__ import annotations

from typing import Any

import pytest

from app.checks.form_settings import BadSetting, judged
from app.providers import registry


@pytest.mark.parametrize(
    ("operation", "settings", "kept"),
    [
        ("flatfile/file", {}, {}),
        ("flatfile/file", {"presets": {"mode": "export"}}, {"presets": {"mode": "export"}}),
        ("flatfile/file", {"presets": {"mode": ""}, "types": None}, {}),
        ("factify/document", {"presets": {"duplicates": "true"}}, {"presets": {"duplicates": "true"}}),
        ("flatfile/file", {"durable": True}, {}),
        ("flatfile/file", {"durable": False}, {"durable": False}),
        (
            "flatfile/file",
            {"texts": {"es": {"title": " Tu lista ", "explanation": "Una\r\ny\xa0otra"}, "en": {"title": None}}},
            {"texts": {"es": {"title": "Tu lista", "explanation": "Una\ny otra"}}},
        ),
        ("flatfile/file", {"texts": {"en": {"title": " ", "explanation": ""}}}, {}),
        ("flatfile/file", {"texts": {"es": {"title": 120 * "ñ"}}}, {"texts": {"es": {"title": 120 * "ñ"}}}),
        ("flatfile/file", {"frame_origins": []}, {}),
        (
            "flatfile/file",
            {"frame_origins": ["HTTPS://Www.Example.com:443/", "https://www.example.com", "http://localhost:3000"]},
            {"frame_origins": ["https://www.example.com", "http://localhost:3000"]},
        ),
    ],
)
def test_what_is_kept(operation: str, settings: dict[str, Any], kept: dict[str, Any]) -> None:
    assert judged(registry.operation(operation), settings) == kept


@pytest.mark.parametrize(
    ("operation", "settings", "field"),
    [
        ("flatfile/file", {"presets": {"mode": "sideways"}}, "presets"),
        ("factify/document", {"presets": {"duplicates": "perhaps"}}, "presets"),
        ("flatfile/file", {"presets": {"nothing": "1"}}, "presets"),
        ("facturapi/certificate", {"presets": {"password": "12345678a"}}, "presets"),
        ("facturapi/legal", {"presets": {"tax_system": "999"}}, "presets"),
        ("facturapi/certificate", {"durable": True}, "durable"),
        ("flatfile/file", {"types": ["pdf", "csv"]}, "types"),
        ("flatfile/file", {"types": ["nothing"]}, "types"),
        ("flatfile/file", {"texts": {"fr": {"title": "x"}}}, "texts"),
        ("flatfile/file", {"texts": {"es": {"subtitle": "x"}}}, "texts"),
        ("flatfile/file", {"texts": {"es": {"title": 121 * "x"}}}, "texts"),
        ("flatfile/file", {"texts": {"es": {"title": "one\ntwo"}}}, "texts"),
        ("flatfile/file", {"texts": {"es": {"explanation": 1_201 * "x"}}}, "texts"),
        ("flatfile/file", {"texts": {"es": {"explanation": "\u202egpj.exe"}}}, "texts"),
        *(
            ("flatfile/file", {"frame_origins": [origin]}, "frame_origins")
            for origin in (
                "http://www.example.com",
                "https://*.example.com",
                "*",
                "'self'",
                "https:",
                "https://www.example.com/page",
                "https://a.example; script-src *",
                "https://a.example https://b.example",
                "https://a.example,https://b.example",
                "https://user@a.example",
                "https://a.example:0x1",
                "javascript://a.example",
                "null",
            )
        ),
        ("flatfile/file", {"frame_origins": [f"https://a{number}.example" for number in range(21)]}, "frame_origins"),
    ],
)
def test_what_cannot_be_kept(operation: str, settings: dict[str, Any], field: str) -> None:
    with pytest.raises(BadSetting) as raised:
        judged(registry.operation(operation), settings)
    assert raised.value.field == field
    assert "12345678a" not in raised.value.reason


def test_a_preset_is_no_longer_than_its_field() -> None:
    operation = registry.operation("factify/document")
    text = next(field for field in operation.fields if field.kind in {"text", "long"} and not field.choices)
    assert judged(operation, {"presets": {text.name: "x" * text.max_length}})
    with pytest.raises(BadSetting):
        judged(operation, {"presets": {text.name: "x" * (text.max_length + 1)}})

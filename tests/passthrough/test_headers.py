"""What of a provider's answer passes, and what would be said of our origin if it did."""

from __future__ import annotations

import pytest
from flask import Flask

from app.passthrough.headers import sent_back
from app.passthrough.views import POLICY

USEFUL = [("Content-Type", "application/json"), ("ETag", '"1"'), ("Link", "</b>; rel=next"), ("X-Request-Id", "1")]


def test_what_is_about_the_answer_passes() -> None:
    assert list(sent_back([*USEFUL, ("Set-Cookie", "a=b"), ("Server", "theirs")])) == USEFUL


@pytest.mark.attack(
    "answers", "a provider that tells browsers or caches what to think of our origin", "its headers do not pass"
)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Strict-Transport-Security", "max-age=0"),
        ("Alt-Svc", 'h3="elsewhere.example:443"'),
        ("Clear-Site-Data", '"*"'),
        ("Content-Security-Policy", "script-src *"),
        ("Access-Control-Allow-Origin", "*"),
        ("access-control-allow-credentials", "true"),
        ("Cross-Origin-Resource-Policy", "cross-origin"),
        ("Cross-Origin-Opener-Policy", "unsafe-none"),
        ("Service-Worker-Allowed", "/"),
        ("Refresh", "0; url=https://elsewhere.example"),
        ("Cache-Control", "public, max-age=31536000"),
        ("Expires", "Fri, 31 Dec 2100 23:59:59 GMT"),
        ("Referrer-Policy", "unsafe-url"),
        ("Permissions-Policy", "camera=*"),
        ("X-Content-Type-Options", "none"),
        ("NEL", '{"report_to":"x","max_age":1}'),
        ("Reporting-Endpoints", 'x="https://elsewhere.example"'),
        ("Public-Key-Pins", 'pin-sha256="x"; max-age=1'),
    ],
)
def test_what_is_about_its_origin_does_not(name: str, value: str) -> None:
    assert list(sent_back([*USEFUL, (name, value)])) == USEFUL


@pytest.mark.parametrize("path", ["/proxy/nobody/x", "/proxy/facturapi/v2/organizations"])
def test_nothing_runs_in_what_a_browser_is_shown(app: Flask, path: str) -> None:
    answer = app.test_client().get(path)
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert "sandbox" in POLICY.split("; ")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"

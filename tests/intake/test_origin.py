from __future__ import annotations

import pytest
from werkzeug.datastructures import Headers

from app.intake import check_origin
from app.intake.errors import ForeignOrigin

OURS = frozenset({"https://gateway.example", "https://upload.example"})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://gateway.example"},
        {"Origin": "https://upload.example", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_ours_is_taken(headers: dict[str, str]) -> None:
    check_origin(Headers(headers), OURS)


@pytest.mark.attack(
    "browsers", "a form that another site sends (CSRF)", "403 by its headers, before a byte of its body"
)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://gateway.example"},
        {"Origin": "https://gateway.example:8443"},
        {"Origin": "https://gateway.example.evil.example"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "https://gateway.example", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": ""},
    ],
)
def test_what_another_site_sends_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(ForeignOrigin) as caught:
        check_origin(Headers(headers), OURS)
    assert (caught.value.status, caught.value.slug) == (403, "foreign-origin")

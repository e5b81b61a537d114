"""Addresses and methods that lead a careless server to a file, a header or another site."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.config import Settings
from tests.dashboard.conftest import ORIGIN, token_of

#: Ways out of a folder.
CLIMBS: Final = (
    "../../wsgi.py",
    "..%2f..%2fwsgi.py",
    "%2e%2e/%2e%2e/wsgi.py",
    "..%252f..%252fwsgi.py",
    "....//....//wsgi.py",
    "..\\..\\wsgi.py",
    "..%5c..%5cwsgi.py",
    "%c0%ae%c0%ae/%c0%ae%c0%ae/wsgi.py",
    "//etc/passwd",
    "%2fetc%2fpasswd",
    "/proc/self/environ",
    "portal.js%00.css",
    "manifest.json/../../../wsgi.py",
    "./././../../wsgi.py",
)
#: Ways into a header of the answer.
INJECTED: Final = "%0d%0aX-Injected:%20yes%0d%0a%0d%0a<script>alert(1)</script>"
TAKERS: Final = (
    "/verify?lang=en{}",
    "/verify?lang={}",
    "/f/nobody{}",
    "/admin{}",
    "/admin/login?next=/admin{}",
    "/accent/1f6f5c{}.css",
    "/api/v1/organizations/{}",
    "/proxy/facturapi/v2/{}",
    "/static/dist/{}",
    "/{}",
)
#: Where somebody who signs in could be led, if anybody said.
ELSEWHERE: Final = (
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example/",
    "\\\\evil.example",
    "/admin//evil.example",
    "/admin/../..//evil.example",
    "/admin/%2e%2e/%2e%2e//evil.example",
    "javascript:alert(1)",
    "/admin@evil.example",
    "https:evil.example",
    "/%09/evil.example",
    "/admin\t/../../evil.example",
    "http://localhost@evil.example/admin",
)


@pytest.fixture(scope="module")
def browser(settings: Settings) -> Iterator[FlaskClient]:
    """The whole gateway in this process, for requests that come to nothing."""
    app = create_app(settings)
    services = app.extensions["ventanilla"]
    yield app.test_client()
    services.process.stop()
    services.deliverer.close()
    services.database.dispose()


@pytest.mark.attack("browsers", "an address that climbs out of the folder of built files", "there is nothing there")
@pytest.mark.parametrize("path", CLIMBS)
def test_no_address_climbs(browser: FlaskClient, path: str) -> None:
    answer = browser.get(f"/static/dist/{path}")
    assert answer.status_code in {400, 404}
    assert "create_app" not in answer.text
    assert "root:" not in answer.text


@pytest.mark.attack("browsers", "line ends in an address, to write a header of the answer", "no header is written")
@pytest.mark.parametrize("taker", TAKERS)
def test_no_header_is_written(browser: FlaskClient, taker: str) -> None:
    answer = browser.get(taker.format(INJECTED))
    assert "X-Injected" not in answer.headers
    assert all("\n" not in value and "\r" not in value for value in answer.headers.values())
    assert "<script>alert" not in answer.text


@pytest.mark.attack("browsers", "a sign-in that would lead on to another site", "it leads to a page of ours")
@pytest.mark.parametrize("wanted", ELSEWHERE)
def test_nobody_is_led_elsewhere(browser: FlaskClient, wanted: str) -> None:
    page = browser.get("/admin/login", query_string={"next": wanted})
    assert "evil.example" not in page.text
    fields = {"email": "a@b.example", "password": "x", "next": wanted, "csrf_token": token_of(page)}
    for answer in (
        browser.post("/admin/login", data=fields, headers={"Origin": ORIGIN}),
        browser.get("/admin/account", headers={"Referer": wanted, "HX-Current-URL": wanted}),
    ):
        place = urlsplit(answer.headers.get("Location", ""))
        assert not place.netloc, answer.headers["Location"]
        assert "evil.example" not in answer.text + answer.headers.get("Location", "")


@pytest.mark.attack(
    "browsers", "a method that says back what was sent (TRACE), or is another's", "refused; nothing is said back"
)
@pytest.mark.parametrize("method", ["TRACE", "TRACK", "CONNECT", "DEBUG", "PROPFIND", "MKCOL", "SEARCH", "LINK", "get"])
@pytest.mark.parametrize(
    "path", ["/healthz", "/admin/login", "/api/v1/me", "/proxy/facturapi/v2/x", "/files", "/verify"]
)
def test_odd_methods(browser: FlaskClient, method: str, path: str) -> None:
    answer = browser.open(path, method=method, headers={"Cookie": "admin=canary", "X-Canary": "canary"})
    if method != "get":  # which the test client writes as it should be
        assert answer.status_code in {401, 404, 405, 501}
    assert "canary" not in answer.text

"""What a browser may do with an answer, whichever face gives it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.config import Settings
from app.local.place import ROOT
from app.portal.headers import HEADERS

SITE: Final = "https://gateway.example"
#: An address of each face, and what it answers to somebody who has nothing.
FACES: Final = {
    "/f/nobody": 404,
    "/l/nobody": 404,
    "/o/nobody": 404,
    "/embedded/en/f/nobody": 404,
    "/verify": 200,
    "/nowhere": 404,
    "//f//nobody": 404,
    "/static//dist/x": 404,
    "/verify/": 404,
    "/f/nobody/../x": 404,
    "/admin/login": 200,
    "/admin": 303,
    "/admin/nowhere": 404,
    "/api/v1/me": 401,
    "/api/v1/nowhere": 404,
    "/api/docs": 200,
    "/docs/problems": 200,
    "/proxy/facturapi/v2/organizations": 401,
    "/proxy/nobody": 404,
    "/files": 405,
    "/healthz": 200,
    "/metrics": 200,
}
#: What a policy has no word of.
LOOSE: Final = re.compile(r"unsafe-|\*|data:|blob:|https?:|strict-dynamic|nonce-|'self' '")
#: What a template has no word of: scripts and styles are files, and what is shown is escaped.
INLINE: Final = re.compile(
    r"<script(?![^>]*\bsrc=)(?![^>]*application/json)|<style|\bstyle=|\son\w+=\"|javascript:|\|\s*safe\b", re.IGNORECASE
)


@pytest.fixture
def site(settings: Settings, clean: None) -> Iterator[FlaskClient]:
    """The gateway as it is behind https."""
    app = create_app(settings.model_copy(update={"public_url": SITE}))
    services = app.extensions["ventanilla"]
    client = app.test_client()
    client.environ_base["wsgi.url_scheme"] = "https"
    yield client
    services.process.stop()
    services.deliverer.close()
    services.database.dispose()


def test_every_face_has_an_address_here(app: Flask) -> None:
    adapter = app.url_map.bind("")
    met = {adapter.match(path)[0].partition(".")[0] for path, status in FACES.items() if status not in {404, 405}}
    unmet = set(app.blueprints) - met
    assert unmet <= {"portal", "embedded", "resumable", "static_files", "openapi"}, "add an address of it to FACES"


@pytest.mark.attack(
    "browsers", "a page within another's, a script of others, a plain-text request", "every face says no"
)
def test_every_face_says_what_a_browser_may_do(
    site: FlaskClient, record_property: Callable[[str, object], None]
) -> None:
    record_property("times", len(FACES))
    for path, status in FACES.items():
        answer = site.get(path, base_url=SITE)
        assert answer.status_code == status, path
        said = answer.headers
        assert said["Strict-Transport-Security"].startswith("max-age=63072000"), path
        for name in HEADERS.keys() - {"Content-Security-Policy", "Referrer-Policy", "Cache-Control"}:
            assert said.getlist(name) == [HEADERS[name]], (path, name)
        assert said["Referrer-Policy"] in {"strict-origin", "same-origin", "no-referrer"}, path
        _check(said["Content-Security-Policy"], path)


def _check(policy: str, path: str) -> None:
    directives = dict(part.partition(" ")[::2] for part in policy.split("; "))
    assert directives["default-src"] == "'none'", path
    assert directives["base-uri"] == directives["frame-ancestors"] == "'none'", path
    assert not LOOSE.search(policy), path
    if "script-src" in directives:
        assert directives["require-trusted-types-for"] == "'script'", path
        assert directives["trusted-types"] in {"'none'", "htmx"}, path


def test_a_loose_policy_is_seen() -> None:
    for loose in ("script-src 'self' 'unsafe-inline'", "img-src *", "img-src data:", "script-src https://cdn.example"):
        assert LOOSE.search(loose)


@pytest.mark.attack("browsers", "a cookie that another host, another path or plain text sets or reads", "`__Host-`")
def test_every_cookie_is_this_hosts_alone(site: FlaskClient, record_property: Callable[[str, object], None]) -> None:
    asked = ["/admin/login", "/verify?lang=en", "/f/nobody?lang=es"]
    record_property("times", len(asked))
    cookies = [one for path in asked for one in site.get(path, base_url=SITE).headers.getlist("Set-Cookie")]
    assert len(cookies) >= len(asked)
    for cookie in cookies:
        attributes = set(cookie.split("; ")[1:])
        assert cookie.startswith("__Host-"), cookie
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= attributes, cookie
        assert not [one for one in attributes if one.startswith("Domain")], cookie


def test_a_language_is_kept_behind_https_too(site: FlaskClient) -> None:
    assert site.get("/verify?lang=en", base_url=SITE).status_code == 302
    assert '<html lang="en"' in site.get("/verify", base_url=SITE).text
    site.get("/verify?lang=es", base_url=SITE)
    assert '<html lang="es"' in site.get("/verify", base_url=SITE).text


@pytest.mark.attack(
    "browsers", "a Host header of the client's own making", "it is in no page, no redirect and no cookie"
)
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8443", "gateway.example.evil.example", "gateway.example@evil.example"]
)
def test_a_foreign_host_is_nowhere_in_an_answer(site: FlaskClient, host: str) -> None:
    for path in FACES:
        answer = site.get(path, headers={"Host": host, "X-Forwarded-Host": host, "X-Host": host})
        assert "evil.example" not in answer.text + str(answer.headers), path


def test_no_template_has_anything_inline() -> None:
    found = {
        str(path.relative_to(ROOT)): one[0]
        for path in ROOT.glob("templates/**/*.html")
        if (one := INLINE.search(path.read_text()))
    }
    assert found == {"templates/dashboard/_people.html": "| safe"}  # a picture that is drawn here

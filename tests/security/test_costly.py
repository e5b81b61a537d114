"""Small requests that would cost a careless server much: none costs more than a request does, and none breaks it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Final

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.assembly import preflight
from app.config import ConfigurationError, Settings
from tests.security.wire import say
from tests.servers import Server

#: Seconds of a processor that none of these may take; each takes a few thousandths.
MOST: Final = 2.0
WRONG: Final = {"Authorization": "Bearer " + "x" * 4000}

#: Headers of a request for a page; each is as long as the server lets any be.
HEADERS: Final = {
    "many cookies": {"Cookie": "; ".join(f"c{n}=v" for n in range(1000))},
    "one long cookie": {"Cookie": "session=" + "A" * 8000},
    "a session that would unpack to much": {"Cookie": "session=." + "eJ" * 3900},
    "a cookie of quotes": {"Cookie": 'a="' + '\\"' * 3900},
    "many languages": {"Accept-Language": ",".join(f"x{n};q=0.{n}" for n in range(800))},
    "a language of many parts": {"Accept-Language": "-".join(["es"] * 2600)},
    "many types": {"Accept": ",".join(f"a/b{n};q=0.5" for n in range(600))},
    "a type of many parameters": {"Accept": "a/b" + ";a=b" * 1900},
    "many ETags": {"If-None-Match": ",".join(f'"{n}"' for n in range(1100))},
    "an ETag without an end": {"If-None-Match": '"' * 8000},
    "many ranges": {"Range": "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 1400, 2))},
    "ranges that overlap": {"Range": "bytes=" + ",".join(["0-"] * 2600)},
    "an odd date": {"If-Modified-Since": "Mon, " * 1600},
    "many proxies": {"X-Forwarded-For": ",".join(["10.0.0.1"] * 890)},
    "a long key": WRONG,
    "a scheme without an end": {"Authorization": "Basic " + "=" * 8000},
    "parameters of an authorization": {"Authorization": "Digest " + 'a="b",' * 1300},
    "a long agent": {"User-Agent": "Mozilla/" * 1000},
}
#: Addresses, each as long as the server lets any be.
PATHS: Final = {
    "many parameters": "/verify?" + "&".join(f"a{n}=" for n in range(600)),
    "one parameter many times": "/verify?" + "&".join(["lang=xx"] * 500),
    "many slashes": "/" * 4000,
    "many steps up": "/verify" + "/.." * 1300,
    "many escapes": "/f/" + "%25" * 1300,
    "escapes that are none": "/f/" + "%zz" * 1300,
    "half a character": "/f/%f0%9f" + "%f0" * 1000,
    "a page that leads on and on": "/admin/login?next=" + "/admin" * 650,
    "a number of many digits": "/accent/" + "9" * 4000 + ".css",
}
#: Bodies of a form or an object, of which nothing fits.
BODIES: Final = {
    "fields beyond count": ("application/x-www-form-urlencoded", "&".join(f"a{n}=" for n in range(100_000))),
    "a field beyond length": ("application/x-www-form-urlencoded", "password=" + "x" * 1_000_000),
    "a field of escapes": ("application/x-www-form-urlencoded", "email=" + "%25" * 300_000),
    "an object of many names": ("application/json", json.dumps(dict.fromkeys(map(str, range(100_000)), 0))),
    "lists within lists": ("application/json", '{"a":' + "[" * 200_000),
    "objects within objects": ("application/json", '{"a":' * 100_000),
    "a number of many digits": ("application/json", '{"a":' + "9" * 500_000 + "}"),
    "a number beyond all": ("application/json", '{"a":1e' + "9" * 100_000 + "}"),
    "a text of escapes": ("application/json", '{"a":"' + "\\u0000" * 80_000 + '"}'),
    "parts beyond count": (
        "multipart/form-data; boundary=B",
        '--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n' * 10_000,
    ),
    "a boundary that nearly comes": ("multipart/form-data; boundary=" + "-" * 70, "\r\n" + "-" * 500_000),
    "a part's header without an end": ("multipart/form-data; boundary=B", "--B\r\n" + "X: y\r\n" * 100_000),
}
#: Where bodies are taken.
TAKERS: Final = (
    "/admin/login",
    "/verify",
    "/api/v1/organizations",
    "/proxy/facturapi/v2/organizations",
    "/f/nobody",
    "/files",
)


@pytest.fixture(scope="module")
def browser(settings: Settings) -> Iterator[FlaskClient]:
    """The whole gateway in this process, for requests that come to nothing."""
    app = create_app(settings)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    services = app.extensions["ventanilla"]
    yield app.test_client()
    services.process.stop()
    services.deliverer.close()
    services.database.dispose()


def cheap(ask: Callable[[], int]) -> int:
    """What it is answered, within the time of this thread that it may take."""
    began = time.thread_time()
    status = ask()
    assert time.thread_time() - began < MOST
    assert status < 500, status
    return status


@pytest.mark.attack("costly", "headers as long and as odd as can be", "answered in no time, and nothing breaks")
@pytest.mark.parametrize("kind", HEADERS)
def test_headers(browser: FlaskClient, kind: str, record_property: Callable[[str, object], None]) -> None:
    asked = ["/admin/login", "/verify", "/api/docs", "/api/v1/openapi.json", "/api/v1/me", "/healthz"]
    record_property("times", len(asked))
    for path in asked:
        cheap(lambda path=path: browser.get(path, headers=HEADERS[kind]).status_code)  # type: ignore[misc]


@pytest.mark.attack("costly", "addresses as long and as odd as can be", "answered in no time, and nothing breaks")
@pytest.mark.parametrize("kind", PATHS)
def test_paths(browser: FlaskClient, kind: str) -> None:
    cheap(lambda: browser.get(PATHS[kind]).status_code)


@pytest.mark.attack(
    "costly",
    "bodies of very many names, levels, digits, parts (hash floods among them)",
    "refused in no time, and nothing breaks",
)
@pytest.mark.parametrize("kind", BODIES)
def test_bodies(browser: FlaskClient, kind: str, record_property: Callable[[str, object], None]) -> None:
    record_property("times", len(TAKERS))
    content_type, body = BODIES[kind]
    for path in TAKERS:
        asked = {"data": body, "content_type": content_type, "headers": {"Origin": "http://localhost"}}
        assert cheap(lambda path=path, asked=asked: browser.post(path, **asked).status_code) >= 400  # type: ignore[misc]


@pytest.mark.attack("costly", "a body that is packed and would unpack to much", "refused; nothing is unpacked")
@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "gzip, gzip"])
def test_packed(browser: FlaskClient, coding: str) -> None:
    answer = browser.post(
        "/admin/login",
        data=b"\x1f\x8b" * 1000,
        content_type="application/x-www-form-urlencoded",
        headers={"Content-Encoding": coding, "Origin": "http://localhost"},
    )
    assert answer.status_code == 400


@pytest.mark.attack("costly", "names that fall into one slot of a table (hash flood)", "nobody knows which would")
def test_hashes_are_secret() -> None:
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONHASHSEED"}
    told = {
        subprocess.run([sys.executable, "-c", "print(hash('a'))"], env=plain, capture_output=True, check=True).stdout
        for _ in range(3)
    }
    assert len(told) == 3


@pytest.mark.parametrize("seed", ["0", "7"])
def test_a_gateway_whose_hashes_are_known_does_not_start(monkeypatch: pytest.MonkeyPatch, seed: str) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", seed)
    with pytest.raises(ConfigurationError, match="PYTHONHASHSEED"):
        preflight()


@pytest.mark.live
@pytest.mark.attack("costly", "more headers, or longer lines, than a request has", "431 or 414, and closed")
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /healthz HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(65)) + b"\r\n", 431),
        (b"GET /healthz HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(100_000)) + b"\r\n", 431),
        (b"GET /healthz HTTP/1.1\r\nX: " + b"y" * 8200 + b"\r\n\r\n", 431),
        (b"GET /" + b"y" * 4100 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
        (b"GET /" + b"y" * 1_000_000, 414),
    ],
    ids=["65 headers", "100,000 headers", "a long header", "a long line", "a line without an end"],
)
def test_heads(gateway: Server, sent: bytes, status: int) -> None:
    heard = say(gateway.url, sent)
    assert heard.closed
    assert heard.statuses in ([status], [])  # a reset may overtake the answer where much was still on its way

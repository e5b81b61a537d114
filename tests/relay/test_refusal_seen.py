"""A refusal reaches its client although that is still sending: browser, curl, requests and Node, on a slow link too."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import requests
from playwright.sync_api import Browser, sync_playwright

from tests.acceptance.browser import launch
from tests.relay.files import noise
from tests.relay.house import House
from tests.relay.link import throttled

pytestmark = pytest.mark.live

MIB: Final = 1 << 20
#: More than both ends' kernels hold, and on the slow link more than is waited for.
SIZE: Final = 24 * MIB
SLOW: Final = 3.0 * MIB

NODE: Final = """
const { readFileSync } = require("node:fs");
const [url, token, path] = process.argv.slice(1);
const form = new FormData();
form.append("file", new Blob([readFileSync(path)], { type: "text/csv" }), "tabla.csv");
fetch(url, { method: "POST", body: form, headers: { Authorization: `Bearer ${token}` } })
  .then(async (answer) => console.log(JSON.stringify([answer.status, await answer.json()])))
  .catch((error) => { console.error(String(error), String(error.cause)); process.exit(1); });
"""
PAGE: Final = """
async ([url, token, size]) => {
  const form = new FormData();
  const picture = new Uint8Array(size);
  picture.set([137, 80, 78, 71, 13, 10, 26, 10]);
  form.append("file", new Blob([picture], { type: "text/csv" }), "tabla.csv");
  const answer = await fetch(url, { method: "POST", body: form, headers: { Authorization: `Bearer ${token}` } });
  return [answer.status, await answer.json()];
}
"""

Seen = tuple[int, Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright, launch(playwright) as browser:
        yield browser


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """No table, by its first bytes."""
    path = tmp_path_factory.mktemp("refused") / "tabla.csv"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + noise(SIZE))
    return path


def by_curl(url: str, house: House, picture: Path) -> Seen:
    command = ["curl", "-sS", "-H", f"Authorization: Bearer {house.token}", "-H", "Expect:", "-w", "\n%{http_code}"]
    done = subprocess.run(
        [*command, "-F", f"file=@{picture};type=text/csv", url], capture_output=True, text=True, timeout=60, check=False
    )
    body, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body)


def by_requests(url: str, house: House, picture: Path) -> Seen:
    with picture.open("rb") as file:
        answer = requests.post(
            url,
            files={"file": ("tabla.csv", file, "text/csv")},
            headers={"Authorization": f"Bearer {house.token}"},
            timeout=60,
        )
    return answer.status_code, answer.json()


def by_node(url: str, house: House, picture: Path) -> Seen:
    done = subprocess.run(
        ["node", "-e", NODE, url, house.token, str(picture)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    status, body = json.loads(done.stdout)
    return status, body


CLIENTS: Final[tuple[Callable[[str, House, Path], Seen], ...]] = (by_curl, by_requests, by_node)


def check(house: House, seen: Seen) -> None:
    status, body = seen
    assert status == 415
    assert body["status"] == 415
    assert body["detail"]
    assert [one["pointer"] for one in body["errors"]] == ["#/file"]
    arrivals = [one for one in house.sandbox.ledger("flatfile") if house.places["flatfile"].key in one["authorization"]]
    assert arrivals == []


def address(origin: str, house: House) -> str:
    return f"{origin}/api/v1/organizations/{house.organization.slug}/flatfile/file?durable=0"


@pytest.mark.parametrize("client", CLIENTS, ids=lambda one: one.__name__)
@pytest.mark.parametrize("slow", [False, True], ids=["loopback", "slow"])
def test_a_program_sees_it(house: House, picture: Path, client: Callable[..., Seen], slow: bool) -> None:
    if not slow:
        check(house, client(address(house.gateway.url, house), house, picture))
        return
    with throttled(house.gateway.url, SLOW) as origin:
        check(house, client(address(origin, house), house, picture))


@pytest.mark.parametrize("slow", [False, True], ids=["loopback", "slow"])
def test_a_browser_sees_it(house: House, browser: Browser, slow: bool) -> None:
    with throttled(house.gateway.url, SLOW if slow else 1e12) as origin:
        page = browser.new_page()
        page.goto(f"{origin}/healthz")
        status, body = page.evaluate(PAGE, [address(origin, house), house.token, SIZE])
        page.close()
    check(house, (status, body))

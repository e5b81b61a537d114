"""How long the dashboard's pages take beside a full database: `python -m bench.pages`, while `make run` runs.

Fill it before: `flask --env-file instance/demo.env demo --organizations 500 --uploads 100000`. Each page is asked for
one after the other, by one browser without its files; what is told is the client's time on loopback, the median and
the slowest of several.
"""

from __future__ import annotations

import json
import re
import statistics
import time
from collections.abc import Iterator
from typing import Final
from urllib.parse import urljoin

import requests

from app.local.place import Place

TIMES: Final = 9
SECONDS: Final = 60
#: Lists, and what is found behind a link of one.
PAGES: Final = (
    "",
    "/charts?period=24h",
    "/charts?period=90d",
    "/usage",
    "/uploads",
    "/uploads?state=failed",
    "/uploads?q=contrato",
    "/uploads.csv?state=unknown",
    "/organizations",
    "/organizations?q=del+golfo",
    "/connections",
    "/forms",
    "/integrations",
    "/audit",
    "/people",
    "/search?q=acero",
)
BEHIND: Final = {
    "/uploads": r'href="(/admin/uploads/[0-9a-f-]{36})"',
    "/organizations": r'href="(/admin/organizations/[\w-]+)"',
}
TABS: Final = ("/connections", "/forms", "/links", "/tokens", "/webhooks", "/audit", "/settings")


def main() -> None:
    """Print a line a page."""
    admin = json.loads(Place.from_environment().demo.read_text())["admin"]
    with requests.Session() as browser:
        sign_in(browser, **admin)
        print("| page | median, ms | slowest, ms | kB |\n|---|---|---|---|")
        for address in addresses(browser, admin["url"]):
            took, size = zip(*(asked(browser, address) for _ in range(TIMES)), strict=True)
            path = address.removeprefix(admin["url"]) or "/"
            shown = re.sub(r"[0-9a-f-]{36}", "…", path)
            print(f"| {shown} | {statistics.median(took):.0f} | {max(took):.0f} | {size[0] / 1000:.0f} |")


def sign_in(browser: requests.Session, *, url: str, email: str, password: str) -> None:
    """As somebody does: by the page's own form."""
    page = browser.get(url, timeout=SECONDS)
    (token,) = re.findall(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)[:1]
    filled = {"email": email, "password": password, "csrf_token": token}
    browser.post(page.url, filled, headers={"Origin": url.removesuffix("/admin")}, timeout=SECONDS).raise_for_status()


def addresses(browser: requests.Session, url: str) -> Iterator[str]:
    """Each page, and one that each list leads to."""
    for path in PAGES:
        yield url + path
        if path in BEHIND and (found := re.search(BEHIND[path], browser.get(url + path, timeout=SECONDS).text)):
            yield urljoin(url, found[1])
            if path == "/organizations":
                yield from (urljoin(url, found[1]) + tab for tab in TABS)


def asked(browser: requests.Session, address: str) -> tuple[float, int]:
    """Milliseconds and bytes of a page."""
    began = time.perf_counter()
    page = browser.get(address, timeout=SECONDS, allow_redirects=False)
    took = (time.perf_counter() - began) * 1000
    if page.status_code != 200:
        raise SystemExit(f"{address}: {page.status_code}")
    return took, len(page.content)


if __name__ == "__main__":
    main()

"""Whoever else sees something of a hand-in: operators before the dashboard, Prometheus, a collector of traces, who is
told by webhook, whoever looks at the files that processes write, or at what they leave when they die."""

from __future__ import annotations

import os
import re
import secrets
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil
import requests
from pydantic import SecretStr

from app.database import HOUSE, utcnow
from app.local.place import ROOT
from app.seeing import sharing
from app.tenants import people
from app.tenants.roles import Role
from tests.acceptance.counter import World
from tests.acceptance.leaks import Canary, Leak
from tests.servers import Server
from tests.tenancy import becomes
from tests.webhooks.receiver import Receiver

SECONDS: Final = 60.0
#: Pages of the dashboard that are looked at; more are the same with other rows.
MOST_PAGES: Final = 80
#: Pages of one kind, about different things.
OF_A_KIND: Final = 4
#: What lies at a provider is given back there to who may see it, in the clear and as it is.
GIVEN_BACK: Final = re.compile(r"/connections/[^/]+/file\?")
#: Where webhooks go, and where spans.
HOOKS: Final = "/hooks"
TRACES: Final = "/v1/traces"
TOKEN: Final = re.compile(r'name="csrf_token" value="([^"]+)"')
LINK: Final = re.compile(r'href="(/admin[^"#]*)"')
#: What some pages say of one thing differs from one id or number to the next.
ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")


def environment(collector: Receiver, place: Path) -> dict[str, str]:
    """What a process is told so that it tells all of that."""
    temporary = place / "temporary"
    temporary.mkdir(exist_ok=True)
    return {
        "TRACES_URL": collector.url + TRACES,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "NO_PROXY": "127.0.0.1",
        "TMPDIR": str(temporary),
        "TEST_OPENED": str(place / "opened"),
    }


def search(world: World, canary: Canary) -> Iterator[Leak]:
    """Every secret that somebody beside could have seen."""
    wait_for_spans(world)
    for number, came in enumerate(world.collector.came):
        what = f"{'traces' if came.path == TRACES else 'webhook'} {number}"
        yield from canary.search(what, came.body)
        yield from canary.search(f"headers of {what}", repr(came.headers).encode())
    answer = requests.get(f"{world.gateway.url}/metrics", timeout=30)
    assert "ventanilla_requests_total" in answer.text
    yield from canary.search("metrics", answer.content)
    for folder in sharing.MEMORY.glob(f"{sharing.PREFIX}*"):
        for leak in canary.search_folder(folder):
            yield Leak(secret=leak.secret, spelling=leak.spelling, place=f"shared memory/{leak.place}")


def search_dashboard(world: World, canary: Canary) -> Iterator[Leak]:
    """The same for whoever runs the gateway."""
    for address, content in dashboard(world):
        yield from canary.search(f"dashboard {address}", content)


def wait_for_spans(world: World) -> None:
    """Wait until the collector has what has ended by now."""
    known = secrets.token_hex(16)
    requests.get(f"{world.gateway.url}/healthz", headers={"X-Request-ID": known}, timeout=30)
    assert becomes(lambda: any(known.encode() in came.body for came in world.collector.came), SECONDS)


def dashboard(world: World) -> Iterator[tuple[str, bytes]]:
    """Every page that leads on from the first, as an owner sees it, one of each kind for many things."""
    browser, url = requests.Session(), world.gateway.url
    email, password = f"canary-{secrets.token_hex(6)}@example.com", secrets.token_urlsafe(16)
    with world.database.transaction(HOUSE) as session:
        people.add(
            session,
            email=email,
            name="Ana",
            role=Role.OWNER,
            manages=None,
            locale="en",
            password=SecretStr(password),
            now=utcnow(),
        )
    page = browser.get(f"{url}/admin/login", timeout=30).text
    (token,) = set(TOKEN.findall(page))
    sent = {"email": email, "password": password, "csrf_token": token}
    assert browser.post(f"{url}/admin/login", data=sent, headers={"Origin": url}, timeout=60).status_code == 200
    ahead, met = ["/admin"], {"/admin"}
    kinds: dict[str, int] = {}
    while ahead and len(met) - len(ahead) < MOST_PAGES:
        path = ahead.pop(0)
        answer = browser.get(url + path, timeout=60)
        yield path, answer.content
        for found in map(_unescaped, LINK.findall(answer.text)):
            kind = ID.sub("…", found.partition("?")[0])
            if found not in met and not GIVEN_BACK.search(found) and kinds.setdefault(kind, 0) < OF_A_KIND:
                kinds[kind] += 1
                met.add(found)
                ahead.append(found)
    assert len(kinds) > 10, kinds


def _unescaped(address: str) -> str:
    return address.replace("&amp;", "&")


def written_to(place: Path) -> set[str]:
    """Where processes opened files to write into them, but for where they may, and what Python keeps of its sources."""
    allowed = (str(sharing.MEMORY / sharing.PREFIX), f"{place}/spool", f"{place}/mails", "/dev/null")
    opened = (place / "opened").read_text().splitlines()
    return {path for path in opened if not path.startswith(allowed) and "/__pycache__/" not in path}


def crash(gateway: Server) -> None:
    """Let its processes die as by a fault in a library of theirs, in the middle of what they do."""
    before = gateway.log().count("Fatal Python error")
    family = psutil.Process(gateway.child.process.pid).children(recursive=True)
    workers = [member for member in family if not member.children()]
    for worker in workers:
        os.kill(worker.pid, signal.SIGSEGV)
    assert becomes(lambda: gateway.log().count("Fatal Python error") == before + len(workers), SECONDS)
    assert becomes(lambda: gateway.answers("/readyz"), SECONDS)
    assert dumps() == []


def dumps() -> list[Path]:
    """Memory of processes that died, where the kernel puts it: in their folder, unless told otherwise."""
    return [path for path in ROOT.glob("core*") if path.is_file()]

"""Nothing of the gateway calls out by a way that egress does not see, and no address leads around it."""

from __future__ import annotations

import ast
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from app.delivery import sockets
from app.delivery.deadlines import Deadlines, Exchange
from app.delivery.egress import Address, Egress, EgressRefused
from app.delivery.http import Http
from app.local.place import ROOT
from app.providers.wire import NoAnswer

#: What can open a connection.
CALLERS: Final = {
    "aiohttp",
    "asyncio",
    "ftplib",
    "http.client",
    "http.server",
    "httpx",
    "obstore",
    "opentelemetry.exporter",
    "requests",
    "smtplib",
    "socket",
    "socketserver",
    "urllib.request",
    "urllib3",
    "xmlrpc",
}
#: Who may, and where to. The sandbox, commands and `make run` are not the gateway.
KNOWN: Final = {
    "app/checks/clamd.py": "to the daemon that the operator named",
    "app/delivery/calls.py": "watches the client's own",
    "app/delivery/deadlines.py": "watches the client's own",
    "app/delivery/egress.py": "asks for names",
    "app/delivery/encoder.py": "writes bodies",
    "app/delivery/http.py": "to where egress lets it",
    "app/delivery/masking.py": "reads what is packed",
    "app/delivery/sockets.py": "to where egress lets it",
    "app/intake/body.py": "reads the client's own",
    "app/intake/pace.py": "reads the client's own",
    "app/intake/known_end.py": "closes the client's own",
    "app/intake/spool/bucket.py": "to the bucket that the operator named",
    "app/intake/worker.py": "the server's own",
    "app/mail.py": "to the mail server that the operator named",
    "app/queue.py": "to the database",
    "app/records/processes.py": "names this machine",
    "app/resumable/holding.py": "watches the client's own",
}
ELSEWHERE: Final = ("app/cli/", "app/local/", "app/sandbox/", "app/seeing/")
#: This machine and a metadata service, written so that some take them for something else. No name server is asked.
NUMBERS: Final = (
    "https://127.1/",
    "https://0/",
    "https://0x7f000001/",
    "https://0x7f.1/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://2130706433/",
    "https://2852039166/latest/meta-data/",
    "https://169.254.169.254/latest/meta-data/",
    "https://0xa9fea9fe/",
    "https://[::]/",
    "https://[::1]/",
    "https://[0:0:0:0:0:ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::ffff:a9fe:a9fe]/",
    "https://[::127.0.0.1]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[2002:a9fe:a9fe::]/",
    "https://[fd00:ec2::254]/",
    "https://[fe80::1%25lo]/",
    "https://[fec0::1]/",
    "https://127.0.0.1:443@169.254.169.254/",
    "https://169.254.169.254\\@127.0.0.1/",
    "https://127.0.0.1%2f@169.254.169.254/",
    "https://169.254.169.254#@127.0.0.1/",
    "https://127。0。0。1/",
    "https://①②⑦.⓪.⓪.①/",
    "https://127.0.0.1%00.example/",
    "https://127.0.0.1\t/",
    "https:127.0.0.1/",
    "https:///127.0.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "ftp://127.0.0.1/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:5432/_x",
    "dict://127.0.0.1:6379/x",
    "unix:///run/clamav/clamd.ctl",
    "jar:https://127.0.0.1!/",
    "data:text/plain,x",
)


def imported(path: Path) -> set[str]:
    """All that a module imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module, *(f"{node.module}.{one.name}" for one in node.names)}
    return found


@pytest.mark.attack(
    "ways out", "a call from a part of the code that asks nobody", "no other module can open a connection"
)
def test_who_can_open_a_connection() -> None:
    can = {
        name
        for path in (ROOT / "app").rglob("*.py")
        if not (name := str(path.relative_to(ROOT))).startswith(ELSEWHERE)
        and any(one == caller or one.startswith(f"{caller}.") for one in imported(path) for caller in CALLERS)
    }
    assert can <= KNOWN.keys()


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Where connections were tried to; none comes about."""
    tried: list[Any] = []

    def connect(_: socket.socket, address: Any) -> None:
        tried.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(sockets.PlainSocket, "connect", connect)
    return tried


def ask(url: str, egress: Egress, **more: Any) -> object:
    deadlines = Deadlines(connect=5.0, answer=5.0, total=5.0)
    http = Http(egress)
    try:
        return http.ask(Exchange(deadlines=deadlines, until=time.monotonic() + 5), "GET", url, headers={}, **more)
    finally:
        http.close()


@pytest.mark.attack(
    "ways out",
    "this machine, or a metadata service, in every spelling that some reader knows",
    "nothing is connected to",
)
@pytest.mark.parametrize("url", NUMBERS)
@pytest.mark.parametrize("hosts", [None, ("*.store.example", "127.0.0.1")])
def test_no_spelling_leads_inside(url: str, hosts: Sequence[str] | None, connected: list[Any]) -> None:
    assert ask(url, Egress(), stores=hosts) == NoAnswer(cause="egress", released=False)
    assert connected == []


@pytest.mark.attack(
    "ways out",
    "a name that leads outside when it is judged, and inside when it is gone to (rebinding)",
    "the address that was judged is gone to, or none",
)
def test_a_name_that_changes_its_mind(connected: list[Any]) -> None:
    answers = iter(["1.1.1.1", "127.0.0.1", "169.254.169.254", "::1"])

    def resolve(_host: str, port: int) -> Sequence[Address]:
        one = next(answers)
        return [Address(family=socket.AF_INET6 if ":" in one else socket.AF_INET, sockaddr=(one, port))]

    egress = Egress(resolve=resolve)
    causes = [ask("https://rebound.example/", egress) for _ in range(4)]
    assert connected == ["1.1.1.1"]
    assert causes == [NoAnswer(cause=cause, released=False) for cause in ("connect", "egress", "egress", "egress")]


@pytest.mark.attack(
    "ways out", "a store's address, in a provider's answer, that is not the provider's", "nothing is asked"
)
@pytest.mark.parametrize(
    "url",
    [
        "https://store.example.evil.example/",
        "https://evilstore.example/",
        "https://evil.example/a.store.example",
        "https://evil.example?a.store.example",
        "https://a.store.example@evil.example/",
        "https://evil.example#.store.example",
        "https://evil.example\\.store.example/",
        "https://1.1.1.1/",
        "https://a_b.store.example/",
        "https://a..store.example/",
        "https://.store.example/",
        "https://*.store.example/",
        "https://a.store.example.:443x/",
    ],
)
def test_a_store_is_the_providers(url: str, connected: list[Any]) -> None:
    def never(_host: str, _port: int) -> Sequence[Address]:
        pytest.fail("a name was asked for")

    assert ask(url, Egress(resolve=never), stores=("*.store.example",)) == NoAnswer(cause="egress", released=False)
    assert connected == []


def test_a_store_of_the_providers_is_gone_to(connected: list[Any]) -> None:
    egress = Egress(resolve=lambda _host, port: [Address(family=socket.AF_INET, sockaddr=("1.1.1.1", port))])
    assert ask("https://a.store.example/b", egress, stores=("*.store.example",)) == NoAnswer(
        cause="connect", released=False
    )
    assert connected == ["1.1.1.1"]


@pytest.mark.parametrize("wrong", ["https://10.0.0.1/", "https://[fd00::1]/"])
def test_an_origin_that_is_allowed_opens_no_other(wrong: str) -> None:
    with pytest.raises(EgressRefused):
        Egress(("https://10.0.0.2", "http://10.0.0.1")).check(wrong)

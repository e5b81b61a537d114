"""Known secrets go through success and every failure; afterwards nobody finds them anywhere, in any spelling.

What is searched: every file of the installation (the database's folder with its write-ahead log, the servers' logs),
every page, answer and header that anybody got, every row of the database, what each process shows of itself to others,
and what `beside` finds: the dashboard's pages, counts, spans, webhooks, and what is said in the moment of a crash.
The sandbox is left out: it is the provider, who is sent these things.
"""

from __future__ import annotations

import base64
import http.client
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import requests
from sqlalchemy import text
from urllib3.filepost import encode_multipart_formdata

from app.local.postgres import Embedded
from app.sandbox.sat import Issued, issue
from app.seeing import sharing
from tests.acceptance import beside
from tests.acceptance.counter import Counter, World
from tests.acceptance.customer import Customer, Page
from tests.acceptance.leaks import Canary, Leak, window
from tests.acceptance.test_provider import CODES, TROUBLES, problem
from tests.checks.cases import Files
from tests.relay.sending import Answered
from tests.servers import Server
from tests.tenancy import becomes

pytestmark = pytest.mark.live

PASSWORD = 'Canario "ñ" en/la+mina & 7431'


@dataclass(kw_only=True)
class Seen:
    """Every page that the customers got, and every answer of the API."""

    pages: list[Page] = field(default_factory=list)
    answers: list[Answered] = field(default_factory=list)

    def search(self, canary: Canary) -> Iterator[Leak]:
        for page in self.pages:
            yield from canary.search(f"page {page.address}", page.content)
            yield from canary.search(f"headers of {page.address}", repr(dict(page.headers)).encode())
        for number, answer in enumerate(self.answers):
            yield from canary.search(f"answer {number}", f"{dict(answer.headers)} {answer.body}".encode())


def secrets_of(counter: Counter, csd: Issued) -> dict[str, bytes]:
    """What must not be found. Pieces stand for the files: a log line could hold a part of one."""
    return {
        "api key": counter.key.removeprefix("sk_live_").encode(),
        "password": csd.password.encode(),
        "key, its middle": window(csd.key, at=len(csd.key) // 2),
        "key, its end": window(csd.key, at=len(csd.key) - 40),
        "certificate, its signature": window(csd.cer, at=len(csd.cer) - 100),
    }


def journeys(counter: Counter, csd: Issued) -> Seen:
    """Hand in well, badly in every way, to a provider that fails in every way; keep every page."""
    seen = Seen()
    good = Files(cer=csd.cer, key=csd.key, password=csd.password)
    bad = [
        good,
        Files(cer=csd.key, key=csd.cer, password=csd.password),
        Files(cer=csd.cer[:-3], key=csd.key, password=csd.password),
        Files(cer=csd.cer, key=csd.key[:-1], password=csd.password),
        Files(cer=csd.cer, key=csd.key, password=csd.password + "!"),
        Files(cer=csd.cer, key=issue(password=csd.password).key, password=csd.password),
        Files(cer=csd.cer, key=csd.key + bytes(40_000), password=csd.password),
    ]
    seen.pages += [counter.hand_in(files) for files in bad]
    for trouble in TROUBLES:
        for fault in trouble.faults:
            counter.world.sandbox.fault(**fault)
        with repaired(counter):
            seen.pages.append(counter.hand_in(good))
    for code in CODES:
        # A provider that quotes what it was sent, as some do.
        words = f"{csd.password} no abre {csd.key.hex()} con {counter.key}"
        counter.world.sandbox.fault(method="PUT", **problem(400, code, words))
        seen.pages.append(counter.hand_in(good))
    seen.pages += malformed(counter, csd)
    return seen


@contextmanager
def repaired(counter: Counter) -> Iterator[None]:
    """Let a connection that was paused be used again afterwards, and leave no fault over."""
    yield
    counter.world.sandbox.ask("DELETE", "/_sandbox/faults")
    with counter.world.owner.begin() as connection:
        connection.execute(text("UPDATE connections SET paused_at = NULL, paused_because = NULL"))


def malformed(counter: Counter, csd: Issued) -> Iterator[Page]:
    """Send the same secrets in bodies that break in the middle of them."""
    boundary = b"--b\r\n"
    disposition = b'Content-Disposition: form-data; name="'
    password = boundary + disposition + b'password"\r\n\r\n' + csd.password.encode()
    key = boundary + disposition + b'key"; filename="k.key"\r\n\r\n' + csd.key
    bodies = [
        password,
        password + b"\r\n--b\r\n",
        key,
        key + b"\r\n--b--\r\n trailing " + csd.key,
        password + b"\r\n" + password + b"\r\n--b--\r\n",
        boundary + disposition + csd.password.encode() + b'"\r\n\r\nx\r\n--b--\r\n',
        boundary + b"X-" + csd.password.encode() + b": y\r\n\r\nx\r\n--b--\r\n",
    ]
    for body in bodies:
        customer = Customer(origin=counter.world.gateway.url)
        headers = {"Content-Type": "multipart/form-data; boundary=b", "Origin": counter.world.gateway.url}
        yield Page.of(customer.session.post(counter.address, data=body, headers=headers, timeout=30))


def crash_in_the_middle(counter: Counter, csd: Issued) -> None:
    """Let the gateway die with everything but the last bytes in its memory."""
    files = {"cer": ("a.cer", csd.cer), "key": ("a.key", csd.key)}
    customer = Customer(origin=counter.world.gateway.url)
    hidden = customer.open(counter.address).hidden()
    body, content_type = encode_multipart_formdata({**hidden, "password": csd.password, **files})
    host = urlsplit(counter.world.gateway.url).netloc
    connection = http.client.HTTPConnection(host, timeout=30)
    connection.putrequest("POST", urlsplit(counter.address).path)
    told = {"Content-Type": content_type, "Content-Length": str(len(body)), "Origin": counter.world.gateway.url}
    told["Cookie"] = "; ".join(f"{cookie.name}={cookie.value}" for cookie in customer.session.cookies)
    for name, value in told.items():
        connection.putheader(name, value)
    connection.endheaders()
    connection.send(body[:-10])
    assert connection.sock
    assert becomes(lambda: taken(connection.sock), 30)
    beside.crash(counter.world.gateway)
    connection.close()


def taken(sock: socket.socket) -> bool:
    """Whether whoever is at the other end has read all that was sent."""
    port = sock.getsockname()[1]
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return all(
        queues == "00000000:00000000" for _, local, other, _, queues, *_ in rows if f":{port:04X}" in local + other
    )


def leaks(world: World, seen: Seen, canary: Canary, place: Path, postgres: Embedded) -> list[Leak]:
    """Everything that is found, everywhere."""
    running = [
        world.gateway.child.process.pid,
        postgres.process.pid,
    ]
    family = [
        member for pid in running for member in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True))
    ]
    return [
        *seen.search(canary),
        *beside.search(world, canary),
        *canary.search("dump", dump(world).encode()),
        *canary.search_folder(place, besides=sorted((place / "sandbox").rglob("*"))),
        *canary.search_processes(family),
    ]


def dump(world: World) -> str:
    """Every row of every table, as its owner can read them."""
    with world.owner.connect() as connection:
        names = connection.scalars(text("SELECT format('%I.%I', schemaname, tablename) FROM pg_tables")).all()
        tables = [name for name in names if not name.startswith(("pg_catalog.", "information_schema."))]
        return "\n".join(str(row) for name in tables for row in connection.execute(text(f"TABLE {name}")))


@pytest.mark.attack("secrets", "every secret, looked for in logs, pages, dumps, ledgers and processes", "found nowhere")
def test_no_secret_is_found_anywhere(counter: Counter, place: Path, postgres: Embedded, clocked: Server) -> None:
    csd = issue(password=PASSWORD)
    canary = Canary(secrets_of(counter, csd))

    seen = journeys(counter, csd)
    crash_in_the_middle(counter, csd)

    assert beside.written_to(place) == set()
    assert leaks(counter.world, seen, canary, place, postgres) == []
    assert [*beside.search_dashboard(counter.world, canary)] == []
    assert len(counter.puts) > len(CODES), "the journeys did not happen"
    assert clocked.child.process.poll() is None


@pytest.mark.attack("secrets", "a leak that is planted", "found")
def test_a_planted_leak_is_found(counter: Counter, place: Path, postgres: Embedded) -> None:
    """In every place in which there can be one: what the search above stands on."""
    csd = issue(password='Plantado "ñ" & 9042')
    canary = Canary(secrets_of(counter, csd))
    log = place / "planted.log"
    log.write_bytes(b"handing in " + csd.key)
    for time in range(5):  # one could lie across two pages of the write-ahead log
        with counter.world.owner.begin() as connection:
            connection.execute(text("UPDATE organizations SET name = :said"), {"said": f"{time} {csd.password}"})

    shared = sharing.share(sharing.MEMORY)
    (shared / "counter_1.db").write_bytes(b'{"password": "%s"}' % csd.password.encode())
    for path in (beside.TRACES, beside.HOOKS):
        requests.post(counter.world.collector.url + path, data=b"\x0a\x40" + csd.key.hex().encode(), timeout=30)
    (place / "mails").mkdir(exist_ok=True)
    mail = place / "mails" / "planted.eml"
    mail.write_bytes(base64.b64encode(csd.cer))
    with (place / "opened").open("a") as opened:
        opened.write("/tmp/planted.upload\n")

    leaked = leaks(counter.world, Seen(), canary, place, postgres)
    leaked += beside.search_dashboard(counter.world, canary)
    strange = beside.written_to(place)

    log.unlink()
    mail.unlink()
    sharing.remove(shared)
    (place / "opened").write_text((place / "opened").read_text().replace("/tmp/planted.upload\n", ""))
    places = {"planted.log", "postgres", "dump", "traces", "webhook", "mails", "shared memory", "dashboard"}
    assert {next(one for one in places if leak.place.startswith(one)) for leak in leaked} == places
    assert strange == {"/tmp/planted.upload"}

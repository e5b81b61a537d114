"""Who may hand in, and from where; links; and what a connection is good for afterwards."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import requests

from app.database import utcnow
from app.records.models import Upload
from app.records.states import State
from app.sandbox.sat import issue
from app.tenants import links
from app.tenants.models import Link
from tests.acceptance.counter import Counter
from tests.acceptance.customer import Customer, Page
from tests.acceptance.test_verdicts import sentence
from tests.checks.cases import Files

pytestmark = pytest.mark.live

Open = Callable[..., Counter]


def files() -> Files:
    one = issue()
    return Files(cer=one.cer, key=one.key, password=one.password)


def send(
    counter: Counter, customer: Customer, fields: Mapping[str, str], headers: Mapping[str, str] | None = None
) -> Page:
    given = files()
    return customer.send(
        counter.address,
        files={"cer": given.cer, "key": given.key},
        fields={**fields, "password": given.password},
        headers=headers,
    )


def test_the_same_hand_in_with_everything_right_is_taken(counter: Counter) -> None:
    """The positive twin of every refusal below."""
    customer = counter.customer()
    page = send(counter, customer, customer.open(counter.address).hidden())
    assert "/o/" in page.address
    assert len(counter.puts) == 1


def test_without_a_token(counter: Counter) -> None:
    customer = counter.customer()
    own = customer.open(counter.address).hidden()
    page = send(counter, customer, {name: value for name, value in own.items() if name != "csrf_token"})
    check_refused(counter, page, 403, "csrf")


def test_with_another_sessions_token(counter: Counter) -> None:
    own = counter.customer().open(counter.address).hidden()
    page = send(counter, counter.customer(), own)
    check_refused(counter, page, 403, "csrf")


def test_with_a_token_that_was_changed(counter: Counter) -> None:
    customer = counter.customer()
    own = customer.open(counter.address).hidden()
    page = send(counter, customer, own | {"csrf_token": own["csrf_token"][:-2] + "xx"})
    check_refused(counter, page, 403, "csrf")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
def test_from_another_site(counter: Counter, headers: dict[str, str]) -> None:
    customer = counter.customer()
    page = send(counter, customer, customer.open(counter.address).hidden(), headers)
    check_refused(counter, page, 403, "foreign-origin")


def test_without_accepting_the_notice(counter: Counter) -> None:
    customer = counter.customer()
    own = customer.open(counter.address).hidden()
    page = send(counter, customer, {"csrf_token": own["csrf_token"]})
    assert page.status == 422
    assert page.errors == {"notice": sentence("notice", {}, "es")}
    assert counter.puts == []


def check_refused(counter: Counter, page: Page, status: int, slug: str) -> None:
    assert page.status == status
    assert sentence(slug, {}, "es") in page.text
    assert counter.world.sandbox.ledger("facturapi") == []
    assert counter.world.rows(Upload) == []


class TestLinks:
    def test_a_use_counts_when_an_upload_is_accepted_not_when_the_page_is_opened(self, counter: Counter) -> None:
        link = counter.link()
        for _ in range(3):
            assert counter.customer().open(link).status == 200
        assert self.uses(counter) == 0

        page = counter.hand_in(files(), address=link)

        assert "/o/" in page.address
        assert self.uses(counter) == 1
        page = counter.customer().open(link)
        assert (page.status, sentence("link-used-up", {}, "es") in page.text) == (410, True)

    def test_a_hand_in_that_did_not_arrive_gives_the_use_back(self, counter: Counter) -> None:
        link = counter.link()
        counter.world.sandbox.fault(method="PUT", action="status", status=500)
        counter.hand_in(files(), address=link)
        assert counter.upload.state == State.FAILED
        assert self.uses(counter) == 0

    def test_a_refused_file_uses_nothing_up(self, counter: Counter) -> None:
        link = counter.link()
        page = counter.hand_in(Files(cer=files().cer, key=files().key, password="wrong"), address=link)
        assert page.status == 422
        assert self.uses(counter) == 0

    def test_one_use_is_one_upload_however_many_come_at_once(self, counter: Counter) -> None:
        link, pages = counter.link(), list[Page]()
        barrier = threading.Barrier(4)

        def hand_in() -> None:
            customer, given = counter.customer(), files()
            own = customer.open(link).hidden()
            barrier.wait()
            sent = {"cer": given.cer, "key": given.key}
            pages.append(customer.send(link, files=sent, fields={**own, "password": given.password}))

        threads = [threading.Thread(target=hand_in) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sorted(page.status for page in pages) == [200, 410, 410, 410]
        assert [put["bytes"] for put in counter.puts if not put["complete"]] == [0] * (len(counter.puts) - 1)
        assert len(counter.world.rows(Upload)) == 1

    def test_expired(self, counter: Counter) -> None:
        ends = utcnow() + timedelta(minutes=5)
        link = counter.link(expires_at=ends)
        assert counter.customer().open(link).status == 200
        counter.world.set_clock(ends + timedelta(seconds=1))
        page = counter.customer().open(link)
        assert (page.status, sentence("link-expired", {"date": ends}, "es") in page.text) == (410, True)

    def test_revoked(self, counter: Counter) -> None:
        link = counter.link()
        (row,) = counter.world.rows(Link)
        with counter.world.database.transaction(counter.organization.id) as session:
            links.revoke(session, row.id, utcnow())
        page = counter.customer().open(link)
        assert (page.status, sentence("link-revoked", {}, "es") in page.text) == (410, True)

    def test_the_passphrase_is_asked_for_before_anything_else(self, counter: Counter) -> None:
        link = counter.link(passphrase="camarón dormido")
        customer = counter.customer()
        page = customer.open(link)
        assert not page.html.select("input[type=file]")
        address = f"{link}/passphrase"

        page = customer.send(address, files={}, fields={**page.hidden(), "passphrase": "otra cosa"})
        assert page.errors == {"passphrase": sentence("passphrase", {}, "es")}
        page = customer.send(address, files={}, fields={**page.hidden(), "passphrase": "camarón dormido"})

        assert page.status == 200
        assert page.html.select("input[type=file]")
        assert self.uses(counter) == 0

    def test_a_hand_in_without_the_passphrase_is_not_taken(self, counter: Counter) -> None:
        link = counter.link(passphrase="camarón dormido")
        customer = counter.customer()
        own = customer.open(counter.address).hidden()
        given = files()
        fields = {**own, "password": given.password}
        page = customer.send(link, files={"cer": given.cer, "key": given.key}, fields=fields)
        assert page.status in {401, 403, 422}
        assert counter.puts == []

    def test_the_token_leaves_by_no_referer_and_no_log(self, counter: Counter) -> None:
        link = counter.link()
        token = link.rpartition("/")[2]
        page = counter.hand_in(files(), address=link)
        outcome = page.address.rpartition("/")[2]
        for address in (link, page.address):
            assert counter.customer().open(address).headers["Referrer-Policy"] == "strict-origin"
        assert token not in counter.world.gateway.log()
        assert outcome not in counter.world.gateway.log()

    @staticmethod
    def uses(counter: Counter) -> int:
        (link,) = counter.world.rows(Link)
        return link.uses


class TestOutcomePage:
    def test_its_address_lasts_and_can_not_be_guessed(self, counter: Counter) -> None:
        address = counter.hand_in(files()).address
        assert len(address.rpartition("/")[2]) >= 22
        page = Customer(origin=counter.world.gateway.url).open(address)
        assert page.status == 200
        assert str(counter.upload.id) in page.text
        assert Customer(origin=counter.world.gateway.url).open(address[:-1] + "!").status == 404

    def test_it_is_kept_by_nobody_on_the_way(self, counter: Counter) -> None:
        page = counter.customer().open(counter.hand_in(files()).address)
        assert "no-store" in page.headers["Cache-Control"]


class TestConnection:
    """The gateway itself, where the reader's own tests have a small application."""

    def test_a_refusal_reaches_a_client_that_is_still_sending(self, counter: Counter) -> None:
        with self.connect(counter) as connection:
            connection.sendall(self.head(counter, length=500_000_000, extra="Origin: https://elsewhere.example\r\n"))
            connection.sendall(b"x" * 100_000)
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            assert answer.status == 403
            assert answer.getheader("Connection") == "close"

    def test_a_second_hand_in_on_the_same_connection(self, counter: Counter) -> None:
        customer = counter.customer()
        adapter = requests.adapters.HTTPAdapter(pool_connections=1, pool_maxsize=1)
        customer.session.mount("http://", adapter)
        own = customer.open(counter.address).hidden()
        statuses = [
            send(counter, customer, own).status,
            send(counter, customer, {"csrf_token": own["csrf_token"]}).status,
            send(counter, customer, customer.open(counter.address).hidden()).status,
        ]
        assert statuses == [200, 422, 200]
        assert len(counter.puts) == 2

    def test_a_client_that_goes_away_in_the_middle_leaves_nothing(self, counter: Counter) -> None:
        with self.connect(counter) as connection:
            connection.sendall(self.head(counter, length=5_000))
            connection.sendall(b"--b\r\nContent-Disposition: form-data; name=")
        page = counter.hand_in(files())
        assert "/o/" in page.address
        assert len(counter.puts) == 1
        assert counter.upload.state == State.DELIVERED

    @staticmethod
    def connect(counter: Counter) -> socket.socket:
        address = urlsplit(counter.world.gateway.url)
        assert address.hostname
        assert address.port
        return socket.create_connection((address.hostname, address.port), timeout=20)

    @staticmethod
    def head(counter: Counter, *, length: int, extra: str = "") -> bytes:
        path = urlsplit(counter.address).path
        return (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
            f"Content-Length: {length}\r\n{extra}\r\n"
        ).encode()


class TestTenants:
    def test_a_form_hands_in_for_its_own_organization_only(self, open_counter: Open) -> None:
        first, second = open_counter(slug="first"), open_counter(slug="second")
        first.world.sandbox.seed(facturapi={"organizations": [first.provider_entry, second.provider_entry]})
        for counter in (first, second):
            counter.hand_in(files())
        puts = first.puts
        assert [put["path"].split("/")[4] for put in puts] == [first.account, second.account]
        assert [put["authorization"] for put in puts] == [f"Bearer {first.key}", f"Bearer {second.key}"]
        assert [upload.organization_id for upload in first.world.rows(Upload)] == [
            first.organization.id,
            second.organization.id,
        ]

"""Where requests may go, whatever a connection's settings say."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence

import pytest

from app.delivery.egress import RESOLVERS, Address, Egress, EgressRefused, is_public, resolve


def found(*addresses: str) -> Sequence[Address]:
    return [Address(family=socket.AF_INET6 if ":" in one else socket.AF_INET, sockaddr=(one, 443)) for one in addresses]


@pytest.mark.parametrize("address", ["1.1.1.1", "151.101.1.63", "2606:4700::1111", "2a00:1450:4001::200e"])
def test_the_open_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.attack(
    "ways out", "an address of an inner network, of a metadata service or of another way in", "not public"
)
@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.1.2.3",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "100.100.100.200",
        "169.254.169.254",
        "168.63.129.16",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:1.1.1.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2001:0:7f00:1::",
        "2001:db8::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "100::1",
        "not an address",
    ],
)
def test_everything_else_is_not(address: str) -> None:
    assert not is_public(address)


@pytest.mark.attack(
    "ways out",
    "an address in an odd spelling or scheme, or with a name, a key or a fragment in it",
    "refused before anybody is asked",
)
@pytest.mark.parametrize(
    "url",
    [
        "http://www.facturapi.io/v2",
        "ftp://www.facturapi.io/v2",
        "file:///etc/passwd",
        "gopher://www.facturapi.io/",
        "//www.facturapi.io/v2",
        "/organizations",
        "",
        "https://",
        "https:///v2",
        "https://10.0.0.1/v2",
        "https://[fd00::1]/v2",
        "https://user@www.facturapi.io/v2",
        "https://user:password@www.facturapi.io/v2",
        "https://@www.facturapi.io/v2",
        "https://www.facturapi.io/v2#fragment",
        "https://www.facturapi.io\\@127.0.0.1/",
        "https://www.facturapi.io\\.example/",
        "https://www.facturapi.io/a b",
        "https://www.facturapi.io/\r\nX: y",
        "https://factúrapi.io/",
        "https://www.facturapi.io:port/",
        "https://www.facturapi.io:99999/",
        "https://[::1/",
    ],
)
def test_odd_addresses_are_refused(url: str) -> None:
    with pytest.raises(EgressRefused):
        Egress().check(url)


@pytest.mark.parametrize(
    "url", ["https://www.facturapi.io/v2", "HTTPS://www.facturapi.io:8443/v2?a=b", "https://1.1.1.1/v2"]
)
def test_https_is_let_through(url: str) -> None:
    Egress().check(url)


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://127.0.0.1:8001/facturapi/v2", True),
        ("http://127.0.0.1:8002/facturapi/v2", False),
        ("http://127.0.0.1/facturapi/v2", False),
        ("http://inner.example/v2", True),
        ("http://INNER.example.:80/v2", True),
        ("http://inner.example:8001/v2", False),
    ],
)
def test_plain_http_is_allowed_by_origin_alone(url: str, allowed: bool) -> None:
    egress = Egress(("http://127.0.0.1:8001", "http://Inner.example/"))
    if allowed:
        egress.check(url)
    else:
        with pytest.raises(EgressRefused):
            egress.check(url)


def test_a_public_name_is_resolved_once_and_pinned() -> None:
    asked = []

    def answer(host: str, port: int) -> Sequence[Address]:
        asked.append((host, port))
        return found("1.1.1.1", "2606:4700::1111")

    addresses = Egress(resolve=answer).addresses("https", "www.facturapi.io", 443, 5)
    assert [one.sockaddr[0] for one in addresses] == ["1.1.1.1", "2606:4700::1111"]
    assert asked == [("www.facturapi.io", 443)]


@pytest.mark.attack(
    "ways out",
    "a public name that leads to an inner address, also as one of several",
    "refused; nothing is connected to",
)
@pytest.mark.parametrize("inner", ["127.0.0.1", "169.254.169.254", "::ffff:10.0.0.1", "fd00::1"])
def test_a_name_that_leads_inside_is_refused_even_in_part(inner: str) -> None:
    egress = Egress(resolve=lambda _host, _port: found("1.1.1.1", inner))
    with pytest.raises(EgressRefused, match="not a public address"):
        egress.addresses("https", "rebound.example", 443, 5)


@pytest.mark.attack(
    "ways out", "this machine as a number, in hexadecimal, cut short or by name", "refused when it is gone to"
)
@pytest.mark.parametrize("host", ["0x7f000001", "2130706433", "127.1", "localhost"])
def test_no_spelling_of_this_machine_gets_through(host: str) -> None:
    with pytest.raises(EgressRefused, match="not a public address"):
        Egress().addresses("https", host, 443, 5)


def test_the_rule_holds_for_what_is_connected_to() -> None:
    with pytest.raises(EgressRefused, match="not https"):
        Egress().addresses("http", "www.facturapi.io", 80, 5)
    with pytest.raises(EgressRefused, match="no host"):
        Egress().addresses("https", "", 443, 5)


def test_an_allowed_origin_may_be_private() -> None:
    egress = Egress(("https://inner.box:8443",), resolve=lambda _host, _port: found("10.0.0.1"))
    for spelt in ("inner.box", "INNER.BOX", "inner.box."):
        assert egress.addresses("https", spelt, 8443, 5)
    with pytest.raises(EgressRefused):
        egress.addresses("https", "inner.box", 443, 5)


@pytest.mark.attack("ways out", "a name server that never answers", "given up in time")
def test_a_resolver_that_hangs_is_not_waited_for() -> None:
    done = threading.Event()

    def hang(_host: str, _port: int) -> Sequence[Address]:
        done.wait(10)
        return []

    with pytest.raises(TimeoutError):
        Egress(resolve=hang).addresses("https", "slow.example", 443, 0.05)
    done.set()


def test_resolvers_that_hang_are_bounded() -> None:
    assert Egress()._threads._max_workers == RESOLVERS


def test_the_systems_own_answer() -> None:
    (address,) = resolve("127.0.0.1", 443)
    assert address.sockaddr == ("127.0.0.1", 443)

"""A client's address: what our own proxies saw, and nothing that a client says."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from app.intake.addresses import address

PROXIES = [ip_network("127.0.0.1"), ip_network("::1"), ip_network("10.0.0.0/8")]


@pytest.mark.parametrize(
    ("peer", "said", "found"),
    [
        ("203.0.113.7", None, "203.0.113.7"),
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),  # it says so itself
        ("127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1"),  # the left one is the client's own
        ("127.0.0.1", "6.6.6.6, 198.51.100.1,10.1.2.3", "198.51.100.1"),
        ("127.0.0.1", None, "127.0.0.1"),
        ("127.0.0.1", "10.1.2.3", "10.1.2.3"),
        ("", "198.51.100.1", "198.51.100.1"),  # a socket of this machine
        ("", None, None),
        ("127.0.0.1", "unknown", None),
        ("2001:db8:1:2:3:4:5:6", None, "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", None, "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", None, "203.0.113.7"),
        ("::1", "2001:db8::1", "2001:db8::/64"),
    ],
)
def test_address(peer: str, said: str | None, found: str | None) -> None:
    environ = {"REMOTE_ADDR": peer} | ({} if said is None else {"HTTP_X_FORWARDED_FOR": said})
    assert address(environ, PROXIES) == found

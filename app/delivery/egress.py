"""Where requests may go: https to public addresses, each name resolved once, and whatever is allowed by name.

The rule is applied to what is connected to, not to how an address was written: urllib3 asks for the addresses of the
host that it understood, gets those that were judged, and nobody resolves the name again. A provider's address is a
setting of a connection, so it may have been chosen by somebody who would like to see our inner network.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final
from urllib.parse import SplitResult, urlsplit

PORTS: Final = {"https": 443, "http": 80}

#: Global unicast, which is all that IPv6 has given out so far; mapped and translated IPv4 lie outside.
_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
#: Public by number, but answered by the machine's own host: Azure's platform address.
_METADATA: Final = frozenset({ipaddress.ip_address("168.63.129.16")})
#: What an address that is used is made of; everything else is escaped.
_PLAIN: Final = re.compile(r"[\x21-\x7e]+")

#: A name that everybody reads alike.
_HOST: Final = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+")

#: A resolver that hangs holds a thread until the system gives up; more than these then wait in vain, in time.
RESOLVERS: Final = 16


class EgressRefused(Exception):  # noqa: N818 - a refusal, like the others
    """An address that requests do not go to. No OSError: for urllib3 that would be a fault of the network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One that may be connected to."""

    family: socket.AddressFamily
    sockaddr: tuple[str, int] | tuple[str, int, int, int]


Resolve = Callable[[str, int], Sequence[Address]]


def resolve(host: str, port: int) -> Sequence[Address]:
    """Ask the system; raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [Address(family=family, sockaddr=sockaddr) for family, _, _, _, sockaddr in found]  # type: ignore[arg-type]


class Egress:
    """The rule. `allow` are origins that may be private or plain http: the sandbox, a provider within the house."""

    def __init__(self, allow: Collection[str] = (), resolve: Resolve = resolve) -> None:
        self._allow = frozenset(_origin(urlsplit(origin)) for origin in allow)
        self._resolve = resolve
        self._threads = ThreadPoolExecutor(RESOLVERS, thread_name_prefix="resolve")

    def check(self, url: str, hosts: Collection[str] | None = None) -> None:
        """Raise EgressRefused for an address that is odd or may not be gone to; asks nobody.

        With `hosts` (patterns, as `*.provider.example`) only to those, and to what is allowed by name.
        """
        try:
            parts = urlsplit(url)
            scheme, host, port = _origin(parts)
        except ValueError:
            raise EgressRefused("not an address") from None
        if not _PLAIN.fullmatch(url) or "\\" in url or "@" in parts.netloc or parts.fragment:
            raise EgressRefused("an address with more in it than a place")
        self._admit(scheme, host, port)
        if hosts is None or (scheme, host, port) in self._allow:
            return
        if not _HOST.fullmatch(host) or not any(fnmatchcase(host, pattern) for pattern in hosts):
            raise EgressRefused("not a host of the provider's")

    def addresses(self, scheme: str, host: str, port: int, seconds: float) -> Sequence[Address]:
        """Where to connect to; raises EgressRefused, and OSError where the name says nothing, or not in time."""
        origin = (scheme, host.rstrip(".").lower(), port)
        self._admit(*origin)
        asked = self._threads.submit(self._resolve, host, port)
        try:
            found = asked.result(seconds)
        finally:
            asked.cancel()
        if origin not in self._allow and not all(is_public(address.sockaddr[0]) for address in found):
            raise EgressRefused("not a public address")
        return found

    def _admit(self, scheme: str, host: str, port: int) -> None:
        if not host:
            raise EgressRefused("no host")
        if (scheme, host, port) in self._allow:
            return
        if scheme != "https":
            raise EgressRefused("not https")
        if _is_number(host) and not is_public(host):
            raise EgressRefused("not a public address")


def is_public(address: str) -> bool:
    """Whether an address is one of the open internet's, and not a way around to one that is not."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if ip.version == 6 and (ip not in _GLOBAL_UNICAST or ip.sixtofour or ip.teredo):
        return False
    return ip.is_global and not ip.is_multicast and ip not in _METADATA


def _is_number(host: str) -> bool:
    """Whether a host is an address and not a name; what a name leads to is judged when it is gone to."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    """Scheme, host and port, as they are compared; raises ValueError for a port that is none."""
    scheme = parts.scheme.lower()
    return scheme, (parts.hostname or "").rstrip("."), parts.port or PORTS.get(scheme, 0)

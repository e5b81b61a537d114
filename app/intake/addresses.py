"""Where a request comes from."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: Of an address of version 6, what belongs to one subscriber.
SUBSCRIBER: Final = 64


def address(environ: WSGIEnvironment, proxies: Collection[IPv4Network | IPv6Network]) -> str | None:
    """Whose the client's address is, as `client` finds it: of version 6, its subscriber's whole network."""
    found = client(environ, proxies)
    if isinstance(found, IPv6Address):
        return str(IPv6Network((found, SUBSCRIBER), strict=False))
    return str(found) if found else None


def client(
    environ: WSGIEnvironment, proxies: Collection[IPv4Network | IPv6Network]
) -> IPv4Address | IPv6Address | None:
    """The client's address as the outermost of our own proxies saw it.

    What a client says of itself counts for nothing: from the connection outwards, each hop is believed only as long as
    it is one of ours. A socket of this machine has no address, and whoever may use it is one of ours. None where
    nothing tells.
    """
    said = environ.get("HTTP_X_FORWARDED_FOR", "")
    hops = [environ.get("REMOTE_ADDR", ""), *reversed(said.split(",") if said else [])]
    found: IPv4Address | IPv6Address | None = None
    for hop in hops:
        if hop:
            found = _parsed(hop.strip())
            if found is None or not any(found in network for network in proxies):
                break
    return found


def is_from_proxy(environ: WSGIEnvironment, proxies: Collection[IPv4Network | IPv6Network]) -> bool:
    """Whether the connection is one of our own proxies': what they add to a request is true."""
    peer = environ.get("REMOTE_ADDR", "")
    found = _parsed(peer.strip()) if peer else None
    return not peer or (found is not None and any(found in network for network in proxies))


@lru_cache(1_024)
def _parsed(hop: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(hop)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found

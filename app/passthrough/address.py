"""What an address below `/proxy/` says: whose API, through which connection, and what is asked for there.

It is read from the request line as it was sent: what is passed on is what was judged, to the letter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import parse_qsl

from app.passthrough.errors import NoSuchProvider, NotListed

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: `provider`, `provider@connection`, or `provider@organization.connection`; some clients escape the sign.
_HEAD: Final = re.compile(r"/proxy/([a-z]+)(?:(?:@|%40)(?:([a-z0-9-]+)\.)?([a-z0-9-]+))?(/.*)", re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One, taken apart."""

    provider: str
    #: Slug of the organization; only who shows a token of the house has to say it.
    organization: str | None
    #: Name of the connection; only where there are several has anybody to say it.
    connection: str | None
    #: Raw, from the first slash behind the connection on.
    path: str
    #: Raw, with its question mark; empty where there is none.
    query: str

    @classmethod
    def of(cls, environ: WSGIEnvironment) -> Self:
        """Read the request line's target; raises NoSuchProvider."""
        raw = str(environ.get("RAW_URI", ""))
        path, mark, query = raw.partition("?")
        found = _HEAD.fullmatch(path)
        if found is None:
            raise NoSuchProvider
        provider, organization, connection, below = found.groups()
        return cls(provider=provider, organization=organization, connection=connection, path=below, query=mark + query)

    def below(self, base_path: str) -> str:
        """The path below the one that every address of the API begins with; raises NotListed."""
        below = self.path.removeprefix(base_path)
        if base_path and (below == self.path or not below.startswith("/")):
            raise NotListed(call=self.path[:200])
        return below

    def parameters(self, name: str) -> list[str]:
        """Every value of a parameter of the query, under whatever spelling somebody may take for its name."""
        found = parse_qsl(self.query.removeprefix("?"), keep_blank_values=True)
        return [value for one, value in found if one.partition("[")[0].strip().casefold() == name.casefold()]

"""Who asks, and what they may do in which site."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app.sandbox.formkiq.errors import Refused

DEFAULT_SITE: Final = "default"
RESERVED: Final = frozenset({"GLOBAL", "API_KEY"})
READ: Final = frozenset({"READ"})
ALL: Final = frozenset({"READ", "WRITE", "DELETE"})
#: Longest API key that is looked up.
KEY_LENGTH: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whose key or token came with a request."""

    name: str
    sites: Mapping[str, frozenset[str]]
    is_admin: bool = False

    def site(self, asked: str | None, permission: str) -> str:
        """The site that a request is about, if this may be done there. Raises Refused."""
        site = asked or (next(iter(self.sites)) if len(self.sites) == 1 else DEFAULT_SITE)
        if site.upper() in RESERVED:
            raise Refused(401, f"'{site}' siteId is reserved")
        if self.is_admin:
            return site
        if site not in self.sites:
            raise Refused(403, f"fkq access denied to siteId ({site})")
        if permission not in self.sites[site]:
            raise Refused(403, f"fkq access denied (groups: {site} ({','.join(sorted(self.sites[site]))}))")
        return site


def by_groups(name: str, groups: tuple[str, ...]) -> Caller:
    """Someone in those groups: `site` may do all in it, `site_read` only read, `Admins` all everywhere."""
    sites = {group.removesuffix("_read"): READ for group in groups if group.endswith("_read")}
    sites |= {group: ALL for group in groups if not group.endswith("_read") and group != "Admins"}
    return Caller(name=name, sites=sites, is_admin="Admins" in groups)

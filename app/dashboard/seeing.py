"""What somebody may see of all: everything for those of the house, their own organization for its manager."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

from flask import url_for
from sqlalchemy.orm import Session

from app.api.asking import Asker
from app.dashboard import pages
from app.dashboard.pages import PAGES, Page
from app.services import services

#: What a path names, whatever it calls it.
NAMED: Final = re.compile(r"<[^>]+>")


@contextmanager
def seen(asker: Asker) -> Iterator[Session]:
    """A transaction that sees what the asker may see of all organizations, or of theirs."""
    if asker.organization_id is None:
        with services().database.overview() as session:
            yield session
    else:
        with asker.transaction() as session:
            yield session


def way(path: str, *named: object) -> str | None:
    """Address of the page with this path (`/uploads/<>`), if there is one and the person may open it."""
    one = _by_path().get(pages.PREFIX + path)
    if one is None or not pages.may(one.endpoint):
        return None
    names = [found.strip("<>").rpartition(":")[2] for found in NAMED.findall(one.path)]
    values: dict[str, Any] = dict(zip(names, map(str, named), strict=True))
    return url_for(f"dashboard.{one.endpoint}", **values)


@cache
def _by_path() -> Mapping[str, Page]:
    """All pages that can be led to, whatever their addresses call what they name; asked once all are declared."""
    return {NAMED.sub("<>", one.path): one for one in PAGES.values() if one.method == "GET"}

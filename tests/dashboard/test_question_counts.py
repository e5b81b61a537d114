"""What each page asks of a database with a hundred thousand uploads: so many questions and no more, and reads no table
of what happened from one end to the other.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlalchemy import Connection, event, text

from app.dashboard.pages import PAGES, Page
from app.dashboard.whose import TWIN
from app.database import HOUSE, utcnow
from app.records.finding import Sought, behind
from app.records.states import State
from app.tenants import people
from app.tenants.roles import Role
from app.tenants.user_models import User
from tests.dashboard.conftest import PASSWORD, sign_in
from tests.dashboard.told import told
from tests.filled import Filled, filled

__all__ = ["filled"]

pytestmark = pytest.mark.live  # it takes a while to fill

#: Questions of a page: beginning a transaction and saying whose rows it sees are among them.
MOST: Final = 30
#: Pages that ask more, and how many.
MORE: Final[Mapping[str, int]] = {}
#: Of what happened, as far as the demo makes it up.
LARGE: Final = {"uploads", "attempts"}
#: Addresses of pages that are asked in more ways than one.
NARROWED: Final = (
    "/admin/uploads?state=failed",
    "/admin/uploads?state=failed&state=unknown&state=waiting",
    "/admin/uploads?q=csd+ramirez",
    "/admin/uploads?q=0001",
    "/admin/uploads?organization={organization}&state=failed",
    "/admin/uploads?organization={organization}&connection={connection}",
    "/admin/uploads?provider=flatfile&problem=gave-up",
    "/admin/uploads?since=2026-01-01&until=2099-01-01",
    "/admin/uploads/act?state=failed",
    "/admin/search?q=csd",
    "/admin?period=90d",
)
ASKED: Final = re.compile(r"^\s*(SELECT|WITH|\()", re.IGNORECASE)
#: Whether there is any at all: the first row that is met answers it.
FIRST: Final = re.compile(r"^SELECT EXISTS \(SELECT \w+\.id \nFROM \w+\)", re.IGNORECASE)
#: Where a provider is asked: there is none here.
ASKS_A_PROVIDER: Final = 502


@pytest.fixture(scope="module")
def named(filled: Filled, ana: User) -> Mapping[str, str]:
    """What stands in addresses → one of those that there are, of an organization that had something fail."""
    with filled.database.overview() as session:
        failed = behind(session, Sought(states=frozenset({State.FAILED})), None, limit=1).lines[0]
        organization = {"organization": failed.organization_id}

        def one(sql: str) -> str:
            return str(session.execute(text(sql), organization).scalar_one())

        through, _, name = failed.operation.partition("/")
        found = {
            "organization": failed.organization,
            "connection": failed.connection,
            "through": through,
            "name": name,
            "upload_id": str(failed.id),
            "form_id": one("SELECT id FROM forms WHERE organization_id = :organization LIMIT 1"),
            "link_id": one("SELECT id FROM links WHERE organization_id = :organization LIMIT 1"),
            "token_id": one("SELECT id FROM api_tokens WHERE organization_id = :organization LIMIT 1"),
            "user_id": str(ana.id),
        }
    return {**found, **told(filled.owner, failed.organization_id), **told(filled.owner, HOUSE, TWIN)}


@pytest.fixture(scope="module")
def ana(filled: Filled) -> User:
    """Somebody who sees everything."""
    about: dict[str, Any] = {"role": Role.OWNER, "email": "ana@example.com", "name": "Ana", "locale": "en"}
    with filled.database.transaction(HOUSE) as session:
        return people.add(session, password=SecretStr(PASSWORD), now=utcnow(), **about)


@pytest.fixture(scope="module")
def client(filled: Filled, ana: User) -> FlaskClient:
    """She, signed in."""
    del ana
    found = filled.app.test_client()
    assert sign_in(found, "ana@example.com").status_code == 303
    return found


class Listener:
    """Hears every question of this thread while somebody listens: others' are no page's."""

    def __init__(self, filled: Filled) -> None:
        self.questions: list[str] = []
        self.scans: list[str] = []
        self._listening: int | None = None
        event.listen(filled.database.engine, "before_cursor_execute", self._hear)

    @contextmanager
    def __call__(self) -> Iterator[None]:
        self.questions, self.scans = [], []
        self._listening = threading.get_ident()
        try:
            yield
        finally:
            self._listening = None

    def _hear(self, connection: Connection, _: Any, statement: str, values: Any, *__: Any) -> None:
        if self._listening != threading.get_ident():
            return
        self.questions.append(statement)
        if ASKED.match(statement) and not FIRST.match(statement):
            found = connection.connection.cursor().execute("EXPLAIN (FORMAT JSON) " + statement, values).fetchone()
            plan = json.loads(found[0]) if isinstance(found[0], str) else found[0]
            self.scans.extend(f"{name}: {statement}" for name in scanned(plan[0]["Plan"]))


@pytest.fixture(scope="module")
def asked(filled: Filled) -> Listener:
    """`with asked(): …` hears what is asked of the database meanwhile."""
    return Listener(filled)


def scanned(plan: Mapping[str, Any]) -> Iterator[str]:
    if plan["Node Type"] == "Seq Scan" and plan["Relation Name"] in LARGE:
        yield plan["Relation Name"]
    for one in plan.get("Plans", ()):
        yield from scanned(one)


def address(page: Page, named: Mapping[str, str]) -> str:
    def one(found: re.Match[str]) -> str:
        return named.get(TWIN + found[1], named[found[1]]) if page.endpoint.startswith(TWIN) else named[found[1]]

    return re.sub(r"<(?:[^:>]+:)?([^>]+)>", one, page.path)


READ: Final = sorted(name for name, page in PAGES.items() if page.method == "GET" and page.right is not None)


@pytest.mark.parametrize("endpoint", READ)
def test_a_page_asks_little(asked: Listener, client: FlaskClient, named: Mapping[str, str], endpoint: str) -> None:
    path = address(PAGES[endpoint], named)
    with asked():
        answer = client.get(path)
    assert answer.status_code < 500 or answer.status_code == ASKS_A_PROVIDER
    assert asked.scans == []
    assert len(asked.questions) <= MORE.get(endpoint, MOST), "\n".join(asked.questions)


@pytest.mark.parametrize("path", NARROWED)
def test_nor_more_where_it_is_narrowed(
    asked: Listener, client: FlaskClient, named: Mapping[str, str], path: str
) -> None:
    with asked():
        answer = client.get(path.format(**named))
    assert answer.status_code == 200
    assert asked.scans == []
    assert len(asked.questions) <= MOST, "\n".join(asked.questions)


def test_what_reads_all_of_them_is_noticed(filled: Filled, asked: Listener) -> None:
    with asked(), filled.database.overview() as session:
        session.execute(text("SELECT count(*) FROM uploads WHERE lower(provider_message) = 'x'"))
    assert len(asked.scans) == 1

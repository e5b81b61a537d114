"""What tests of people have in common: a clock that they set, codes of an authenticator, the log, a key of a device."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from app.database import HOUSE, Database, utcnow
from app.records.models import AuditEntry
from app.tenants import factors
from app.tenants.user_models import User
from tests.dashboard.conftest import ORIGIN, token_of


class Clock:
    """The gateway's time, which stands still until it is set on."""

    def __init__(self) -> None:
        self.now = utcnow()

    def __call__(self) -> datetime:
        return self.now

    def on(self, **span: float) -> None:
        self.now += timedelta(**span)


@contextmanager
def clocked(app: Flask, **settings: Any) -> Iterator[Clock]:
    """Let the application run by a clock of ours, and by other settings."""
    clock, parts = Clock(), app.extensions["ventanilla"]
    changed = parts.settings.model_copy(update=settings)
    app.extensions["ventanilla"] = replace(parts, clock=clock, settings=changed)
    yield clock
    app.extensions["ventanilla"] = parts


def send(client: FlaskClient, page: str, action: str, **fields: str) -> TestResponse:
    """Send a form as the page would that it stands on."""
    token = token_of(client.get(page))
    return client.post(action, data={**fields, "csrf_token": token}, headers={"Origin": ORIGIN})


def offered(page: TestResponse) -> tuple[str, str]:
    """The secret that a page offers: sealed, and as an authenticator takes it."""
    sealed = re.search(r'name="offer" value="([^"]+)"', page.text)
    key = re.search(r'class="key">([^<]+)<', page.text)
    assert sealed
    assert key
    return html.unescape(sealed[1]), f"otpauth://totp/x?secret={key[1].replace('-', '')}"


def code_of(uri: str, now: datetime) -> str:
    """What an authenticator shows."""
    written: str = factors._Codes(now).generate_totp_password(uri)
    return written


def recovery_codes(page: TestResponse) -> list[str]:
    return re.findall(r"<li><code>([a-z2-7-]{19})</code></li>", page.text)


def authenticator(client: FlaskClient, clock: Clock) -> tuple[str, list[str]]:
    """Set an authenticator up; its secret, and the recovery codes."""
    sealed, uri = offered(client.get("/admin/account/authenticator"))
    page = "/admin/account/authenticator"
    done = send(client, page, page, offer=sealed, code=code_of(uri, clock.now))
    assert done.status_code == 200, done.text
    clock.on(seconds=60)  # the code that was just used is good no more
    return uri, recovery_codes(done)


def entries(database: Database, about: User | None = None) -> list[AuditEntry]:
    """What the house's log says, of somebody or of all."""
    with database.transaction(HOUSE) as session:
        wanted = select(AuditEntry).order_by(AuditEntry.id)
        return list(session.scalars(wanted if about is None else wanted.where(AuditEntry.subject_id == about.id)))


def actions(database: Database, about: User | None = None) -> list[str]:
    return [entry.action for entry in entries(database, about)]

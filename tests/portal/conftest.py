"""The portal's pages without a database: what is shown of an organization, a form and an upload made by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr
from uuid_utils.compat import uuid7

from app import portal
from app.config import Settings
from app.portal import entrance, pages
from app.portal.assets import ROOT
from app.portal.entrance import Entrance, HandedIn
from app.providers import registry
from app.records.models import Upload
from app.records.states import State
from app.tenants.models import Connection, Environment, Form, Link, Organization

NOON = datetime(2026, 11, 21, 20, 5, tzinfo=UTC)  # 14:05 in Mexico City


def gateway_settings(**changes: Any) -> Settings:
    return Settings(
        **{
            "ventanilla_mode": "demo",
            "secret_key": SecretStr(40 * "k"),
            "database_url": SecretStr("postgresql://nowhere"),
            "vault_keyset": Path("nowhere"),
            **changes,
        }
    )


def make_app(**changes: Any) -> Flask:
    """An application that has the portal and nothing else."""
    app = Flask("app", root_path=str(ROOT / "app"), static_folder=None)
    app.config["SECRET_KEY"] = 40 * "k"
    portal.init_app(app, gateway_settings(**changes))

    @app.get("/breaks")
    def breaks() -> str:
        raise RuntimeError

    return app


@pytest.fixture(scope="session")
def shell() -> Flask:
    return make_app()


@pytest.fixture
def client(shell: Flask) -> FlaskClient:
    return shell.test_client()


@pytest.fixture
def request_in(shell: Flask) -> Iterator[Callable[..., None]]:
    """Opens a request in a language, for as long as the test runs."""
    opened = []

    def open_request(lang: str | None = "en", **kwargs: Any) -> None:
        headers = {"Cookie": f"lang={lang}"} if lang else {}
        context = shell.test_request_context("/", headers=headers | kwargs.pop("headers", {}), **kwargs)
        context.push()
        opened.append(context)

    yield open_request
    for context in reversed(opened):
        context.pop()


def organization(**changes: Any) -> Organization:
    values = {
        "id": uuid7(),
        "slug": "kemper",
        "name": "Escuela Kemper Urgate",
        "rfc": "EKU9003173C9",
        "locale": "es",
        "timezone": "America/Mexico_City",
        "accent": "#1F6F5C",
        "contact": "facturas@kemper.example",
        "notice_url": "https://kemper.example/privacidad",
        "notice_version": "2026-01",
    }
    return Organization(**(values | changes))


def way(
    operation: str = "facturapi/certificate",
    *,
    link: Link | None = None,
    settings: dict[str, Any] | None = None,
    **changes: Any,
) -> Entrance:
    """An entrance; `settings` are the form's, `changes` the organization's. Needs a request."""
    org = organization(**changes)
    entrance.arrive(org, link.locale if link else None)
    connection = Connection(id=uuid7(), provider="facturapi", name="facturapi", environment=Environment.LIVE)
    form = Form(id=uuid7(), public_id="form", operation=operation, open=True, link_only=False, settings=settings or {})
    return Entrance(
        organization=org,
        connection=connection,
        form=form,
        operation=registry.operation(operation),
        link=link,
        address="/f/form",
    )


def handed_in(state: State, *, receipted: bool = True, **changes: Any) -> HandedIn:
    """An upload in a state. Needs a request."""
    through = way(changes.get("operation", "facturapi/certificate"))
    values = {
        "id": uuid7(),
        "state": state,
        "operation": "facturapi/certificate",
        "problem_params": {},
        "parts": [{"name": "cer", "filename": "<b>my</b>.cer", "size": 1418, "sha256": ""}],
        "facts": {
            "rfc": "EKU9003173C9",
            "legal_name": "ESCUELA KEMPER URGATE SA DE CV",
            "branch": "Sucursal 1",
            "number": "30001000000500003416",
            "not_after": "2027-05-18T11:43:51+00:00",
        },
        "created_at": NOON,
        "updated_at": NOON,
    }
    return HandedIn(
        organization=through.organization,
        connection=through.connection,
        operation=through.operation,
        upload=Upload(**(values | changes)),
        form=through.form,
        receipted=receipted and state is State.DELIVERED,
    )


def form_page(*args: Any, **kwargs: Any) -> str:
    page, _status = pages._form(way(*args, **kwargs))
    return page

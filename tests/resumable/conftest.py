"""A gateway on a socket, and an organization that sends files to it in pieces."""

from __future__ import annotations

from typing import cast

import pytest
from flask import Flask
from sqlalchemy import Engine

from app.database import Database
from app.tenants.vault import Vault
from tests.relay.house import House
from tests.resumable.desk import Desk, Inside
from tests.servers import Sandbox, Server


@pytest.fixture
def house(gateway: Server, sandbox: Sandbox, database: Database, vault: Vault) -> House:
    """An organization of this test's own."""
    return House.build(gateway, sandbox, database, vault)


@pytest.fixture
def desk(house: House, owner_engine: Engine) -> Desk:
    return Desk(house=house, owner=owner_engine)


@pytest.fixture
def inside(app: Flask, sandbox: Sandbox, database: Database, vault: Vault, owner_engine: Engine) -> Inside:
    """The same in this process: nothing here is about the connection."""
    house = House.build(cast("Server", None), sandbox, database, vault)
    return Inside(house=house, owner=owner_engine, app=app)

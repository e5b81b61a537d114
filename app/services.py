"""What every face works with: made once by `create_app`, found through the application that answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from flask import current_app

from app.config import Settings
from app.database import Database
from app.delivery import Deliverer
from app.intake.shedding import Shedding
from app.intake.spool import Spool
from app.mail import Mailer
from app.records.processes import Heartbeat
from app.tenants.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The parts of a running gateway."""

    settings: Settings
    database: Database
    vault: Vault
    spool: Spool
    deliverer: Deliverer
    shedding: Shedding
    #: None where no mail can be sent, and then none is offered.
    mailer: Mailer | None
    clock: Callable[[], datetime]
    #: Tells that this process is alive, so that what it works on has an owner.
    process: Heartbeat


def services() -> Services:
    """The parts of the application that the current request or command belongs to."""
    return cast("Services", current_app.extensions["ventanilla"])

"""What alembic runs: `app.database.migrate` gives it the connection, and with it the transaction."""

from __future__ import annotations

from alembic import context

from app.database import Base
from app.records import models as records
from app.tenants import models as tenants
from app.tenants import user_models as people

MODELS = (records, tenants, people)  # imported so that the metadata knows their tables

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
context.run_migrations()

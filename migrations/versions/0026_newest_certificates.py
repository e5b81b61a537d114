"""Which certificate of a connection is the newest is found by looking at one, not at all that came before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

NAME = "ix_uploads_certificates"
WHERE = sa.text("facts ->> 'not_after' IS NOT NULL")


def upgrade() -> None:
    """Order each connection's by when they came."""
    op.drop_index(NAME, "uploads")
    columns = ["organization_id", "connection_id", "operation", "created_at", "id"]
    op.create_index(NAME, "uploads", columns, postgresql_where=WHERE)


def downgrade() -> None:
    """As 0012 makes it."""
    op.drop_index(NAME, "uploads")
    op.create_index(NAME, "uploads", ["organization_id", "connection_id"], postgresql_where=WHERE)

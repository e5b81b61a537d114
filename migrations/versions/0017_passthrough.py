"""Calls of a provider's API that somebody opened a connection for, beside those that may always be passed on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; nothing is open."""
    op.add_column(
        "connections", sa.Column("opened_calls", sa.ARRAY(sa.String(200)), server_default="{}", nullable=False)
    )
    # A client's blind retry is known by what its token has just sent; few uploads are in that state.
    op.create_index(
        "ix_uploads_unknown",
        "uploads",
        ["connection_id", "updated_at"],
        postgresql_where=sa.text("state = 'unknown' AND api_token_id IS NOT NULL"),
    )


def downgrade() -> None:
    """Take it away."""
    op.drop_index("ix_uploads_unknown", "uploads")
    op.drop_column("connections", "opened_calls")

"""Forms narrow what they take and preset what they do not ask for; connections remember when their credential ends."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both, empty for what is there."""
    op.add_column("forms", sa.Column("settings", JSONB, nullable=False, server_default="{}"))
    op.add_column("connections", sa.Column("credential_ends_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    """Take both away."""
    op.drop_column("connections", "credential_ends_at")
    op.drop_column("forms", "settings")

"""When a link was opened, how often, and when something was last handed in by it; what all logs are searched by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

MOMENTS = ("first_opened_at", "last_opened_at", "last_used_at")


def upgrade() -> None:
    """Count from now on; of what was opened before, nothing is known."""
    op.add_column("links", sa.Column("opened", sa.Integer(), nullable=False, server_default="0"))
    for name in MOMENTS:
        op.add_column("links", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_audit_entries_at_id", "audit_entries", ["at", "id"])
    op.execute(f"GRANT SELECT (opened, {', '.join(MOMENTS)}) ON links TO ventanilla_overview")


def downgrade() -> None:
    """Take all that away."""
    op.drop_index("ix_audit_entries_at_id", "audit_entries")
    for name in reversed(MOMENTS):
        op.drop_column("links", name)
    op.drop_column("links", "opened")

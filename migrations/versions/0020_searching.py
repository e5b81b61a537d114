"""Webhook endpoints that can be deleted with all that is theirs; uploads found by what their caller calls them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

ENDPOINTS = "webhook_endpoints, webhook_secrets, webhook_deliveries"


def upgrade() -> None:
    """Allow the one, and index the other."""
    op.execute(f"GRANT DELETE ON {ENDPOINTS} TO ventanilla_app")
    op.create_index(
        "ix_uploads_external_id",
        "uploads",
        ["organization_id", "external_id"],
        postgresql_where=sa.text("external_id IS NOT NULL"),
    )


def downgrade() -> None:
    """Take both away."""
    op.drop_index("ix_uploads_external_id", "uploads")
    op.execute(f"REVOKE DELETE ON {ENDPOINTS} FROM ventanilla_app")

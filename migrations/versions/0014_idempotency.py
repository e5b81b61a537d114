"""Keys by which a service says that several requests are one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

SECURITY = (
    "ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
    (
        "CREATE POLICY organization ON idempotency_keys TO ventanilla_app, ventanilla_worker "
        "USING (organization_id = ventanilla_organization()) WITH CHECK (organization_id = ventanilla_organization())"
    ),
    "CREATE POLICY owner ON idempotency_keys TO CURRENT_USER USING (true) WITH CHECK (true)",
    "GRANT SELECT, INSERT, UPDATE ON idempotency_keys TO ventanilla_app",
    "GRANT SELECT, DELETE ON idempotency_keys TO ventanilla_worker",
)
#: Organizations with a key whose time is over.
EXPIRED = """
CREATE FUNCTION ventanilla_find_expired_keys(now timestamptz) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT DISTINCT k.organization_id FROM public.idempotency_keys k WHERE k.expires_at <= now;
END
"""
DOOR = "ventanilla_find_expired_keys"


def upgrade() -> None:
    """Make their table, and the door by which those are found that nobody needs any more."""
    op.create_table(
        "idempotency_keys",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("api_token_id", sa.Uuid(), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("said", sa.LargeBinary(), nullable=False),
        sa.Column("upload_id", sa.Uuid(), nullable=False),
        sa.Column("answer", JSONB(none_as_null=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_idempotency_keys_organization_id")
        ),
        sa.ForeignKeyConstraint(["api_token_id"], ["api_tokens.id"], name=op.f("fk_idempotency_keys_api_token_id")),
        sa.ForeignKeyConstraint(
            ["organization_id", "upload_id"],
            ["uploads.organization_id", "uploads.id"],
            name=op.f("fk_idempotency_keys_organization_id_upload_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_idempotency_keys")),
        sa.UniqueConstraint(
            "organization_id",
            "api_token_id",
            "key_hash",
            name=op.f("uq_idempotency_keys_organization_id_api_token_id_key_hash"),
        ),
    )
    op.create_index("ix_idempotency_keys_expires_at", "idempotency_keys", ["expires_at"])
    for statement in SECURITY:
        op.execute(statement)
    op.execute(EXPIRED)
    op.execute(f"REVOKE EXECUTE ON FUNCTION {DOOR} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {DOOR} TO ventanilla_worker")


def downgrade() -> None:
    """Take them away."""
    op.execute(f"DROP FUNCTION {DOOR}")
    op.drop_table("idempotency_keys")

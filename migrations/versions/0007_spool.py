"""Copies of files in the spool, and when an upload that waits is due."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

SECURITY = (
    "ALTER TABLE copies ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
    (
        "CREATE POLICY organization ON copies TO ventanilla_app, ventanilla_worker "
        "USING (organization_id = ventanilla_organization()) WITH CHECK (organization_id = ventanilla_organization())"
    ),
    "CREATE POLICY owner ON copies TO CURRENT_USER USING (true) WITH CHECK (true)",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON copies TO ventanilla_app, ventanilla_worker",
)


def upgrade() -> None:
    """Make the table of copies, and give uploads a time at which they are due."""
    op.create_table(
        "copies",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("upload_id", sa.Uuid(), nullable=False),
        sa.Column("segments", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("stored", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("keep_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_copies_organization_id")),
        sa.ForeignKeyConstraint(
            ["organization_id", "upload_id"],
            ["uploads.organization_id", "uploads.id"],
            name=op.f("fk_copies_organization_id_upload_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_copies")),
        sa.UniqueConstraint("upload_id", name=op.f("uq_copies_upload_id")),
    )
    op.create_index("ix_copies_keep_until", "copies", ["keep_until"])
    for statement in SECURITY:
        op.execute(statement)
    op.add_column("uploads", sa.Column("due_at", sa.DateTime(timezone=True)))
    op.add_column("uploads", sa.Column("deadline_at", sa.DateTime(timezone=True)))
    op.add_column("uploads", sa.Column("tries", sa.Integer(), nullable=False, server_default="0"))
    op.create_index(
        "ix_uploads_waiting", "uploads", ["organization_id", "due_at"], postgresql_where=sa.text("state = 'waiting'")
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_index("ix_uploads_waiting", "uploads")
    op.drop_column("uploads", "tries")
    op.drop_column("uploads", "deadline_at")
    op.drop_column("uploads", "due_at")
    op.drop_table("copies")

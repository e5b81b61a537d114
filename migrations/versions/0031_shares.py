"""Room in the spool that is promised to files while they are written, by organization."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

TABLE = "spool_promises"

SECURITY = (
    f"ALTER TABLE {TABLE} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
    (
        f"CREATE POLICY organization ON {TABLE} TO ventanilla_app, ventanilla_worker "
        "USING (organization_id = ventanilla_organization()) WITH CHECK (organization_id = ventanilla_organization())"
    ),
    f"CREATE POLICY owner ON {TABLE} TO CURRENT_USER USING (true) WITH CHECK (true)",
    f"GRANT SELECT, INSERT, UPDATE, DELETE ON {TABLE} TO ventanilla_app",
)
#: What takes up room is added up for one organization.
COUNTED = ("copies", "resumables")


def upgrade() -> None:
    """Make their table, and let what an organization has kept be found by it."""
    op.create_table(
        TABLE,
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("copy_id", sa.Uuid(), nullable=False),
        sa.Column("process_id", sa.Uuid(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f(f"fk_{TABLE}_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{TABLE}")),
        sa.UniqueConstraint("organization_id", "copy_id", name=op.f(f"uq_{TABLE}_organization_id_copy_id")),
    )
    for statement in SECURITY:
        op.execute(statement)
    for table in COUNTED:
        op.create_index(f"ix_{table}_organization_id", table, ["organization_id"])


def downgrade() -> None:
    """Take both away."""
    for table in COUNTED:
        op.drop_index(f"ix_{table}_organization_id", table)
    op.drop_table(TABLE)

"""Breakers, and the doors by which the queue finds who has something due, and the spool what is needed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

SECURITY = (
    "ALTER TABLE breakers ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
    (
        "CREATE POLICY organization ON breakers TO ventanilla_app, ventanilla_worker "
        "USING (organization_id = ventanilla_organization()) WITH CHECK (organization_id = ventanilla_organization())"
    ),
    "CREATE POLICY owner ON breakers TO CURRENT_USER USING (true) WITH CHECK (true)",
    "GRANT SELECT, INSERT, UPDATE ON breakers TO ventanilla_app, ventanilla_worker",
)

#: Organizations with an upload that may be tried now, or that has waited for long enough behind a breaker.
FIND_DUE = """
CREATE FUNCTION ventanilla_find_due(now timestamptz) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT o.id FROM public.organizations o
    WHERE EXISTS (
        SELECT FROM public.uploads u
            JOIN public.connections c ON c.id = u.connection_id
            LEFT JOIN public.breakers b ON b.connection_id = u.connection_id
        WHERE u.organization_id = o.id AND u.state = 'waiting' AND c.paused_at IS NULL
          AND CASE WHEN b.open_until > now THEN u.deadline_at <= now AND NOT b.probing ELSE u.due_at <= now END);
END
"""

#: Which of these have a copy, or are about to have one.
FIND_KEPT = """
CREATE FUNCTION ventanilla_find_kept(uploads uuid[]) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT c.upload_id FROM public.copies c WHERE c.upload_id = ANY (uploads)
    UNION
    SELECT u.id FROM public.uploads u WHERE u.id = ANY (uploads) AND u.state IN ('receiving', 'delivering');
END
"""

DOORS = ("ventanilla_find_due", "ventanilla_find_kept")


def upgrade() -> None:
    """Make the table and the doors."""
    op.create_table(
        "breakers",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("openings", sa.Integer(), nullable=False),
        sa.Column("open_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("probing", sa.Boolean(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_breakers_organization_id")),
        sa.ForeignKeyConstraint(
            ["organization_id", "connection_id"],
            ["connections.organization_id", "connections.id"],
            name=op.f("fk_breakers_organization_id_connection_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_breakers")),
        sa.UniqueConstraint("connection_id", name=op.f("uq_breakers_connection_id")),
    )
    for statement in SECURITY:
        op.execute(statement)
    op.execute(FIND_DUE)
    op.execute(FIND_KEPT)
    for door in DOORS:
        op.execute(f"REVOKE EXECUTE ON FUNCTION {door} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {door} TO ventanilla_worker")


def downgrade() -> None:
    """Take them away."""
    for door in DOORS:
        op.execute(f"DROP FUNCTION {door}")
    op.drop_table("breakers")

"""Mails about an upload's end, copies that are kept for a while, and what is looked at every day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

SECURITY = (
    "ALTER TABLE outcome_mails ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
    (
        "CREATE POLICY organization ON outcome_mails TO ventanilla_app, ventanilla_worker "
        "USING (organization_id = ventanilla_organization()) WITH CHECK (organization_id = ventanilla_organization())"
    ),
    "CREATE POLICY owner ON outcome_mails TO CURRENT_USER USING (true) WITH CHECK (true)",
    "GRANT SELECT, INSERT, UPDATE ON outcome_mails TO ventanilla_app",
    "GRANT SELECT, UPDATE, DELETE ON outcome_mails TO ventanilla_worker",
    "GRANT UPDATE (next_check_at) ON connections TO ventanilla_worker",
    "GRANT EXECUTE ON FUNCTION ventanilla_list_organizations TO ventanilla_worker",
)

#: Organizations with an upload that has been due since then and could have been taken: a paused connection waits for
#: its operator, and one whose breaker is open, or was since, for its provider.
OVERDUE = """
CREATE FUNCTION ventanilla_find_overdue(since timestamptz) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT DISTINCT u.organization_id FROM public.uploads u JOIN public.connections c ON c.id = u.connection_id
    WHERE u.state = 'waiting' AND u.due_at <= since AND c.paused_at IS NULL
      AND NOT EXISTS (SELECT FROM public.breakers b WHERE b.connection_id = c.id AND b.open_until > since);
END
"""
#: Organizations with a mail to send: it was asked for, and its upload has ended.
MAILS = """
CREATE FUNCTION ventanilla_find_mails(now timestamptz) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT DISTINCT m.organization_id FROM public.outcome_mails m JOIN public.uploads u ON u.id = m.upload_id
    WHERE m.due_at <= now AND u.state NOT IN ('receiving', 'delivering', 'waiting');
END
"""
#: Organizations with a copy whose time is over.
KEPT = """
CREATE FUNCTION ventanilla_find_outdated(now timestamptz) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT DISTINCT c.organization_id FROM public.copies c WHERE c.keep_until <= now;
END
"""
#: Organizations, and null for the house, with a connection that is to be tried, or that nobody has put on the list yet.
CHECKS = """
CREATE FUNCTION ventanilla_find_checks(now timestamptz) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT DISTINCT c.organization_id FROM public.connections c
    WHERE c.paused_at IS NULL AND (c.next_check_at IS NULL OR c.next_check_at <= now);
END
"""
DOORS = {
    "ventanilla_find_overdue": (OVERDUE, "ventanilla_app"),
    "ventanilla_find_mails": (MAILS, "ventanilla_worker"),
    "ventanilla_find_outdated": (KEPT, "ventanilla_worker"),
    "ventanilla_find_checks": (CHECKS, "ventanilla_worker"),
}


def upgrade() -> None:
    """Make the table and the doors, and give organizations and connections what is looked at every day."""
    op.create_table(
        "outcome_mails",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("upload_id", sa.Uuid(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("locale", sa.String(length=2), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_outcome_mails_organization_id")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "upload_id"],
            ["uploads.organization_id", "uploads.id"],
            name=op.f("fk_outcome_mails_organization_id_upload_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outcome_mails")),
        sa.UniqueConstraint("upload_id", name=op.f("uq_outcome_mails_upload_id")),
    )
    op.create_index("ix_outcome_mails_due_at", "outcome_mails", ["due_at"])
    op.add_column(
        "organizations",
        sa.Column("keep_delivered_days", sa.Integer(), nullable=False, server_default="0"),
    )
    op.create_check_constraint(
        op.f("ck_organizations_keep_delivered_days"), "organizations", "keep_delivered_days BETWEEN 0 AND 3650"
    )
    op.add_column("connections", sa.Column("next_check_at", sa.DateTime(timezone=True)))
    op.create_index(
        "ix_uploads_certificates",
        "uploads",
        ["organization_id", "connection_id"],
        postgresql_where=sa.text("facts ->> 'not_after' IS NOT NULL"),
    )
    for statement in SECURITY:
        op.execute(statement)
    for name, (function, role) in DOORS.items():
        op.execute(function)
        op.execute(f"REVOKE EXECUTE ON FUNCTION {name} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {name} TO {role}")


def downgrade() -> None:
    """Take them away."""
    for name in DOORS:
        op.execute(f"DROP FUNCTION {name}")
    op.drop_index("ix_uploads_certificates", "uploads")
    op.execute("REVOKE EXECUTE ON FUNCTION ventanilla_list_organizations FROM ventanilla_worker")
    op.execute("REVOKE UPDATE (next_check_at) ON connections FROM ventanilla_worker")
    op.drop_column("connections", "next_check_at")
    op.drop_column("organizations", "keep_delivered_days")
    op.drop_table("outcome_mails")

"""That a certificate ends soon is told once each time, with a link to hand the next one in, and mailed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

NOTICES, MAILS = "certificate_notices", "certificate_mails"

SECURITY = (
    *(
        statement.format(table=table)
        for table in (NOTICES, MAILS)
        for statement in (
            "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
            (
                "CREATE POLICY organization ON {table} TO ventanilla_app, ventanilla_worker "
                "USING (organization_id = ventanilla_organization()) "
                "WITH CHECK (organization_id = ventanilla_organization())"
            ),
            "CREATE POLICY owner ON {table} TO CURRENT_USER USING (true) WITH CHECK (true)",
            "GRANT SELECT ON {table} TO ventanilla_app",
        )
    ),
    f"GRANT SELECT, INSERT ON {NOTICES} TO ventanilla_worker",
    f"GRANT SELECT, INSERT, UPDATE, DELETE ON {MAILS} TO ventanilla_worker",
    "GRANT INSERT, UPDATE (revoked_at) ON links TO ventanilla_worker",
    # Who borrows the house's credential may have nothing sealed yet, and so no key of its own.
    "GRANT INSERT ON data_keys TO ventanilla_worker",
)
UNDONE = (
    "REVOKE INSERT, UPDATE (revoked_at) ON links FROM ventanilla_worker",
    "REVOKE INSERT ON data_keys FROM ventanilla_worker",
)

#: What was told before this is not told again.
TOLD = """
INSERT INTO certificate_notices (id, organization_id, upload_id, days, created_at)
SELECT DISTINCT ON (e.subject_id, days) e.id, e.organization_id, e.subject_id, (e.details ->> 'days')::integer AS days,
    e.at
FROM audit_entries e JOIN uploads u ON u.organization_id = e.organization_id AND u.id = e.subject_id
WHERE e.action = 'certificate.expiring' AND e.details ->> 'days' IS NOT NULL
ORDER BY e.subject_id, days, e.at
"""

#: Organizations with a mail about a certificate to send. The suspended are left in peace.
FIND_MAILS = """
CREATE FUNCTION ventanilla_find_certificate_mails(now timestamptz) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT DISTINCT m.organization_id
    FROM public.certificate_mails m JOIN public.organizations o ON o.id = m.organization_id
    WHERE m.due_at <= now AND o.suspended_at IS NULL;
END
"""
#: Who is told of what concerns an organization that has no address of its own: its managers, or those of the house who
#: act where it has none.
STEWARDS = """
CREATE FUNCTION ventanilla_stewards(of uuid)
    RETURNS TABLE (id uuid, email character varying, locale character varying, house boolean)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT u.id, u.email, u.locale, u.manages IS NULL
    FROM public.users u
    WHERE u.disabled_at IS NULL AND CASE
        WHEN EXISTS (SELECT FROM public.users m WHERE m.manages = of AND m.disabled_at IS NULL) THEN u.manages = of
        ELSE u.role IN ('owner', 'operator') END
    ORDER BY u.id;
END
"""
DOORS = {"ventanilla_find_certificate_mails": FIND_MAILS, "ventanilla_stewards": STEWARDS}


def upgrade() -> None:
    """Make the tables and the doors."""
    op.create_table(
        NOTICES,
        *_owned(NOTICES),
        sa.Column("upload_id", sa.Uuid(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("link_id", sa.Uuid(), nullable=True),
        _refers(NOTICES, "upload_id", "uploads"),
        _refers(NOTICES, "link_id", "links"),
        sa.UniqueConstraint("organization_id", "id", name=op.f(f"uq_{NOTICES}_organization_id_id")),
        sa.UniqueConstraint("upload_id", "days", name=op.f(f"uq_{NOTICES}_upload_id_days")),
    )
    op.create_table(
        MAILS,
        *_owned(MAILS),
        sa.Column("notice_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        _refers(MAILS, "notice_id", NOTICES),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f(f"fk_{MAILS}_user_id")),
        sa.UniqueConstraint(
            "notice_id", "user_id", name=op.f(f"uq_{MAILS}_notice_id_user_id"), postgresql_nulls_not_distinct=True
        ),
    )
    op.create_index(op.f(f"ix_{MAILS}_due_at"), MAILS, ["due_at"])
    op.execute(TOLD)
    for statement in SECURITY:
        op.execute(statement)
    for name, function in DOORS.items():
        op.execute(function)
        op.execute(f"REVOKE EXECUTE ON FUNCTION {name} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {name} TO ventanilla_worker")


def downgrade() -> None:
    """Take them away."""
    for name in DOORS:
        op.execute(f"DROP FUNCTION {name}")
    for statement in UNDONE:
        op.execute(statement)
    op.drop_table(MAILS)
    op.drop_table(NOTICES)


def _owned(table: str) -> tuple[sa.Column[object] | sa.Constraint, ...]:
    return (
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f(f"fk_{table}_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )


def _refers(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organization_id", column],
        [f"{to}.organization_id", f"{to}.id"],
        name=op.f(f"fk_{table}_organization_id_{column}"),
    )

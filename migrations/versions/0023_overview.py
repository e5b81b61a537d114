"""What pages about all organizations stand on: a role that reads of all of them, what is searched by, what is counted.

The role sees what those pages show, and changes nothing.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

ROLE = "ventanilla_overview"

#: What it reads: whole tables, and of others all but what is secret, sealed, or nobody's business who only looks.
WHOLE = ("organizations", "connections", "forms", "breakers", "webhook_endpoints", "tallies", "processes")
COLUMNS = {
    "uploads": (
        "id, organization_id, connection_id, form_id, link_id, api_token_id, operation, mode, state, provider_status, "
        "problem, problem_params, provider_message, reference, parts, facts, external_id, notice_version, locale, "
        "due_at, tries, deadline_at, created_at, updated_at"
    ),
    "attempts": (
        "id, organization_id, upload_id, number, started_at, completing_at, ended_at, outcome, problem, "
        "provider_http_status, provider_code, provider_message, provider_log_id"
    ),
    "links": (
        "id, organization_id, form_id, expires_at, max_uses, uses, revoked_at, tries, last_try_at, recipient, locale, "
        "created_at"
    ),
    "api_tokens": (
        "id, organization_id, name, last_four, scopes, networks, expires_at, revoked_at, rotated_at, last_used_at, "
        "created_at"
    ),
    "credentials": "id, organization_id, connection_id, field, fingerprint, last_four, created_at",
    "copies": "id, organization_id, upload_id, segments, size, stored, created_at, keep_until",
    "receipts": "id, organization_id, number, upload_id",
    "audit_entries": "id, organization_id, at, actor, action, subject_type, subject_id, details, number",
    "webhook_deliveries": (
        "id, organization_id, endpoint_id, about_id, event_id, event, tries, due_at, deadline_at, ended_at, arrived, "
        "answer, created_at"
    ),
}
#: Tables without rows of organizations, which row security does not look after.
OF_NOBODY = ("processes",)

#: Name, table, columns, condition.
INDEXES = (
    ("ix_uploads_created_at_id", "uploads", "created_at, id", None),
    ("ix_uploads_updated_at", "uploads", "updated_at", None),
    ("ix_uploads_state_created_at", "uploads", "state, created_at", None),
    ("ix_uploads_operation_created_at", "uploads", "operation, created_at", None),
    ("ix_uploads_problem", "uploads", "problem, created_at", "problem IS NOT NULL"),
    ("ix_uploads_form_id", "uploads", "form_id, created_at", "form_id IS NOT NULL"),
    ("ix_uploads_link_id", "uploads", "link_id, created_at", "link_id IS NOT NULL"),
    (
        "ix_uploads_not_after",
        "uploads",
        "(facts ->> 'not_after')",
        "facts ->> 'not_after' IS NOT NULL AND state = 'delivered'",
    ),
    ("ix_attempts_started_at", "attempts", "started_at", None),
    ("ix_connections_paused_at", "connections", "paused_at", "paused_at IS NOT NULL"),
    ("ix_connections_credential_ends_at", "connections", "credential_ends_at", "credential_ends_at IS NOT NULL"),
    ("ix_links_unused", "links", "expires_at", "uses = 0 AND revoked_at IS NULL"),
    ("ix_webhook_endpoints_disabled_at", "webhook_endpoints", "disabled_at", "disabled_at IS NOT NULL"),
)

SECURITY = (
    "ALTER TABLE tallies ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
    (
        "CREATE POLICY organization ON tallies TO ventanilla_app, ventanilla_worker "
        "USING (organization_id = ventanilla_organization() OR (organization_id IS NULL AND ventanilla_is_house())) "
        "WITH CHECK (false)"
    ),
    "CREATE POLICY owner ON tallies TO CURRENT_USER USING (true) WITH CHECK (true)",
    "GRANT SELECT ON tallies TO ventanilla_app",
)


def upgrade() -> None:
    """Make the role, and let it read; make what is searched by and what is counted."""
    _run("0023_overview.sql")
    _tallies()
    for statement in SECURITY:
        op.execute(statement)
    for name, table, columns, condition in INDEXES:
        op.execute(f"CREATE INDEX {name} ON {table} ({columns})" + (f" WHERE {condition}" if condition else ""))
    _run("0023_searching.sql")
    _run("0023_tallies.sql")
    op.execute(f"GRANT SELECT ON {', '.join(WHOLE)} TO {ROLE}")
    for table, columns in COLUMNS.items():
        op.execute(f"GRANT SELECT ({columns}) ON {table} TO {ROLE}")
    for table in _bound():
        op.execute(f"CREATE POLICY overview ON {table} FOR SELECT TO {ROLE} USING (true)")


def downgrade() -> None:
    """Take all that away; the role itself may be another database's too, and only loses what it may."""
    op.execute("DROP FUNCTION ventanilla_tally")
    for index in ("ix_uploads_terms", *(name for name, *_ in INDEXES)):
        op.execute(f"DROP INDEX {index}")
    for function in ("ventanilla_sought", "ventanilla_terms", "ventanilla_words"):
        op.execute(f"DROP FUNCTION {function}")
    for table in _bound():
        op.execute(f"DROP POLICY overview ON {table}")
    for table, columns in COLUMNS.items():
        op.execute(f"REVOKE SELECT ({columns}) ON {table} FROM {ROLE}")
    op.execute(f"REVOKE SELECT ON {', '.join(WHOLE)} FROM {ROLE}")
    op.execute(f"REVOKE USAGE ON SCHEMA public FROM {ROLE}")
    op.drop_table("tally_marks")
    op.drop_table("tallies")


def _bound() -> list[str]:
    return [table for table in (*WHOLE, *COLUMNS) if table not in OF_NOBODY]


def _tallies() -> None:
    op.create_table(
        "tallies",
        sa.Column("organization_id", sa.Uuid(), nullable=True),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("operation", sa.String(length=60), nullable=False),
        sa.Column("states", JSONB(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("answers", JSONB(), nullable=False),
        sa.Column("problems", JSONB(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_tallies_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tallies")),
        sa.UniqueConstraint(
            "organization_id",
            "hour",
            "operation",
            name=op.f("uq_tallies_organization_id_hour_operation"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_table(
        "tally_marks",
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tally_marks")),
    )


def _run(name: str) -> None:
    """Run a file of statements."""
    statements = (Path(__file__).parent / name).read_text(encoding="utf-8")
    op.get_bind().exec_driver_sql(statements, execution_options={"no_parameters": True})

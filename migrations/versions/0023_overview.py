"""A role that reads of all organizations what pages about all of them show, and changes nothing."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

ROLE = "ventanilla_overview"

#: What it reads: whole tables, and of others all but what is secret, sealed, or nobody's business who only looks.
WHOLE = ("organizations", "connections", "forms", "breakers", "webhook_endpoints", "processes")
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


def upgrade() -> None:
    """Make the role, and let it read."""
    op.execute(Path(__file__).with_suffix(".sql").read_text())
    op.execute(f"GRANT SELECT ON {', '.join(WHOLE)} TO {ROLE}")
    for table, columns in COLUMNS.items():
        op.execute(f"GRANT SELECT ({columns}) ON {table} TO {ROLE}")
    for table in _bound():
        op.execute(f"CREATE POLICY overview ON {table} FOR SELECT TO {ROLE} USING (true)")


def downgrade() -> None:
    """Take what it may from it; the role itself may be another database's too."""
    for table in _bound():
        op.execute(f"DROP POLICY overview ON {table}")
    for table, columns in COLUMNS.items():
        op.execute(f"REVOKE SELECT ({columns}) ON {table} FROM {ROLE}")
    op.execute(f"REVOKE SELECT ON {', '.join(WHOLE)} FROM {ROLE}")
    op.execute(f"REVOKE USAGE ON SCHEMA public FROM {ROLE}")


def _bound() -> list[str]:
    return [table for table in (*WHOLE, *COLUMNS) if table not in OF_NOBODY]

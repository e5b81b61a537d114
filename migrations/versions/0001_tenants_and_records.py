"""Tenants and records: roles, tables, row-level security and doors.

Roles belong to the server, not to a database: they are made where missing, and no downgrade takes them away.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

FOLDER = Path(__file__).parent
TABLES = (
    "organizations",
    "processes",
    "api_tokens",
    "audit_entries",
    "connections",
    "data_keys",
    "credentials",
    "forms",
    "links",
    "uploads",
    "attempts",
)
DOORS = (
    "ventanilla_find_organization",
    "ventanilla_list_organizations",
    "ventanilla_find_form",
    "ventanilla_find_link",
    "ventanilla_find_token",
    "ventanilla_find_outcome",
    "ventanilla_find_orphans",
)


def upgrade() -> None:
    """Make everything, in the order in which one thing refers to another."""
    _run("0001_roles.sql")
    _organizations()
    _processes()
    _api_tokens()
    _audit_entries()
    _connections()
    _data_keys()
    _credentials()
    _forms()
    _links()
    _uploads()
    _attempts()
    _run("0001_rows.sql")
    _run("0001_doors.sql")


def downgrade() -> None:
    """Take everything away but the roles."""
    for door in DOORS:
        op.execute(f"DROP FUNCTION {door}")
    for table in reversed(TABLES):
        op.drop_table(table)
    op.execute("DROP FUNCTION ventanilla_organization, ventanilla_is_house")


def _run(name: str) -> None:
    """Run a file of statements."""
    statements = (FOLDER / name).read_text(encoding="utf-8")
    op.get_bind().exec_driver_sql(statements, execution_options={"no_parameters": True})


def _organizations() -> None:
    op.create_table(
        "organizations",
        sa.Column("slug", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("rfc", sa.String(length=13), nullable=True),
        sa.Column("locale", sa.String(length=2), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("accent", sa.String(length=7), nullable=False),
        sa.Column("contact", sa.String(length=200), nullable=True),
        sa.Column("notice_url", sa.String(length=500), nullable=True),
        sa.Column("notice_version", sa.String(length=40), nullable=True),
        sa.Column("suspended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("accent ~ '^#[0-9a-f]{6}$'", name=op.f("ck_organizations_accent")),
        sa.CheckConstraint("locale IN ('es', 'en')", name=op.f("ck_organizations_locale")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organizations")),
        sa.UniqueConstraint("slug", name=op.f("uq_organizations_slug")),
    )


def _processes() -> None:
    op.create_table(
        "processes",
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("beat_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_processes")),
    )


def _api_tokens() -> None:
    op.create_table(
        "api_tokens",
        sa.Column("organization_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("last_four", sa.String(length=4), nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.String(length=40)), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_api_tokens_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_tokens_token_hash")),
    )
    op.create_index(op.f("ix_api_tokens_organization_id"), "api_tokens", ["organization_id"])


def _audit_entries() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("organization_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("subject_type", sa.String(length=40), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("details", JSONB(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_audit_entries_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entries")),
    )
    op.create_index("ix_audit_entries_organization_id_at", "audit_entries", ["organization_id", "at"])
    op.create_index("ix_audit_entries_subject", "audit_entries", ["subject_type", "subject_id"])


def _connections() -> None:
    op.create_table(
        "connections",
        sa.Column("organization_id", sa.Uuid(), nullable=True),
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column(
            "environment",
            sa.Enum(
                "live", "test", "sandbox", name="environment", native_enum=False, create_constraint=True, length=20
            ),
            nullable=False,
        ),
        sa.Column("settings", JSONB(), nullable=False),
        sa.Column("house_connection_id", sa.Uuid(), nullable=True),
        sa.Column("is_house", sa.Boolean(), sa.Computed("organization_id IS NULL", persisted=True), nullable=False),
        sa.Column(
            "borrows",
            sa.Boolean(),
            sa.Computed("CASE WHEN house_connection_id IS NOT NULL THEN true ELSE NULL::boolean END", persisted=True),
            nullable=True,
        ),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_because", sa.String(length=80), nullable=True),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "house_connection_id IS NULL OR organization_id IS NOT NULL", name=op.f("ck_connections_house_lends")
        ),
        sa.ForeignKeyConstraint(
            ["house_connection_id", "provider", "environment", "borrows"],
            ["connections.id", "connections.provider", "connections.environment", "connections.is_house"],
            name=op.f("fk_connections_lender"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_connections_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connections")),
        sa.UniqueConstraint("id", "provider", "environment", "is_house", name=op.f("uq_connections_lender")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_connections_organization_id_id")),
        sa.UniqueConstraint(
            "organization_id",
            "name",
            name=op.f("uq_connections_organization_id_name"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_index(op.f("ix_connections_house_connection_id"), "connections", ["house_connection_id"])


def _data_keys() -> None:
    op.create_table(
        "data_keys",
        sa.Column("organization_id", sa.Uuid(), nullable=True),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("wrapped_prints", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_data_keys_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_keys")),
        sa.UniqueConstraint(
            "organization_id", name=op.f("uq_data_keys_organization_id"), postgresql_nulls_not_distinct=True
        ),
    )


def _credentials() -> None:
    op.create_table(
        "credentials",
        sa.Column("organization_id", sa.Uuid(), nullable=True),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("field", sa.String(length=40), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("fingerprint", sa.String(length=16), nullable=False),
        sa.Column("last_four", sa.String(length=4), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["connection_id"], ["connections.id"], name=op.f("fk_credentials_connection_id")),
        sa.ForeignKeyConstraint(
            ["organization_id", "connection_id"],
            ["connections.organization_id", "connections.id"],
            name=op.f("fk_credentials_organization_id_connection_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_credentials_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credentials")),
        sa.UniqueConstraint("connection_id", "field", name=op.f("uq_credentials_connection_id_field")),
    )
    op.create_index(op.f("ix_credentials_organization_id"), "credentials", ["organization_id"])


def _forms() -> None:
    op.create_table(
        "forms",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("operation", sa.String(length=60), nullable=False),
        sa.Column("public_id", sa.String(length=22), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("link_only", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "connection_id"],
            ["connections.organization_id", "connections.id"],
            name=op.f("fk_forms_organization_id_connection_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_forms_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_forms")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_forms_organization_id_id")),
        sa.UniqueConstraint("public_id", name=op.f("uq_forms_public_id")),
    )


def _links() -> None:
    op.create_table(
        "links",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("form_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("max_uses", sa.Integer(), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("passphrase_hash", sa.String(length=255), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("last_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recipient", sa.String(length=200), nullable=True),
        sa.Column("locale", sa.String(length=2), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("max_uses > 0", name=op.f("ck_links_max_uses")),
        sa.CheckConstraint("uses BETWEEN 0 AND max_uses", name=op.f("ck_links_uses_counted")),
        sa.ForeignKeyConstraint(
            ["organization_id", "form_id"],
            ["forms.organization_id", "forms.id"],
            name=op.f("fk_links_organization_id_form_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_links_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_links")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_links_organization_id_id")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_links_token_hash")),
    )


def _uploads() -> None:
    op.create_table(
        "uploads",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("form_id", sa.Uuid(), nullable=True),
        sa.Column("link_id", sa.Uuid(), nullable=True),
        sa.Column("api_token_id", sa.Uuid(), nullable=True),
        sa.Column("process_id", sa.Uuid(), nullable=False),
        sa.Column("operation", sa.String(length=60), nullable=False),
        sa.Column("mode", sa.String(length=10), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "receiving",
                "delivering",
                "waiting",
                "delivered",
                "failed",
                "rejected",
                "cancelled",
                "unknown",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("provider_status", sa.String(length=12), nullable=True),
        sa.Column("problem", sa.String(length=60), nullable=True),
        sa.Column("problem_params", JSONB(), nullable=False),
        sa.Column("provider_message", sa.Text(), nullable=True),
        sa.Column("reference", sa.String(length=200), nullable=True),
        sa.Column("parts", JSONB(), nullable=False),
        sa.Column("facts", JSONB(), nullable=False),
        sa.Column("external_id", sa.String(length=200), nullable=True),
        sa.Column("metadata", JSONB(), nullable=False),
        sa.Column("notice_version", sa.String(length=40), nullable=True),
        sa.Column("locale", sa.String(length=2), nullable=True),
        sa.Column("outcome_hash", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["api_token_id"], ["api_tokens.id"], name=op.f("fk_uploads_api_token_id")),
        sa.ForeignKeyConstraint(
            ["organization_id", "connection_id"],
            ["connections.organization_id", "connections.id"],
            name=op.f("fk_uploads_organization_id_connection_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "form_id"],
            ["forms.organization_id", "forms.id"],
            name=op.f("fk_uploads_organization_id_form_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "link_id"],
            ["links.organization_id", "links.id"],
            name=op.f("fk_uploads_organization_id_link_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_uploads_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_uploads_organization_id_id")),
        sa.UniqueConstraint("outcome_hash", name=op.f("uq_uploads_outcome_hash")),
    )
    op.create_index(
        "ix_uploads_moving", "uploads", ["process_id"], postgresql_where=sa.text("state IN ('receiving', 'delivering')")
    )
    op.create_index("ix_uploads_organization_id_created_at", "uploads", ["organization_id", "created_at"])


def _attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("upload_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("process_id", sa.Uuid(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completing_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(length=20), nullable=True),
        sa.Column("problem", sa.String(length=60), nullable=True),
        sa.Column("provider_http_status", sa.Integer(), nullable=True),
        sa.Column("provider_code", sa.String(length=80), nullable=True),
        sa.Column("provider_message", sa.Text(), nullable=True),
        sa.Column("provider_log_id", sa.String(length=80), nullable=True),
        sa.Column("baseline", JSONB(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "upload_id"],
            ["uploads.organization_id", "uploads.id"],
            name=op.f("fk_attempts_organization_id_upload_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_attempts_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
        sa.UniqueConstraint("upload_id", "number", name=op.f("uq_attempts_upload_id_number")),
    )
    op.create_index(op.f("ix_attempts_organization_id"), "attempts", ["organization_id"])

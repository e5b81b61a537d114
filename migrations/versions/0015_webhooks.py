"""Webhooks: endpoints with their secrets, and what is to be sent to each."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

TABLES = ("webhook_endpoints", "webhook_secrets", "webhook_deliveries")
#: Those of organizations, and the house's.
SECURITY = """
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY organization ON {table} TO ventanilla_app, ventanilla_worker USING ({condition}) WITH CHECK ({condition});
CREATE POLICY owner ON {table} TO CURRENT_USER USING (true) WITH CHECK (true);
"""
OWN_OR_THE_HOUSE = "organization_id = ventanilla_organization() OR (organization_id IS NULL AND ventanilla_is_house())"
#: The house's endpoints are told of all organizations: whoever seals the log of one sees them, and writes to nobody
#: else's what is to be sent of that one.
TOLD = (
    (
        "CREATE POLICY told ON webhook_endpoints FOR SELECT TO ventanilla_worker "
        "USING (organization_id IS NULL AND ventanilla_organization() IS NOT NULL)"
    ),
    (
        "CREATE POLICY told ON webhook_deliveries FOR INSERT TO ventanilla_worker "
        "WITH CHECK (organization_id IS NULL AND about_id = ventanilla_organization())"
    ),
)
#: What becomes of an endpoint's answers, which the worker writes.
STANDING = "failures, failing_since, quiet_until, held_until, delivered_at, disabled_at, disabled_because"
GRANTS = (
    "GRANT SELECT, INSERT, UPDATE ON webhook_endpoints, webhook_secrets TO ventanilla_app",
    "GRANT SELECT, UPDATE ON webhook_deliveries TO ventanilla_app",
    "GRANT SELECT ON webhook_endpoints, webhook_secrets TO ventanilla_worker",
    f"GRANT UPDATE ({STANDING}) ON webhook_endpoints TO ventanilla_worker",
    "GRANT SELECT, INSERT, UPDATE ON webhook_deliveries TO ventanilla_worker",
)

#: Whose webhooks are due, at an endpoint that is free; NULL: the house's.
FIND = """
CREATE FUNCTION ventanilla_find_webhooks(now timestamptz) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT DISTINCT e.organization_id FROM public.webhook_endpoints e
    WHERE e.disabled_at IS NULL AND coalesce(e.held_until, now) <= now AND coalesce(e.quiet_until, now) <= now
      AND EXISTS (SELECT FROM public.webhook_deliveries d
                  WHERE d.endpoint_id = e.id AND d.ended_at IS NULL AND d.due_at <= now);
END
"""
#: Forget some of what ended before then, and secrets whose time is over; of how many it is said.
FORGET = """
CREATE FUNCTION ventanilla_forget_webhooks(before timestamptz, now timestamptz, most integer) RETURNS bigint
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    DELETE FROM public.webhook_secrets s WHERE s.ends_at <= now;
    WITH gone AS (
        DELETE FROM public.webhook_deliveries d WHERE d.id IN (
            SELECT o.id FROM public.webhook_deliveries o WHERE o.ended_at < before LIMIT most FOR UPDATE SKIP LOCKED
        ) RETURNING d.id
    ) SELECT count(*) FROM gone;
END
"""
DOORS = {"ventanilla_find_webhooks": FIND, "ventanilla_forget_webhooks": FORGET}


def upgrade() -> None:
    """Make the tables and the doors."""
    _endpoints()
    _secrets()
    _deliveries()
    for table in TABLES:
        op.execute(SECURITY.format(table=table, condition=OWN_OR_THE_HOUSE))
    for statement in (*TOLD, *GRANTS):
        op.execute(statement)
    for name, function in DOORS.items():
        op.execute(function)
        op.execute(f"REVOKE EXECUTE ON FUNCTION {name} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {name} TO ventanilla_worker")


def downgrade() -> None:
    """Take them away."""
    for name in DOORS:
        op.execute(f"DROP FUNCTION {name}")
    for table in reversed(TABLES):
        op.drop_table(table)


def _endpoints() -> None:
    op.create_table(
        "webhook_endpoints",
        sa.Column("organization_id", sa.Uuid(), nullable=True),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("events", sa.ARRAY(sa.String(length=40)), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("quiet_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled_because", sa.String(length=20), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_webhook_endpoints_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoints")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_webhook_endpoints_organization_id_id")),
    )


def _of_an_endpoint(table: str) -> tuple[sa.ForeignKeyConstraint, ...]:
    """Whose it is, and that its endpoint is the same one's."""
    return (
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f(f"fk_{table}_organization_id")),
        sa.ForeignKeyConstraint(["endpoint_id"], ["webhook_endpoints.id"], name=op.f(f"fk_{table}_endpoint_id")),
        sa.ForeignKeyConstraint(
            ["organization_id", "endpoint_id"],
            ["webhook_endpoints.organization_id", "webhook_endpoints.id"],
            name=op.f(f"fk_{table}_organization_id_endpoint_id"),
        ),
    )


def _secrets() -> None:
    op.create_table(
        "webhook_secrets",
        sa.Column("organization_id", sa.Uuid(), nullable=True),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        *_of_an_endpoint("webhook_secrets"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_secrets")),
    )
    op.create_index("ix_webhook_secrets_endpoint_id", "webhook_secrets", ["endpoint_id"])


def _deliveries() -> None:
    op.create_table(
        "webhook_deliveries",
        sa.Column("organization_id", sa.Uuid(), nullable=True),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("about_id", sa.Uuid(), nullable=True),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("event", sa.String(length=40), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deadline_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("arrived", sa.Boolean(), nullable=False),
        sa.Column("answer", sa.String(length=20), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        *_of_an_endpoint("webhook_deliveries"),
        sa.ForeignKeyConstraint(["about_id"], ["organizations.id"], name=op.f("fk_webhook_deliveries_about_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
        sa.UniqueConstraint("endpoint_id", "event_id", name=op.f("uq_webhook_deliveries_endpoint_id_event_id")),
    )
    op.create_index(
        "ix_webhook_deliveries_due",
        "webhook_deliveries",
        ["endpoint_id", "due_at"],
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "ix_webhook_deliveries_ended_at",
        "webhook_deliveries",
        ["ended_at"],
        postgresql_where=sa.text("ended_at IS NOT NULL"),
    )

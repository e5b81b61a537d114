"""Files that arrive in pieces."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

DOORS = (
    # Whose a file is, by what its address ends with.
    """
    CREATE FUNCTION ventanilla_find_resumable(wanted bytea)
    RETURNS TABLE (organization_id uuid, id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        SELECT r.organization_id, r.id FROM public.resumables r WHERE r.key_hash = wanted
    $$
    """,
    # Which of these locks somebody else wants; whoever holds them says so that it is still there.
    """
    CREATE FUNCTION ventanilla_answer_for_resumables(held uuid[]) RETURNS SETOF uuid
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        UPDATE public.resumables r SET answered_at = clock_timestamp()
        WHERE r.lock = ANY (held) AND r.wanted_at IS NOT NULL RETURNING r.lock
    $$
    """,
    # Which of these copies belong to a file that is still arriving.
    """
    CREATE FUNCTION ventanilla_find_resumed(copies uuid[]) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        SELECT DISTINCT held FROM public.resumables r, unnest(r.objects) held
        WHERE r.objects && copies AND held = ANY (copies)
    $$
    """,
    # Organizations with a file whose time is over.
    """
    CREATE FUNCTION ventanilla_find_expired_resumables(now timestamptz) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        SELECT DISTINCT r.organization_id FROM public.resumables r WHERE r.expires_at <= now
    $$
    """,
)
APP_DOORS = ("ventanilla_find_resumable(bytea)", "ventanilla_answer_for_resumables(uuid[])")
WORKER_DOORS = ("ventanilla_find_resumed(uuid[])", "ventanilla_find_expired_resumables(timestamptz)")

POLICY = (
    "CREATE POLICY organization ON resumables TO ventanilla_app, ventanilla_worker "
    "USING (organization_id = ventanilla_organization()) WITH CHECK (organization_id = ventanilla_organization())"
)
SECURITY = (
    "ALTER TABLE resumables ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
    POLICY,
    "CREATE POLICY owner ON resumables TO CURRENT_USER USING (true) WITH CHECK (true)",
    "GRANT SELECT, INSERT, UPDATE ON resumables TO ventanilla_app",
    "GRANT SELECT, UPDATE, DELETE ON resumables TO ventanilla_worker",
    *(f"REVOKE ALL ON FUNCTION {door} FROM PUBLIC" for door in (*APP_DOORS, *WORKER_DOORS)),
    *(f"GRANT EXECUTE ON FUNCTION {door} TO ventanilla_app" for door in APP_DOORS),
    *(f"GRANT EXECUTE ON FUNCTION {door} TO ventanilla_worker" for door in WORKER_DOORS),
)


def upgrade() -> None:
    """Make their table, and the doors by which they are found."""
    op.create_table(
        "resumables",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=True),
        sa.Column("form_id", sa.Uuid(), nullable=True),
        sa.Column("link_id", sa.Uuid(), nullable=True),
        sa.Column("api_token_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=True),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("parts", JSONB(), nullable=False),
        sa.Column("objects", sa.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("lock", sa.Uuid(), nullable=True),
        sa.Column("wanted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("upload_id", sa.Uuid(), nullable=True),
        sa.Column("whole_id", sa.Uuid(), nullable=True),
        sa.Column("refused", JSONB(none_as_null=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("received BETWEEN 0 AND coalesce(length, received)", name=op.f("ck_resumables_received")),
        sa.CheckConstraint("kind IN ('whole', 'part', 'joined')", name=op.f("ck_resumables_resumablekind")),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_resumables_organization_id")),
        sa.ForeignKeyConstraint(["api_token_id"], ["api_tokens.id"], name=op.f("fk_resumables_api_token_id")),
        *(
            sa.ForeignKeyConstraint(
                ["organization_id", column],
                [f"{table}.organization_id", f"{table}.id"],
                name=op.f(f"fk_resumables_organization_id_{column}"),
            )
            for column, table in (("connection_id", "connections"), ("form_id", "forms"), ("link_id", "links"))
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_resumables")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_resumables_key_hash")),
    )
    op.create_index("ix_resumables_expires_at", "resumables", ["expires_at"])
    op.create_index("ix_resumables_objects", "resumables", ["objects"], postgresql_using="gin")
    op.create_index("ix_resumables_lock", "resumables", ["lock"])
    for statement in (*DOORS, *SECURITY):
        op.execute(statement)


def downgrade() -> None:
    """Take them away."""
    for door in (*APP_DOORS, *WORKER_DOORS):
        op.execute(f"DROP FUNCTION {door}")
    op.drop_table("resumables")

"""Slots of provider limits; streams that began and were never marked; one door for a token's whole way in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

#: Organizations with an upload on its way whose process was not heard of since, or whose mark is as old as that, or
#: that began so long ago that it cannot be under way any more.
OVERDUE = """
CREATE FUNCTION ventanilla_find_orphans(
    silent_since timestamptz, marked_before timestamptz, begun_before timestamptz
) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT DISTINCT u.organization_id FROM public.uploads u
    WHERE u.state IN ('receiving', 'delivering')
      AND (NOT EXISTS (SELECT FROM public.processes p WHERE p.id = u.process_id AND p.beat_at > silent_since)
           OR EXISTS (SELECT FROM public.attempts a
                      WHERE a.upload_id = u.id AND a.ended_at IS NULL
                        AND (a.completing_at <= marked_before OR a.started_at <= begun_before)));
END
"""

#: As 0003 makes it.
FORMER = """
CREATE FUNCTION ventanilla_find_orphans(silent_since timestamptz, marked_before timestamptz) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT DISTINCT u.organization_id FROM public.uploads u
    WHERE u.state IN ('receiving', 'delivering')
      AND (NOT EXISTS (SELECT FROM public.processes p WHERE p.id = u.process_id AND p.beat_at > silent_since)
           OR EXISTS (SELECT FROM public.attempts a
                      WHERE a.upload_id = u.id AND a.ended_at IS NULL AND a.completing_at <= marked_before));
END
"""

#: All that decides whether a gateway token lets somebody in, and the organization that is asked for, by its slug or by
#: one of its uploads: a service's request pays for this each time, so it is one question. The version of a connection
#: changes with each row that says where it leads (organization, connection, lender, credentials, data key): who has
#: read them in that version knows them.
ADMIT = """
CREATE FUNCTION ventanilla_admit(hash bytea, wanted text, upload uuid, connection text)
    RETURNS TABLE (
        id uuid, owner uuid, scopes text[], expires_at timestamptz, revoked_at timestamptz, organization_id uuid,
        version text
    )
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT t.id, t.organization_id, t.scopes::text[], t.expires_at, t.revoked_at, coalesce(
        (SELECT o.id FROM public.organizations o WHERE o.slug = wanted),
        (SELECT u.organization_id FROM public.uploads u WHERE u.id = upload)
    ), (
        SELECT concat_ws(' ', o.xmin, c.xmin, h.xmin, k.xmin, (
            SELECT string_agg(r.xmin::text, ' ' ORDER BY r.field) FROM public.credentials r
            WHERE r.connection_id = coalesce(h.id, c.id)
        ))
        FROM public.organizations o
            JOIN public.connections c ON c.organization_id = o.id AND c.name = connection
            LEFT JOIN public.connections h ON h.id = c.house_connection_id
            LEFT JOIN public.data_keys k
                ON k.organization_id IS NOT DISTINCT FROM CASE WHEN h.id IS NULL THEN o.id END
        WHERE o.slug = wanted
    )
    FROM public.api_tokens t WHERE t.token_hash = hash;
END
"""


def upgrade() -> None:
    """Make the slots, let the door take a third time, and let the worker renew a credential."""
    op.create_table(
        "slots",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("free_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_slots")),
        sa.UniqueConstraint("key", "number", name=op.f("uq_slots_key_number")),
    )
    op.create_index("ix_slots_key_free_at", "slots", ["key", "free_at"])
    op.execute("GRANT SELECT, INSERT, UPDATE ON slots TO ventanilla_app, ventanilla_worker")
    op.execute("GRANT DELETE ON slots TO ventanilla_worker")
    op.execute("GRANT UPDATE (ciphertext, fingerprint, last_four) ON credentials TO ventanilla_worker")
    _replace("timestamptz, timestamptz", OVERDUE)
    op.execute(ADMIT)
    op.execute("REVOKE EXECUTE ON FUNCTION ventanilla_admit FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION ventanilla_admit TO ventanilla_app")


def downgrade() -> None:
    """Take them away, and put the former door back."""
    op.execute("DROP FUNCTION ventanilla_admit")
    _replace("timestamptz, timestamptz, timestamptz", FORMER)
    op.execute("REVOKE UPDATE (ciphertext, fingerprint, last_four) ON credentials FROM ventanilla_worker")
    op.drop_table("slots")


def _replace(former: str, function: str) -> None:
    op.execute(f"DROP FUNCTION ventanilla_find_orphans({former})")
    op.execute(function)
    op.execute("REVOKE EXECUTE ON FUNCTION ventanilla_find_orphans FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION ventanilla_find_orphans TO ventanilla_worker")

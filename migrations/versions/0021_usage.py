"""One question for what organizations have handed in, month by month."""

from __future__ import annotations

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

#: Months are those of each organization's own zone: it is by these that it is billed. `only_of`: NULL: of all.
USAGE = """
CREATE FUNCTION ventanilla_usage(only_of uuid, since timestamp, until timestamp)
    RETURNS TABLE (organization text, month text, operation text, state text, uploads bigint, bytes bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT o.slug, to_char(u.created_at AT TIME ZONE o.timezone, 'YYYY-MM'), u.operation, u.state,
        count(*), coalesce(sum(s.bytes), 0)::bigint
    FROM public.organizations o
        JOIN public.uploads u ON u.organization_id = o.id
            AND u.created_at >= since AT TIME ZONE o.timezone AND u.created_at < until AT TIME ZONE o.timezone,
        LATERAL (SELECT sum((p.value ->> 'size')::bigint) AS bytes FROM jsonb_array_elements(u.parts) p) s
    WHERE only_of IS NULL OR o.id = only_of
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;
END
"""


def upgrade() -> None:
    """Make the door."""
    op.execute(USAGE)
    op.execute("REVOKE EXECUTE ON FUNCTION ventanilla_usage FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION ventanilla_usage TO ventanilla_app")


def downgrade() -> None:
    """Take it away."""
    op.execute("DROP FUNCTION ventanilla_usage")

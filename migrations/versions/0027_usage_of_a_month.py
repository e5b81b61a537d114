"""What a month's usage costs grows with that month, not with all that was ever handed in."""

from __future__ import annotations

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

#: As 0021 makes it, but counted organization by organization, so that each is found by its own index on time.
USAGE = """
CREATE OR REPLACE FUNCTION ventanilla_usage(only_of uuid, since timestamp, until timestamp)
    RETURNS TABLE (organization text, month text, operation text, state text, uploads bigint, bytes bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT o.slug, to_char(m.month, 'YYYY-MM'), m.operation, m.state, m.uploads, m.bytes
    FROM public.organizations o, LATERAL (
        SELECT date_trunc('month', u.created_at AT TIME ZONE o.timezone) AS month, u.operation, u.state,
            count(*) AS uploads, coalesce(sum(CASE jsonb_array_length(u.parts)
                WHEN 1 THEN (u.parts -> 0 ->> 'size')::bigint  -- most have one: to look is quick
                ELSE (SELECT sum((p.value ->> 'size')::bigint) FROM jsonb_array_elements(u.parts) p)
            END), 0)::bigint AS bytes
        FROM public.uploads u
        WHERE u.organization_id = o.id
            AND u.created_at >= since AT TIME ZONE o.timezone AND u.created_at < until AT TIME ZONE o.timezone
        GROUP BY 1, 2, 3
    ) m
    WHERE only_of IS NULL OR o.id = only_of
    ORDER BY 1, 2, 3, 4;
END
"""
BEFORE = """
CREATE OR REPLACE FUNCTION ventanilla_usage(only_of uuid, since timestamp, until timestamp)
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
    """Count anew how it is counted."""
    op.execute(USAGE)


def downgrade() -> None:
    """As 0021 makes it."""
    op.execute(BEFORE)

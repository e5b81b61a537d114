"""The sweeper looks for what is overdue too: its process lives, and could not write down how it ended."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

#: Organizations with an upload on its way whose process was not heard of since, or whose mark is as old as that.
OVERDUE = """
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

#: As the first revision makes it.
SILENT = """
CREATE FUNCTION ventanilla_find_orphans(silent_since timestamptz) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT DISTINCT u.organization_id FROM public.uploads u
    WHERE u.state IN ('receiving', 'delivering')
      AND NOT EXISTS (SELECT FROM public.processes p WHERE p.id = u.process_id AND p.beat_at > silent_since);
END
"""


def upgrade() -> None:
    """Let the door take a second time."""
    _replace("timestamptz", OVERDUE)


def downgrade() -> None:
    """Put the former door back."""
    _replace("timestamptz, timestamptz", SILENT)


def _replace(former: str, function: str) -> None:
    op.execute(f"DROP FUNCTION ventanilla_find_orphans({former})")
    op.execute(function)
    op.execute("REVOKE EXECUTE ON FUNCTION ventanilla_find_orphans FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION ventanilla_find_orphans TO ventanilla_worker")

"""What a living process left lying can be told from what it works on, and what has arrived from what still does."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

#: Uploads on their way that a process has in hand, of whatever organization.
IN_HAND = """
CREATE FUNCTION ventanilla_in_hand(process uuid) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT u.id FROM public.uploads u WHERE u.process_id = process AND u.state IN ('receiving', 'delivering');
END
"""
#: Of those, the ones that it does not work on any more are nobody's: no process has that id.
LET_GO = """
CREATE FUNCTION ventanilla_let_go(process uuid, left_lying uuid[]) RETURNS void
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    UPDATE public.uploads u SET process_id = '00000000-0000-0000-0000-000000000000'
    WHERE u.id = ANY (left_lying) AND u.process_id = process AND u.state IN ('receiving', 'delivering');
END
"""
#: Which of these copies belong to a file that is still arriving: once it has become an upload, that has them.
RESUMED = """
CREATE OR REPLACE FUNCTION ventanilla_find_resumed(copies uuid[]) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        SELECT DISTINCT held FROM public.resumables r, unnest(r.objects) held
        WHERE r.objects && copies AND held = ANY (copies){besides}
    $$
"""
BESIDES = " AND NOT EXISTS (SELECT FROM public.uploads u WHERE u.id = held)"
DOORS = {"ventanilla_in_hand": IN_HAND, "ventanilla_let_go": LET_GO}


def upgrade() -> None:
    """Make the doors."""
    op.execute(RESUMED.format(besides=BESIDES))
    for name, function in DOORS.items():
        op.execute(function)
        op.execute(f"REVOKE EXECUTE ON FUNCTION {name} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {name} TO ventanilla_app, ventanilla_worker")


def downgrade() -> None:
    """Take them away."""
    op.execute(RESUMED.format(besides=""))
    for name in DOORS:
        op.execute(f"DROP FUNCTION {name}")

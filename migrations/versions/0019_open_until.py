"""A breaker's position in one statement that is a transaction of its own."""

from __future__ import annotations

from alembic import op

revision = "0019"
down_revision = "0017"
branch_labels = None
depends_on = None

#: Sees to it itself that row security knows the organization, as `ventanilla_begin` does.
OPEN_UNTIL = """
CREATE FUNCTION ventanilla_open_until(organization text, connection uuid)
    RETURNS timestamptz LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('ventanilla.organization', organization, true);
    RETURN (SELECT b.open_until FROM public.breakers b WHERE b.connection_id = connection);
END
$$
"""


def upgrade() -> None:
    """Make it, for whoever hands over."""
    op.execute(OPEN_UNTIL)
    op.execute("REVOKE EXECUTE ON FUNCTION ventanilla_open_until FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION ventanilla_open_until TO ventanilla_app, ventanilla_worker")


def downgrade() -> None:
    """Take it away."""
    op.execute("DROP FUNCTION ventanilla_open_until")

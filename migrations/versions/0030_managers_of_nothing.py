"""With an organization goes whoever managed it: they sign in no more, and nobody is invited to."""

from __future__ import annotations

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

#: As `people.disable` does it to one.
DISMISS = """
CREATE FUNCTION ventanilla_dismiss() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE public.users u SET disabled_at = coalesce(u.disabled_at, new.deleted_at), secured_at = new.deleted_at
    WHERE u.manages = new.id;
    DELETE FROM public.user_sessions s USING public.users u WHERE u.id = s.user_id AND u.manages = new.id;
    DELETE FROM public.password_resets r USING public.users u WHERE u.id = r.user_id AND u.manages = new.id;
    DELETE FROM public.invitations i WHERE i.manages = new.id;
    RETURN NULL;
END
$$
"""
TRIGGER = """
CREATE TRIGGER dismiss AFTER UPDATE OF deleted_at ON organizations FOR EACH ROW
    WHEN (old.deleted_at IS NULL AND new.deleted_at IS NOT NULL) EXECUTE FUNCTION ventanilla_dismiss()
"""


def upgrade() -> None:
    """Let it be done where an organization is deleted for good, whoever does that."""
    op.execute(DISMISS)
    op.execute("REVOKE EXECUTE ON FUNCTION ventanilla_dismiss FROM PUBLIC")
    op.execute(TRIGGER)


def downgrade() -> None:
    """Take it away; who was dismissed stays so."""
    op.execute("DROP TRIGGER dismiss ON organizations")
    op.execute("DROP FUNCTION ventanilla_dismiss")

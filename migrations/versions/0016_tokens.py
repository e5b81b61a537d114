"""Tokens: from where they let in, when they last did, what took their place; and a look at them at the mark."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import CIDR

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

#: As 0005 makes it, with the networks and the last use.
ADMIT = """
CREATE FUNCTION ventanilla_admit(hash bytea, wanted text, upload uuid, connection text)
    RETURNS TABLE (
        id uuid, owner uuid, scopes text[], expires_at timestamptz, revoked_at timestamptz, {more}organization_id uuid,
        version text
    )
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT t.id, t.organization_id, t.scopes::text[], t.expires_at, t.revoked_at, {known}coalesce(
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
NEW = {"more": "networks text[], last_used_at timestamptz, ", "known": "t.networks::text[], t.last_used_at, "}
FORMER = {"more": "", "known": ""}

#: Say that a token let somebody in, if that was not said since `before`; whoever is at it already says it for all.
USE = """
CREATE FUNCTION ventanilla_use_token(token uuid, now timestamptz, before timestamptz) RETURNS void
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    UPDATE public.api_tokens t SET last_used_at = now WHERE t.id = (
        SELECT o.id FROM public.api_tokens o
        WHERE o.id = token AND (o.last_used_at IS NULL OR o.last_used_at <= before) FOR NO KEY UPDATE SKIP LOCKED
    );
END
"""

#: Whether a token was withdrawn. It may be the house's, which nobody sees who works for an organization.
IS_REVOKED = """
CREATE FUNCTION ventanilla_is_revoked(token uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT EXISTS (SELECT FROM public.api_tokens t WHERE t.id = token AND t.revoked_at IS NOT NULL);
END
"""

#: As 0006 makes it; but what begins with its mark does not begin, and the answer is no, where the token that it came
#: by was withdrawn.
BEGIN = """
CREATE FUNCTION ventanilla_begin(organization text, upload jsonb, attempt jsonb, entry jsonb) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('ventanilla.organization', organization, true);
    IF attempt->>'completing_at' IS NOT NULL AND public.ventanilla_is_revoked((upload->>'api_token_id')::uuid) THEN
        RETURN false;
    END IF;
    INSERT INTO public.uploads SELECT r.* FROM jsonb_populate_record(NULL::public.uploads, upload) r;
    IF attempt IS NOT NULL THEN
        INSERT INTO public.attempts SELECT r.* FROM jsonb_populate_record(NULL::public.attempts, attempt) r;
    END IF;
    INSERT INTO public.audit_entries SELECT r.* FROM jsonb_populate_record(NULL::public.audit_entries, entry) r;
    RETURN true;
END
$$
"""
FORMER_BEGIN = """
CREATE FUNCTION ventanilla_begin(organization text, upload jsonb, attempt jsonb, entry jsonb) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('ventanilla.organization', organization, true);
    INSERT INTO public.uploads SELECT r.* FROM jsonb_populate_record(NULL::public.uploads, upload) r;
    IF attempt IS NOT NULL THEN
        INSERT INTO public.attempts SELECT r.* FROM jsonb_populate_record(NULL::public.attempts, attempt) r;
    END IF;
    INSERT INTO public.audit_entries SELECT r.* FROM jsonb_populate_record(NULL::public.audit_entries, entry) r;
END
$$
"""

APP, BOTH = "ventanilla_app", "ventanilla_app, ventanilla_worker"


def upgrade() -> None:
    """Add the columns, and let the doors know of them."""
    op.add_column("api_tokens", sa.Column("networks", sa.ARRAY(CIDR()), server_default="{}", nullable=False))
    op.add_column("api_tokens", sa.Column("rotated_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("api_tokens", sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True))
    _make("ventanilla_use_token", USE, APP)
    _make("ventanilla_is_revoked", IS_REVOKED, BOTH)
    _replace("ventanilla_admit", ADMIT.format(**NEW), APP)
    _replace("ventanilla_begin", BEGIN, BOTH)


def downgrade() -> None:
    """Take them away, and put the former doors back."""
    _replace("ventanilla_begin", FORMER_BEGIN, BOTH)
    _replace("ventanilla_admit", ADMIT.format(**FORMER), APP)
    op.execute("DROP FUNCTION ventanilla_is_revoked")
    op.execute("DROP FUNCTION ventanilla_use_token")
    for column in ("last_used_at", "rotated_at", "networks"):
        op.drop_column("api_tokens", column)


def _replace(name: str, function: str, roles: str) -> None:
    op.execute(f"DROP FUNCTION {name}")
    _make(name, function, roles)


def _make(name: str, function: str, roles: str) -> None:
    op.execute(function)
    op.execute(f"REVOKE EXECUTE ON FUNCTION {name} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {name} TO {roles}")

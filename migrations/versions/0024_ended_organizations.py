"""An organization's end: it hands nothing in at once, and a while later what its secrets open with is destroyed.

What was handed in stays as it was written down: its audit log and its receipts are proofs, and hold no secret.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

#: Why the rest of something must not leave that was let in before: the token that it came by was withdrawn, which may
#: be the house's and nobody sees who works for an organization; or its organization was suspended.
WITHDRAWN = """
CREATE FUNCTION ventanilla_withdrawn(token uuid) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT CASE
        WHEN EXISTS (SELECT FROM public.api_tokens t WHERE t.id = token AND t.revoked_at IS NOT NULL)
            THEN 'token-revoked'
        WHEN EXISTS (
            SELECT FROM public.organizations o
            WHERE o.id = public.ventanilla_organization() AND o.suspended_at IS NOT NULL
        ) THEN 'organization-suspended'
    END;
END
"""
#: As 0016 makes it.
IS_REVOKED = """
CREATE FUNCTION ventanilla_is_revoked(token uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT EXISTS (SELECT FROM public.api_tokens t WHERE t.id = token AND t.revoked_at IS NOT NULL);
END
"""

#: As 0016 makes it; but it answers with why it did not begin, which is null where it did.
BEGIN = """
CREATE FUNCTION ventanilla_begin(organization text, upload jsonb, attempt jsonb, entry jsonb) RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    why text;
BEGIN
    PERFORM set_config('ventanilla.organization', organization, true);
    IF attempt->>'completing_at' IS NOT NULL THEN
        why := public.ventanilla_withdrawn((upload->>'api_token_id')::uuid);
        IF why IS NOT NULL THEN
            RETURN why;
        END IF;
    END IF;
    INSERT INTO public.uploads SELECT r.* FROM jsonb_populate_record(NULL::public.uploads, upload) r;
    IF attempt IS NOT NULL THEN
        INSERT INTO public.attempts SELECT r.* FROM jsonb_populate_record(NULL::public.attempts, attempt) r;
    END IF;
    INSERT INTO public.audit_entries SELECT r.* FROM jsonb_populate_record(NULL::public.audit_entries, entry) r;
    RETURN NULL;
END
$$
"""
FORMER_BEGIN = """
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

#: As 0016 makes it; but nobody comes to an organization by its name that is deleted.
ADMIT = """
CREATE FUNCTION ventanilla_admit(hash bytea, wanted text, upload uuid, connection text)
    RETURNS TABLE (
        id uuid, owner uuid, scopes text[], expires_at timestamptz, revoked_at timestamptz, networks text[],
        last_used_at timestamptz, organization_id uuid, version text
    )
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT t.id, t.organization_id, t.scopes::text[], t.expires_at, t.revoked_at, t.networks::text[], t.last_used_at,
    coalesce(
        (SELECT o.id FROM public.organizations o WHERE o.slug = wanted{living}),
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
        WHERE o.slug = wanted{living}
    )
    FROM public.api_tokens t WHERE t.token_hash = hash;
END
"""
#: As 0001 makes it, and the same.
FIND_ORGANIZATION = """
CREATE FUNCTION ventanilla_find_organization(wanted text) RETURNS uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT o.id FROM public.organizations o WHERE o.slug = wanted{living};
END
"""
#: As 0009 and 0012 make them; but what waits of an organization that is suspended goes on waiting.
FIND_DUE = """
CREATE FUNCTION ventanilla_find_due(now timestamptz) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT o.id FROM public.organizations o
    WHERE {open}EXISTS (
        SELECT FROM public.uploads u
            JOIN public.connections c ON c.id = u.connection_id
            LEFT JOIN public.breakers b ON b.connection_id = u.connection_id
        WHERE u.organization_id = o.id AND u.state = 'waiting' AND c.paused_at IS NULL
          AND CASE WHEN b.open_until > now THEN u.deadline_at <= now AND NOT b.probing ELSE u.due_at <= now END);
END
"""
FIND_OVERDUE = """
CREATE FUNCTION ventanilla_find_overdue(since timestamptz) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT DISTINCT u.organization_id FROM public.uploads u JOIN public.connections c ON c.id = u.connection_id
        JOIN public.organizations o ON o.id = u.organization_id
    WHERE {open}u.state = 'waiting' AND u.due_at <= since AND c.paused_at IS NULL
      AND NOT EXISTS (SELECT FROM public.breakers b WHERE b.connection_id = c.id AND b.open_until > since);
END
"""

#: Organizations whose days of grace are over.
FIND_ENDED = """
CREATE FUNCTION ventanilla_find_ended(now timestamptz) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT o.id FROM public.organizations o WHERE o.deletes_at <= now AND o.deleted_at IS NULL;
END
"""
#: Destroy what an organization's secrets open with, and all that was only kept for it to go on; the objects in the
#: spool that nobody needs any more. It does so by itself only to whom it may: a worker has no other way to a data key.
#: Null where it must not be yet: not its time, or something is still on its way.
SHRED = """
CREATE FUNCTION ventanilla_shred(ended uuid, now timestamptz) RETURNS uuid[]
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    freed uuid[];
BEGIN
    PERFORM FROM public.organizations o
    WHERE o.id = ended AND o.deletes_at <= now AND o.deleted_at IS NULL FOR UPDATE;
    IF NOT FOUND OR EXISTS (
        SELECT FROM public.uploads u
        WHERE u.organization_id = ended AND u.state IN ('receiving', 'delivering', 'waiting')
    ) THEN
        RETURN NULL;
    END IF;
    freed := array(
        SELECT c.upload_id FROM public.copies c WHERE c.organization_id = ended
        UNION SELECT unnest(r.objects) FROM public.resumables r WHERE r.organization_id = ended
    );
    DELETE FROM public.copies c WHERE c.organization_id = ended;
    DELETE FROM public.resumables r WHERE r.organization_id = ended;
    DELETE FROM public.outcome_mails m WHERE m.organization_id = ended;
    DELETE FROM public.idempotency_keys k WHERE k.organization_id = ended;
    DELETE FROM public.webhook_deliveries d WHERE d.organization_id = ended;
    DELETE FROM public.webhook_secrets s WHERE s.organization_id = ended;
    DELETE FROM public.webhook_endpoints e WHERE e.organization_id = ended;
    DELETE FROM public.credentials c WHERE c.organization_id = ended;
    DELETE FROM public.data_keys k WHERE k.organization_id = ended;
    UPDATE public.connections c
    SET settings = '{}', house_connection_id = NULL, opened_calls = '{}', next_check_at = NULL,
        paused_at = coalesce(c.paused_at, now), paused_because = coalesce(c.paused_because, 'organization-deleted')
    WHERE c.organization_id = ended;
    UPDATE public.forms f SET open = false, settings = '{}' WHERE f.organization_id = ended;
    UPDATE public.links l
    SET revoked_at = coalesce(l.revoked_at, now), recipient = NULL, passphrase_hash = NULL
    WHERE l.organization_id = ended;
    UPDATE public.api_tokens t SET revoked_at = coalesce(t.revoked_at, now) WHERE t.organization_id = ended;
    UPDATE public.organizations o
    SET deleted_at = now, contact = NULL, notice_url = NULL, notice_version = NULL WHERE o.id = ended;
    RETURN freed;
END
$$
"""

#: What an organization is found by: words of all three, as 0023 has them.
CALLED = """
CREATE FUNCTION ventanilla_called(slug varchar, name varchar, rfc varchar) RETURNS tsvector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN array_to_tsvector(ventanilla_words(slug || ' ' || name || ' ' || coalesce(rfc, '')))
"""

APP, WORKER = "ventanilla_app", "ventanilla_worker"
BOTH = f"{APP}, {WORKER}"

SECURITY = (
    # Nothing is sealed for whom there is no key any more: a new one would be as good as the one that was destroyed.
    (
        "CREATE POLICY living ON data_keys AS RESTRICTIVE FOR INSERT TO ventanilla_app, ventanilla_worker WITH CHECK ("
        "organization_id IS NULL OR organization_id = ventanilla_organization() AND EXISTS ("
        "SELECT FROM organizations o WHERE o.id = organization_id AND o.deleted_at IS NULL))"
    ),
)


def upgrade() -> None:
    """Add the moments, and let the doors know of them."""
    op.add_column("organizations", sa.Column("deletes_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("organizations", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint(
        op.f("ck_organizations_deletes_at"), "organizations", "deletes_at IS NULL OR suspended_at IS NOT NULL"
    )
    op.create_check_constraint(
        op.f("ck_organizations_deleted_at"), "organizations", "deleted_at IS NULL OR deletes_at IS NOT NULL"
    )
    op.create_index(
        "ix_organizations_ending",
        "organizations",
        ["deletes_at"],
        postgresql_where=sa.text("deletes_at IS NOT NULL AND deleted_at IS NULL"),
    )
    op.create_index("ix_uploads_connection_id_created_at", "uploads", ["connection_id", "created_at"])
    _make("ventanilla_called", CALLED, f"{BOTH}, ventanilla_overview")
    op.execute("CREATE INDEX ix_organizations_words ON organizations USING gin (ventanilla_called(slug, name, rfc))")
    _make("ventanilla_withdrawn", WITHDRAWN, BOTH)
    _replace("ventanilla_begin", BEGIN, BOTH)
    op.execute("DROP FUNCTION ventanilla_is_revoked")
    _doors(living=" AND o.deleted_at IS NULL", open="o.suspended_at IS NULL AND ")
    _make("ventanilla_find_ended", FIND_ENDED, WORKER)
    _make("ventanilla_shred", SHRED, WORKER)
    for statement in SECURITY:
        op.execute(statement)


def downgrade() -> None:
    """Take them away, and put the former doors back."""
    op.execute("DROP POLICY living ON data_keys")
    op.execute("DROP FUNCTION ventanilla_shred")
    op.execute("DROP FUNCTION ventanilla_find_ended")
    _doors(living="", open="")
    _make("ventanilla_is_revoked", IS_REVOKED, BOTH)
    _replace("ventanilla_begin", FORMER_BEGIN, BOTH)
    op.execute("DROP FUNCTION ventanilla_withdrawn")
    op.drop_index("ix_organizations_words", "organizations")
    op.execute("DROP FUNCTION ventanilla_called")
    op.drop_index("ix_uploads_connection_id_created_at", "uploads")
    op.drop_index("ix_organizations_ending", "organizations")
    op.drop_column("organizations", "deleted_at")
    op.drop_column("organizations", "deletes_at")


def _doors(*, living: str, open: str) -> None:  # noqa: A002 - what it asks of an organization
    _replace("ventanilla_admit", ADMIT.format(living=living), APP)
    _replace("ventanilla_find_organization", FIND_ORGANIZATION.format(living=living), APP)
    _replace("ventanilla_find_due", FIND_DUE.format(open=open), WORKER)
    _replace("ventanilla_find_overdue", FIND_OVERDUE.format(open=open), APP)


def _replace(name: str, function: str, roles: str) -> None:
    op.execute(f"DROP FUNCTION {name}")
    _make(name, function, roles)


def _make(name: str, function: str, roles: str) -> None:
    op.execute(function)
    op.execute(f"REVOKE EXECUTE ON FUNCTION {name} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {name} TO {roles}")

"""What a hand-in writes at its mark and at its end: a statement each, so a round trip each.

They decide nothing: what the rows say is the application's, and what may be written is row security's, for they run
with their caller's rights. Rows come as JSON objects by the columns' names.
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BEGIN = """
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

#: Both rows have to be as they were left: the upload in its state, the attempt without an end, or with one that is no
#: knowledge. Where they are not, nothing is changed and the answer is no.
FINISH = """
CREATE FUNCTION ventanilla_finish(organization text, before text, upload jsonb, attempt jsonb, entry jsonb)
    RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('ventanilla.organization', organization, true);
    UPDATE public.uploads u
    SET (state, problem, problem_params, provider_message, reference, provider_status, facts, updated_at) = (
        SELECT r.state, r.problem, r.problem_params, r.provider_message, r.reference, r.provider_status, r.facts,
            r.updated_at
        FROM jsonb_populate_record(NULL::public.uploads, upload) r
    )
    WHERE u.id = (upload->>'id')::uuid AND u.state = before AND EXISTS (
        SELECT FROM public.attempts a
        WHERE a.id = (attempt->>'id')::uuid AND (a.ended_at IS NULL OR a.outcome = 'unknown')
    );
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    -- Whoever ends an attempt has its upload locked, as it is now.
    UPDATE public.attempts a
    SET (ended_at, outcome, problem, provider_http_status, provider_code, provider_message, provider_log_id) = (
        SELECT r.ended_at, r.outcome, r.problem, r.provider_http_status, r.provider_code, r.provider_message,
            r.provider_log_id
        FROM jsonb_populate_record(NULL::public.attempts, attempt) r
    )
    WHERE a.id = (attempt->>'id')::uuid;
    INSERT INTO public.audit_entries SELECT r.* FROM jsonb_populate_record(NULL::public.audit_entries, entry) r;
    RETURN true;
END
$$
"""


def upgrade() -> None:
    """Make both, for whoever hands over, and drop the index that the planner took for attempts in place of the key."""
    for name, function in (("ventanilla_begin", BEGIN), ("ventanilla_finish", FINISH)):
        op.execute(function)
        op.execute(f"REVOKE EXECUTE ON FUNCTION {name} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {name} TO ventanilla_app, ventanilla_worker")

    op.drop_index("ix_attempts_organization_id", "attempts")


def downgrade() -> None:
    """Take both away."""
    op.create_index("ix_attempts_organization_id", "attempts", ["organization_id"])
    op.execute("DROP FUNCTION ventanilla_finish")
    op.execute("DROP FUNCTION ventanilla_begin")

"""The queue: Procrastinate's tables, as the library that is installed makes them.

Its own steps cannot be replayed up to a fixed one: they add values to types and use them, which servers before 17 do
not allow within one transaction. So a newer library makes newer tables here at once, and the revision that brings its
further steps to older databases has to look first whether they are there.
"""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

#: The library's newest step when this was written; a test fails when there is a newer one.
QUEUE_STEP = "03.04.00_50_post_add_retry_failed_job_procedure.sql"

APP = """
-- A face puts jobs in and reads none: their numbers come back, and which lock was in the way of one.
GRANT INSERT, SELECT (id, queueing_lock) ON procrastinate_jobs TO ventanilla_app;
GRANT INSERT ON procrastinate_events TO ventanilla_app;
GRANT USAGE ON SEQUENCE procrastinate_jobs_id_seq, procrastinate_events_id_seq TO ventanilla_app;
GRANT EXECUTE ON FUNCTION procrastinate_defer_jobs_v1 TO ventanilla_app;
"""

EVERYTHING = """
DO $$
DECLARE
    thing text;
BEGIN
    FOR thing IN SELECT relname FROM pg_class
                 WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname LIKE 'procrastinate\\_%' LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO ventanilla_worker', thing);
    END LOOP;
    FOR thing IN SELECT relname FROM pg_class
                 WHERE relnamespace = 'public'::regnamespace AND relkind = 'S' AND relname LIKE 'procrastinate\\_%' LOOP
        EXECUTE format('GRANT USAGE ON SEQUENCE %I TO ventanilla_worker', thing);
    END LOOP;
    FOR thing IN SELECT oid::regprocedure FROM pg_proc
                 WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'procrastinate\\_%' LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', thing);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO ventanilla_worker', thing);
    END LOOP;
END
$$
"""

NOTHING = """
DO $$
DECLARE
    thing text;
BEGIN
    DROP TABLE procrastinate_events, procrastinate_periodic_defers, procrastinate_jobs, procrastinate_workers CASCADE;
    FOR thing IN SELECT oid::regprocedure FROM pg_proc
                 WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'procrastinate\\_%' LOOP
        EXECUTE format('DROP FUNCTION %s', thing);
    END LOOP;
    DROP TYPE procrastinate_job_to_defer_v1, procrastinate_job_status, procrastinate_job_event_type;
END
$$
"""


def upgrade() -> None:
    """Make the library's tables, and let each role do what it has to."""
    _run((resources.files("procrastinate.sql") / "schema.sql").read_text(encoding="utf-8"))
    _run(EVERYTHING)
    _run(APP)


def downgrade() -> None:
    """Take the library's tables away, and every job with them."""
    _run(NOTHING)


def _run(statements: str) -> None:
    op.get_bind().exec_driver_sql(statements, execution_options={"no_parameters": True})

"""The queue: Procrastinate's tables, as its release 3.4 to 3.10 has them.

They come from the migrations that the library ships, which do not change once released, up to a fixed one: a newer
library brings further ones, and with them a further revision here.
"""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

LAST = "03.04.00_50"

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
    """Bring the library's tables to where they are today, and let each role do what it has to."""
    folder = resources.files("procrastinate.sql") / "migrations"
    for step in sorted(folder.iterdir(), key=lambda path: path.name):
        if step.name.endswith(".sql") and step.name[: len(LAST)] <= LAST:
            _run(step.read_text(encoding="utf-8"))
    _run(EVERYTHING)
    _run(APP)


def downgrade() -> None:
    """Take the library's tables away, and every job with them."""
    _run(NOTHING)


def _run(statements: str) -> None:
    op.get_bind().exec_driver_sql(statements, execution_options={"no_parameters": True})

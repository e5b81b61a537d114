-- Hours in which something changed since the last time are counted anew, of each organization and of all together
-- (whose organization is null). So it may run twice, and what is learnt late of an old upload is counted where it
-- belongs. An attempt counts in the hour it began in, with how long the provider took to answer once it had all of it.

CREATE FUNCTION ventanilla_tally(now timestamptz) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    since timestamptz;
    hours timestamptz[];
BEGIN
    -- Whoever writes may have looked at the clock some time before what it wrote is seen here.
    SELECT m.until - interval '5 minutes' INTO since FROM public.tally_marks m FOR UPDATE;
    since := coalesce(since, '-infinity');
    hours := array(
        SELECT date_trunc('hour', u.created_at, 'UTC') FROM public.uploads u WHERE u.updated_at >= since
        UNION SELECT date_trunc('hour', a.started_at, 'UTC')
        FROM public.uploads u JOIN public.attempts a ON a.upload_id = u.id WHERE u.updated_at >= since
    );
    INSERT INTO public.tallies AS t (id, organization_id, hour, operation, states, bytes, answers, problems)
    WITH handed_in AS (
        SELECT u.organization_id, h.hour, u.operation, u.state,
            (SELECT sum((p.value ->> 'size')::bigint) FROM jsonb_array_elements(u.parts) p) AS bytes
        FROM unnest(hours) h (hour)
            JOIN public.uploads u ON u.created_at >= h.hour AND u.created_at < h.hour + interval '1 hour'
    ), tried AS (
        SELECT a.organization_id, h.hour, u.operation,
            CASE WHEN a.provider_http_status IS NOT NULL AND a.ended_at < a.completing_at + interval '10 minutes' THEN
                floor(4 * log(2, greatest(1, extract(epoch FROM a.ended_at - a.completing_at) * 1000)))::int
            END AS answer,
            CASE WHEN a.outcome IN ('failed', 'credential', 'retry', 'unknown') THEN a.problem END AS problem
        FROM unnest(hours) h (hour)
            JOIN public.attempts a ON a.started_at >= h.hour AND a.started_at < h.hour + interval '1 hour'
            JOIN public.uploads u ON u.id = a.upload_id
    ), counted AS (
        SELECT organization_id, hour, operation, 'states' AS what, state AS key, count(*), sum(bytes) AS bytes
        FROM handed_in GROUP BY GROUPING SETS ((1, 2, 3, 5), (2, 3, 5))
        UNION ALL SELECT organization_id, hour, operation, 'answers', answer::text, count(*), 0
        FROM tried WHERE answer IS NOT NULL GROUP BY GROUPING SETS ((1, 2, 3, 5), (2, 3, 5))
        UNION ALL SELECT organization_id, hour, operation, 'problems', problem, count(*), 0
        FROM tried WHERE problem IS NOT NULL GROUP BY GROUPING SETS ((1, 2, 3, 5), (2, 3, 5))
    )
    SELECT gen_random_uuid(), c.organization_id, c.hour, c.operation,
        coalesce(jsonb_object_agg(c.key, c.count) FILTER (WHERE c.what = 'states'), '{}'),
        coalesce(sum(c.bytes), 0)::bigint,
        coalesce(jsonb_object_agg(c.key, c.count) FILTER (WHERE c.what = 'answers'), '{}'),
        coalesce(jsonb_object_agg(c.key, c.count) FILTER (WHERE c.what = 'problems'), '{}')
    FROM counted c GROUP BY 2, 3, 4
    ON CONFLICT (organization_id, hour, operation) DO UPDATE
    SET states = excluded.states, bytes = excluded.bytes, answers = excluded.answers, problems = excluded.problems
    WHERE (t.states, t.bytes, t.answers, t.problems)
        IS DISTINCT FROM (excluded.states, excluded.bytes, excluded.answers, excluded.problems);
    INSERT INTO public.tally_marks (id, until) VALUES ('00000000-0000-0000-0000-000000000000', now)
    ON CONFLICT (id) DO UPDATE SET until = excluded.until;
    RETURN cardinality(hours);
END
$$;

REVOKE EXECUTE ON FUNCTION ventanilla_tally FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ventanilla_tally TO ventanilla_worker;

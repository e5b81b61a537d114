-- Two roles besides the owner, who is whoever runs this. They are made without LOGIN: whoever sets up lets them in.
-- Several databases of one server share them, and may be made at the same time.

DO $$
DECLARE
    name text;
BEGIN
    IF current_setting('server_version_num')::int < 150000 THEN
        RAISE 'PostgreSQL 15 or newer is needed; this is %.', current_setting('server_version');
    END IF;
    FOREACH name IN ARRAY ARRAY['ventanilla_app', 'ventanilla_worker'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', name);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL; -- another migration just made it
            END;
        END IF;
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = name AND (rolsuper OR rolbypassrls)) THEN
            RAISE 'The role % is above row-level security. Take SUPERUSER and BYPASSRLS from it.', name;
        END IF;
        -- What the server's log must not quote, where the owner may say so; an embedded server is told at its start.
        BEGIN
            EXECUTE format('ALTER ROLE %I SET log_parameter_max_length_on_error = 0', name);
            EXECUTE format('ALTER ROLE %I SET log_parameter_max_length = 0', name);
            EXECUTE format('ALTER ROLE %I SET log_min_error_statement = panic', name);
            EXECUTE format('ALTER ROLE %I SET log_error_verbosity = terse', name);
            EXECUTE format('ALTER ROLE %I SET log_min_messages = log', name); -- their errors the gateway logs itself
        EXCEPTION WHEN insufficient_privilege THEN
            RAISE NOTICE 'The settings of % that keep values out of the server''s log are the administrator''s.', name;
        END;
    END LOOP;
END
$$;

GRANT USAGE ON SCHEMA public TO ventanilla_app, ventanilla_worker;
GRANT SELECT ON alembic_version TO ventanilla_app, ventanilla_worker;

-- Whose rows a transaction sees: `ventanilla.organization` holds an organization's id, or `house`. Where it is not set,
-- or left over from a transaction that ended (''), nobody's.

CREATE FUNCTION ventanilla_organization() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog
    RETURN nullif(nullif(current_setting('ventanilla.organization', true), ''), 'house')::uuid;

CREATE FUNCTION ventanilla_is_house() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog
    RETURN coalesce(current_setting('ventanilla.organization', true) = 'house', false);

REVOKE EXECUTE ON FUNCTION ventanilla_organization(), ventanilla_is_house() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ventanilla_organization(), ventanilla_is_house() TO ventanilla_app, ventanilla_worker;

-- Who sees all organizations at once: a role that nobody signs in as. `ventanilla_app` takes it on for one transaction,
-- by SET LOCAL ROLE, and has none of its rights without that. Several databases of one server share it.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ventanilla_overview') THEN
        BEGIN
            CREATE ROLE ventanilla_overview NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- another migration just made it
        END;
    END IF;
    IF EXISTS (
        SELECT FROM pg_roles
        WHERE rolname = 'ventanilla_overview' AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcanlogin)
    ) THEN
        RAISE 'The role ventanilla_overview may only read. Take LOGIN, CREATEROLE, SUPERUSER and BYPASSRLS from it.';
    END IF;
    IF current_setting('server_version_num')::int < 160000 THEN
        ALTER ROLE ventanilla_app NOINHERIT; -- there it is the member's and not the membership's
    END IF;
    IF pg_has_role('ventanilla_app', 'ventanilla_overview', 'USAGE')
       OR NOT pg_has_role('ventanilla_app', 'ventanilla_overview', 'MEMBER') THEN
        BEGIN
            IF current_setting('server_version_num')::int < 160000 THEN
                GRANT ventanilla_overview TO ventanilla_app;
            ELSE
                EXECUTE 'GRANT ventanilla_overview TO ventanilla_app WITH INHERIT FALSE, SET TRUE';
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END IF;
    -- With the rights of the one, the other would see everything all the time.
    IF pg_has_role('ventanilla_app', 'ventanilla_overview', 'USAGE') THEN
        RAISE 'ventanilla_app inherits from ventanilla_overview. Grant it WITH INHERIT FALSE.';
    END IF;
END
$$;

GRANT USAGE ON SCHEMA public TO ventanilla_overview;

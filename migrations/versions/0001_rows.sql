-- Who sees and changes which rows, and what each role may do at all. Row security is forced: it binds the owner too,
-- whose own policy lets the doors and later migrations through.

DO $$
DECLARE
    name text;
    condition text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'organizations', 'connections', 'data_keys', 'credentials', 'forms', 'links', 'api_tokens',
        'uploads', 'attempts', 'audit_entries'
    ] LOOP
        condition := CASE
            WHEN name = 'organizations' THEN 'id = ventanilla_organization()'
            -- Rows without an organization are the house's.
            WHEN name IN ('connections', 'data_keys', 'credentials', 'api_tokens', 'audit_entries') THEN
                'organization_id = ventanilla_organization() OR (organization_id IS NULL AND ventanilla_is_house())'
            ELSE 'organization_id = ventanilla_organization()'
        END;
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format(
            'CREATE POLICY organization ON %I TO ventanilla_app, ventanilla_worker USING (%s) WITH CHECK (%s)',
            name, condition, condition
        );
        EXECUTE format('CREATE POLICY owner ON %I TO CURRENT_USER USING (true) WITH CHECK (true)', name);
    END LOOP;
END
$$;

-- What the house lends: an organization whose connection names a house connection reads that one's credential, and the
-- house's data key to open it; nothing else of the house's, and it changes nothing of it.

CREATE POLICY lent ON credentials FOR SELECT TO ventanilla_app, ventanilla_worker USING (
    organization_id IS NULL AND EXISTS (
        SELECT FROM connections borrower
        WHERE borrower.house_connection_id = credentials.connection_id
          AND borrower.organization_id = ventanilla_organization()
    )
);

CREATE POLICY lent ON data_keys FOR SELECT TO ventanilla_app, ventanilla_worker USING (
    organization_id IS NULL AND EXISTS (
        SELECT FROM connections borrower
        WHERE borrower.house_connection_id IS NOT NULL
          AND borrower.organization_id = ventanilla_organization()
    )
);

-- `app` serves people and operators; `worker` delivers and sweeps. Nobody deletes what happened.

GRANT SELECT, INSERT, UPDATE ON organizations, connections, forms, links, api_tokens TO ventanilla_app;
GRANT SELECT, INSERT ON data_keys TO ventanilla_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON credentials TO ventanilla_app;
GRANT SELECT, INSERT, UPDATE ON uploads, attempts TO ventanilla_app;
GRANT SELECT, INSERT ON audit_entries TO ventanilla_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON processes TO ventanilla_app;

GRANT SELECT ON organizations, connections, data_keys, credentials, forms, links TO ventanilla_worker;
GRANT UPDATE (paused_at, paused_because, verified_at) ON connections TO ventanilla_worker;
GRANT UPDATE (uses) ON links TO ventanilla_worker;
GRANT SELECT, UPDATE ON uploads TO ventanilla_worker;
GRANT SELECT, INSERT, UPDATE ON attempts TO ventanilla_worker;
GRANT SELECT, INSERT ON audit_entries TO ventanilla_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON processes TO ventanilla_worker;

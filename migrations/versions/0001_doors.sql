-- Doors: what has to be found before the organization is known. They run as the owner and answer with ids. Secrets do
-- not come this way, their hashes do. Their bodies are bound to their tables when they are made, not when they run.

CREATE FUNCTION ventanilla_find_organization(wanted text) RETURNS uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT id FROM organizations WHERE slug = wanted;
END;

CREATE FUNCTION ventanilla_list_organizations() RETURNS TABLE (id uuid, slug text, name text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT o.id, o.slug, o.name FROM organizations o ORDER BY o.slug;
END;

CREATE FUNCTION ventanilla_find_form(wanted text) RETURNS TABLE (organization_id uuid, id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT f.organization_id, f.id FROM forms f WHERE f.public_id = wanted;
END;

CREATE FUNCTION ventanilla_find_link(hash bytea) RETURNS TABLE (organization_id uuid, id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT l.organization_id, l.id FROM links l WHERE l.token_hash = hash;
END;

CREATE FUNCTION ventanilla_find_token(hash bytea) RETURNS TABLE (organization_id uuid, id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT t.organization_id, t.id FROM api_tokens t WHERE t.token_hash = hash;
END;

CREATE FUNCTION ventanilla_find_outcome(hash bytea) RETURNS TABLE (organization_id uuid, id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT u.organization_id, u.id FROM uploads u WHERE u.outcome_hash = hash;
END;

-- Organizations with an upload on its way whose process was not heard of since.
CREATE FUNCTION ventanilla_find_orphans(silent_since timestamptz) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT DISTINCT u.organization_id FROM uploads u
    WHERE u.state IN ('receiving', 'delivering')
      AND NOT EXISTS (SELECT FROM processes p WHERE p.id = u.process_id AND p.beat_at > silent_since);
END;

REVOKE EXECUTE ON FUNCTION
    ventanilla_find_organization, ventanilla_list_organizations, ventanilla_find_form, ventanilla_find_link,
    ventanilla_find_token, ventanilla_find_outcome, ventanilla_find_orphans
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    ventanilla_find_organization, ventanilla_list_organizations, ventanilla_find_form, ventanilla_find_link,
    ventanilla_find_token, ventanilla_find_outcome
TO ventanilla_app;
GRANT EXECUTE ON FUNCTION ventanilla_find_orphans TO ventanilla_worker;

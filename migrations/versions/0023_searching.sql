-- What an upload is found by: the words of its files' names and their hashes, what the provider and its caller call it,
-- and whose certificate it is. Words are compared without accents and by their beginnings.

CREATE FUNCTION ventanilla_words(written text) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN array_remove(
        regexp_split_to_array(
            lower(regexp_replace(normalize(written, NFKD), '[\u0300-\u036f]', '', 'g')),
            '[^0-9a-z\u0080-\U0010ffff]+'
        ),
        ''
    );

CREATE FUNCTION ventanilla_terms(parts jsonb, facts jsonb, reference text, external_id text) RETURNS tsvector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN array_to_tsvector(ventanilla_words(
        jsonb_path_query_array(parts, '$[*].filename')::text || ' ' || jsonb_path_query_array(parts, '$[*].sha256')::text
        || ' ' || coalesce(facts ->> 'rfc', '') || ' ' || coalesce(facts ->> 'number', '')
        || ' ' || coalesce(reference, '') || ' ' || coalesce(external_id, '')
    ));

-- All words of it have to be there; null: there is none in it.
CREATE FUNCTION ventanilla_sought(written text) RETURNS tsquery
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN nullif(array_to_string(ventanilla_words(written), ':* & ') || ':*', ':*')::tsquery;

REVOKE EXECUTE ON FUNCTION ventanilla_words, ventanilla_terms, ventanilla_sought FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ventanilla_words, ventanilla_terms, ventanilla_sought
TO ventanilla_app, ventanilla_worker, ventanilla_overview;

CREATE INDEX ix_uploads_terms ON uploads USING gin (ventanilla_terms(parts, facts, reference, external_id));

-- Is this database fit for use by this connection? One row. Fails with 42P01 where the schema is
-- missing, and with 42501 where the connection's role may not look into it.
-- $1: the functions that this version of the code calls.
SELECT
    (SELECT max(version_num) FROM recollect.schema_version) AS revision,
    (
        SELECT string_agg(rolname, ', ' ORDER BY rolname)
        FROM pg_roles
        WHERE rolname IN ('recollect_app', 'recollect_search') AND (rolsuper OR rolbypassrls)
    ) AS unsafe_roles,
    coalesce(
        (
            SELECT pg_has_role(
                oid,
                CASE WHEN current_setting('server_version_num')::integer < 160000 THEN 'MEMBER' ELSE 'SET' END
            )
            FROM pg_roles WHERE rolname = 'recollect_app'
        ),
        false
    ) AS may_act,
    (
        SELECT string_agg(relname, ', ' ORDER BY relname)
        FROM pg_class
        WHERE relnamespace = to_regnamespace('recollect') AND relkind IN ('r', 'p')
          AND relname IN ('conversation', 'message', 'summary', 'access_token', 'embedding')
          AND NOT (relrowsecurity AND relforcerowsecurity)
    ) AS open_tables,
    (
        SELECT string_agg(needed, ', ' ORDER BY needed)
        FROM unnest($1::text[]) AS needed
        WHERE NOT EXISTS (
            SELECT FROM pg_proc
            WHERE pronamespace = to_regnamespace('recollect') AND proname = needed
        )
    ) AS missing_functions,
    (
        SELECT string_agg(proname, ', ' ORDER BY proname)
        FROM pg_proc
        WHERE pronamespace = to_regnamespace('recollect') AND proname = ANY ($1)
          AND NOT (prosecdef AND pg_get_userbyid(proowner) IN ('recollect_app', 'recollect_search'))
    ) AS unsafe_functions,
    (
        SELECT string_agg(proname, ', ' ORDER BY proname)
        FROM pg_proc
        WHERE pronamespace = to_regnamespace('recollect') AND proname = ANY ($1)
          AND NOT has_function_privilege(oid, 'EXECUTE')
    ) AS closed_functions,
    EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') AS distributed,
    getdatabaseencoding()::text AS encoding,
    quote_ident(current_user) AS role,
    current_setting('server_version_num')::integer AS server

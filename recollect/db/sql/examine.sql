-- What `recollect doctor` compares with the declared schema. One row; readable by every role.
SELECT
    current_setting('server_version') AS version,
    current_setting('server_version_num')::integer AS version_number,
    clock_timestamp() AS now,
    pg_is_in_recovery() AS replica,
    current_setting('default_transaction_isolation') AS isolation,
    getdatabaseencoding()::text AS encoding,
    quote_ident(current_user) AS role,
    (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS superuser,
    (SELECT rolbypassrls FROM pg_roles WHERE rolname = current_user) AS bypasses,
    to_regnamespace('recollect') IS NOT NULL AS has_schema,
    coalesce(has_schema_privilege(to_regnamespace('recollect')::oid, 'USAGE'), false) AS may_look,
    coalesce(
        (SELECT pg_has_role(nspowner, 'USAGE') FROM pg_namespace WHERE nspname = 'recollect'), false
    ) AS owns,
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
    coalesce(
        (SELECT pg_has_role(oid, 'USAGE') FROM pg_roles WHERE rolname = 'recollect_search'), false
    ) AS sees_all,
    ARRAY(
        SELECT rolname::text FROM pg_roles WHERE rolname IN ('recollect_app', 'recollect_search')
    ) AS roles,
    ARRAY(
        SELECT rolname::text FROM pg_roles
        WHERE rolname IN ('recollect_app', 'recollect_search') AND (rolsuper OR rolbypassrls)
    ) AS unsafe_roles,
    ARRAY(
        SELECT format('%s is a member of %s', member::regrole, roleid::regrole) FROM pg_auth_members
        WHERE member IN (to_regrole('recollect_app'), to_regrole('recollect_search'))
    ) AS memberships,
    ARRAY(
        SELECT relname::text FROM pg_class
        WHERE relnamespace = to_regnamespace('recollect') AND relkind IN ('r', 'p')
    ) AS tables,
    ARRAY(
        SELECT relname::text FROM pg_class
        WHERE relnamespace = to_regnamespace('recollect') AND relkind IN ('r', 'p')
          AND relrowsecurity AND relforcerowsecurity
    ) AS closed_tables,
    ARRAY(
        SELECT format('%s on %s for %s to %s', policyname, tablename, cmd, array_to_string(roles, ', '))
        FROM pg_policies WHERE schemaname = 'recollect'
    ) AS policies,
    ARRAY(
        SELECT proname::text FROM pg_proc WHERE pronamespace = to_regnamespace('recollect')
    ) AS functions,
    ARRAY(
        SELECT proname::text FROM pg_proc
        WHERE pronamespace = to_regnamespace('recollect')
          AND NOT (prosecdef AND pg_get_userbyid(proowner) IN ('recollect_app', 'recollect_search'))
    ) AS unsafe_functions,
    ARRAY(
        SELECT proname::text FROM pg_proc
        WHERE pronamespace = to_regnamespace('recollect') AND NOT has_function_privilege(oid, 'EXECUTE')
    ) AS closed_functions

-- What `recollect migrate` needs of the extension Citus, for servers that do not have it: it keeps what it is
-- told, and refuses what Citus 13.2 refused of this schema.
SET allow_system_table_mods = on;

INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
SELECT 16000, 'citus', 10, 'pg_catalog'::regnamespace, false, 'stand-in';

CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass PRIMARY KEY, key text, colocated text);
CREATE TABLE pg_catalog.pg_dist_object (classid oid, objid oid PRIMARY KEY, argument text, colocated text);

CREATE FUNCTION pg_catalog.create_reference_table(p_table regclass) RETURNS void LANGUAGE sql
AS 'INSERT INTO pg_dist_partition VALUES (p_table)';

CREATE FUNCTION pg_catalog.create_distributed_table(
    table_name regclass, distribution_column text, colocate_with text DEFAULT 'default'
)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_policy WHERE polrelid = table_name AND pg_get_expr(polqual, polrelid) LIKE '%SELECT%') THEN
        RAISE 'Subqueries are not supported in policies on distributed tables';
    END IF;
    IF EXISTS (
        SELECT FROM pg_constraint AS k CROSS JOIN unnest(ARRAY[k.conrelid, k.confrelid]) AS t (oid)
        WHERE k.contype = 'f' AND table_name IN (k.conrelid, k.confrelid) AND t.oid <> table_name
          AND NOT EXISTS (SELECT FROM pg_dist_partition AS p WHERE p.logicalrelid = t.oid)
    ) THEN
        RAISE 'referenced and referencing tables must be distributed';
    END IF;
    IF EXISTS (
        SELECT FROM pg_index AS i
        WHERE i.indrelid = table_name AND i.indisunique AND NOT (
            SELECT a.attnum = ANY (i.indkey) FROM pg_attribute AS a
            WHERE a.attrelid = table_name AND a.attname = distribution_column)
    ) THEN
        RAISE 'a unique index must contain the distribution column';
    END IF;
    IF EXISTS (SELECT FROM pg_trigger WHERE tgrelid = table_name AND NOT tgisinternal) THEN
        RAISE 'triggers are not supported on distributed tables';
    END IF;
    IF (SELECT relforcerowsecurity FROM pg_class WHERE oid = table_name) THEN
        RAISE 'COPY FROM not supported with row-level security';
    END IF;
    INSERT INTO pg_dist_partition VALUES (table_name, distribution_column, colocate_with);
END
$$;

CREATE FUNCTION pg_catalog.create_distributed_function(
    function_name regprocedure, distribution_arg_name text DEFAULT NULL, colocate_with text DEFAULT NULL
)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM pg_proc WHERE oid = function_name AND 'plan_cache_mode=force_generic_plan' = ANY (proconfig)
    ) THEN
        RAISE 'could not create distributed plan';
    END IF;
    INSERT INTO pg_dist_object VALUES ('pg_proc'::regclass, function_name, distribution_arg_name, colocate_with);
END
$$;

-- After the last downgrade: nothing of ours stays, except roles that something else still uses.
DO $leave$
DECLARE
    role_name text;
BEGIN
    IF to_regclass('recollect.schema_version') IS NOT NULL THEN  -- the script of an older Alembic has dropped it
        DROP TABLE recollect.schema_version;
    END IF;
    DROP SCHEMA recollect;
    FOREACH role_name IN ARRAY ARRAY['recollect_app', 'recollect_search'] LOOP
        BEGIN
            EXECUTE format('DROP ROLE IF EXISTS %I', role_name);
        EXCEPTION
            WHEN dependent_objects_still_exist OR insufficient_privilege OR object_in_use THEN
                NULL; -- another database's, or not ours to drop
        END;
    END LOOP;
    IF to_regrole('recollect_search') IS NULL THEN
        DROP ROLE IF EXISTS recollect_migrator;
    END IF;
END
$leave$

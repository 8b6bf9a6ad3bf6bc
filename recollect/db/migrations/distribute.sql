-- Where the extension Citus is installed, tables and functions are distributed by user: each user's rows are
-- together on one node, and a call of a function goes to the node of the user that it names. Runs after every
-- upgrade, in its transaction; what is distributed already stays as it is.
--
-- schema_version stays a table of the coordinator, to which servers connect.
DO $distribute$
DECLARE
    one record;
    keys text[];
    statement text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') THEN
        RETURN;
    END IF;
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        RAISE EXCEPTION USING ERRCODE = 'RC001', MESSAGE =
            'On Citus functions of other roles come to the nodes by a superuser only: migrate as one '
            '(RECOLLECT_MIGRATION_URL).';
    END IF;
    SELECT k.confrelid::regclass AS users INTO one
    FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.confrelid
    WHERE k.connamespace = 'recollect'::regnamespace AND k.contype = 'f'
      AND c.relnamespace <> 'recollect'::regnamespace
      AND NOT EXISTS (SELECT FROM pg_dist_partition AS p WHERE p.logicalrelid = k.confrelid);
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'RC001', MESSAGE = format(
            'Conversations are linked to %s, which is on one node only: run SELECT create_reference_table(%L), or '
            '`recollect migrate --unlink-users` before Citus is installed.', one.users, one.users::text);
    END IF;

    -- SET LOCAL then says on every node whose rows a transaction may see.
    EXECUTE format('ALTER DATABASE %I SET citus.propagate_set_commands TO local', current_database());
    -- Nodes are reached as the role that a statement runs as.
    ALTER ROLE recollect_app LOGIN;
    -- Citus takes a foreign key once both of its tables are distributed.
    SELECT array_agg(format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)))
    INTO keys
    FROM pg_constraint
    WHERE connamespace = 'recollect'::regnamespace AND contype = 'f' AND confrelid = 'recollect.conversation'::regclass
      AND NOT EXISTS (SELECT FROM pg_dist_partition AS p WHERE p.logicalrelid = conrelid);
    FOR one IN
        SELECT conrelid::regclass AS name, conname FROM pg_constraint
        WHERE connamespace = 'recollect'::regnamespace AND contype = 'f'
          AND confrelid = 'recollect.conversation'::regclass
          AND NOT EXISTS (SELECT FROM pg_dist_partition AS p WHERE p.logicalrelid = conrelid)
    LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', one.name, one.conname);
    END LOOP;

    FOR one IN
        SELECT c.oid::regclass AS name FROM pg_class AS c
        WHERE c.relnamespace = 'recollect'::regnamespace AND c.relkind = 'r' AND c.relname <> 'schema_version'
          AND NOT EXISTS (SELECT FROM pg_dist_partition AS p WHERE p.logicalrelid = c.oid)
        ORDER BY c.relname <> 'conversation', c.relname
    LOOP
        -- Without the sub-select of the declared policy, which Citus does not take.
        EXECUTE format(
            'ALTER POLICY own_rows ON %s USING (user_id = nullif(current_setting(''recollect.user_id'', true), '''')) '
            'WITH CHECK (user_id = nullif(current_setting(''recollect.user_id'', true), ''''))', one.name);
        -- The owner moves the rows, and sees those of users only so; this transaction has the table locked.
        EXECUTE format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', one.name);
        PERFORM create_distributed_table(
            one.name, 'user_id',
            colocate_with => CASE WHEN one.name = 'recollect.conversation'::regclass THEN 'none'
                             ELSE 'recollect.conversation' END);
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', one.name);
    END LOOP;
    FOREACH statement IN ARRAY coalesce(keys, '{}') LOOP
        EXECUTE statement;
    END LOOP;

    FOR one IN
        SELECT p.oid::regprocedure AS name, p.proargnames[1] = 'p_user' AS of_user,
               'plan_cache_mode=force_generic_plan' = ANY (p.proconfig) AS generic
        FROM pg_proc AS p
        WHERE p.pronamespace = 'recollect'::regnamespace
          AND NOT EXISTS (
              SELECT FROM pg_dist_object AS d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid
          )
        ORDER BY p.proname
    LOOP
        IF one.generic THEN
            -- Whose rows a statement reads has to be known when it is planned.
            SET LOCAL citus.enable_ddl_propagation = off;
            EXECUTE format('ALTER FUNCTION %s RESET plan_cache_mode', one.name);
            SET LOCAL citus.enable_ddl_propagation = on;
        END IF;
        IF one.of_user THEN
            PERFORM create_distributed_function(one.name, 'p_user', 'recollect.conversation');
        ELSE
            PERFORM create_distributed_function(one.name);
        END IF;
        -- On the nodes PUBLIC got the right that every new function gives it.
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', one.name);
    END LOOP;
END
$distribute$

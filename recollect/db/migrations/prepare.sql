-- What has to be there before the first table: the two roles, the migrating role's right to act
-- as them, and the schema. Runs before every upgrade; what is there stays as it is.
--
-- The right to act as a role must not bring the role's own rights: recollect_search sees every
-- user's text, and so would the migrating role. From PostgreSQL 16 on a membership can be granted
-- so. On 15 it goes over recollect_migrator, which inherits nothing and so hands nothing on.
--
-- Roles belong to the whole server, so another database may create the same ones at the same
-- moment: that one waits here until the other has committed, and goes on.
--
-- What the migrating role may not do is collected, so that an administrator gets one list of
-- statements. SQLSTATE RC001 tells the caller that the text is meant for a person.
DO $prepare$
DECLARE
    old_server CONSTANT boolean := current_setting('server_version_num')::integer < 160000;
    missing text[] := '{}';
    role_name text;
    grantee text;
    granting text;
    revoking text;
    owner name;
BEGIN
    IF current_setting('server_version_num')::integer < 150000 THEN
        RAISE EXCEPTION USING ERRCODE = 'RC001', MESSAGE = format(
            'Recollect needs PostgreSQL 15 or newer; this server is %s.', current_setting('server_version'));
    END IF;
    IF getdatabaseencoding() <> 'UTF8' THEN
        RAISE EXCEPTION USING ERRCODE = 'RC001', MESSAGE = format(
            'The encoding of this database is %s, and Recollect needs UTF8: use another one, made by '
            'CREATE DATABASE name ENCODING ''UTF8'' TEMPLATE template0;', getdatabaseencoding());
    END IF;
    IF pg_is_in_recovery() THEN
        RAISE EXCEPTION USING ERRCODE = 'RC001', MESSAGE =
            'This server is a replica: run the migration against the primary (RECOLLECT_MIGRATION_URL).';
    END IF;

    FOREACH role_name IN ARRAY
        CASE WHEN old_server THEN ARRAY['recollect_app', 'recollect_migrator', 'recollect_search']
        ELSE ARRAY['recollect_app', 'recollect_search'] END
    LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            BEGIN
                EXECUTE format(
                    'CREATE ROLE %I NOLOGIN NOINHERIT NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE '
                    'NOREPLICATION',
                    role_name);
            EXCEPTION
                WHEN duplicate_object OR unique_violation THEN
                    NULL;
                WHEN insufficient_privilege THEN
                    missing := missing || format('CREATE ROLE %I NOLOGIN NOINHERIT;', role_name);
            END;
        END IF;

        IF EXISTS (SELECT FROM pg_roles WHERE rolname = role_name AND (rolsuper OR rolbypassrls)) THEN
            missing := missing || format('ALTER ROLE %I NOSUPERUSER NOBYPASSRLS;', role_name);
        END IF;

        -- Needed to make functions that belong to these roles.
        grantee := CASE WHEN old_server AND role_name = 'recollect_search' THEN 'recollect_migrator'
                   ELSE current_user END;
        granting := format('GRANT %I TO %I', role_name, grantee)
            || CASE WHEN old_server THEN '' ELSE ' WITH SET TRUE, INHERIT FALSE' END;
        IF NOT EXISTS (
            SELECT FROM pg_roles AS r, pg_roles AS g
            WHERE r.rolname = role_name AND g.rolname = grantee
              AND pg_has_role(g.oid, r.oid, CASE WHEN old_server THEN 'MEMBER' ELSE 'SET' END)
        ) THEN
            BEGIN
                EXECUTE granting;
            EXCEPTION
                WHEN unique_violation THEN
                    NULL;
                WHEN insufficient_privilege OR undefined_object THEN
                    missing := missing || (granting || ';');
            END;
        END IF;
    END LOOP;

    -- How this was granted on PostgreSQL 15 before there was recollect_migrator.
    IF old_server AND EXISTS (
        SELECT FROM pg_auth_members
        WHERE roleid = to_regrole('recollect_search') AND member = to_regrole(quote_ident(current_user))
    ) THEN
        revoking := format('REVOKE recollect_search FROM %I', current_user);
        BEGIN
            EXECUTE revoking;
        EXCEPTION
            WHEN insufficient_privilege THEN
                missing := missing || (revoking || ';');
        END;
    END IF;

    SELECT r.rolname INTO owner
    FROM pg_namespace AS n JOIN pg_roles AS r ON r.oid = n.nspowner
    WHERE n.nspname = 'recollect';
    IF NOT FOUND THEN
        BEGIN
            CREATE SCHEMA recollect;
        EXCEPTION
            WHEN insufficient_privilege THEN
                missing := missing || format('CREATE SCHEMA recollect AUTHORIZATION %I;', current_user);
        END;
    ELSIF NOT pg_has_role(owner, 'USAGE') THEN
        RAISE EXCEPTION USING ERRCODE = 'RC001', MESSAGE = format(
            'The schema recollect belongs to %I and you are %I: migrate as its owner (RECOLLECT_MIGRATION_URL).',
            owner, current_user);
    END IF;

    IF missing <> '{}' THEN
        RAISE EXCEPTION USING ERRCODE = 'RC001', MESSAGE = format(
            E'The role %I may not do all that a migration needs. An administrator has to run, in this '
            'database, and then you can run `recollect migrate` again:\n%s',
            current_user, array_to_string(missing, E'\n'));
    END IF;
END
$prepare$

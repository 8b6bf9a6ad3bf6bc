-- Ends the connections of this role to this database that carry the application_name $1; their pids.
-- Materialized: among conditions side by side the planner may try the one that kills first.
WITH own AS MATERIALIZED (
    SELECT pid
    FROM pg_stat_activity
    WHERE application_name = $1 AND usename = session_user AND datname = current_database()
      AND pid <> pg_backend_pid()
)
SELECT pid FROM own WHERE pg_terminate_backend(pid)

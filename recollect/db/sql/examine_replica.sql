-- What `recollect doctor` finds out about a replica. $1: where the primary's log ended just now; NULL
-- where that is not known.
SELECT
    current_setting('server_version') AS version,
    pg_is_in_recovery() AS replica,
    CASE WHEN pg_is_in_recovery() THEN
        greatest(0, pg_wal_lsn_diff($1::text::pg_lsn, pg_last_wal_replay_lsn()))::bigint
    END AS bytes,
    CASE WHEN pg_is_in_recovery() THEN
        extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::double precision
    END AS seconds

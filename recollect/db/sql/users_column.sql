-- The column that `recollect migrate --link-users` shall refer to. No row where there is no such
-- table; the column's fields are NULL where the table has no such column.
-- $1: the table, quoted where needed; $2: the column's name
SELECT
    n.nspname::text AS schema,
    format('%I.%I', n.nspname, c.relname) AS table,
    c.relkind IN ('r', 'p') AS is_table,
    quote_ident(a.attname) AS column,
    t.typname::text AS type,
    EXISTS (
        SELECT FROM pg_index AS i
        WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate
          AND i.indpred IS NULL AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum
    ) AS is_unique,
    has_column_privilege(c.oid, a.attnum, 'REFERENCES') AS may_refer,
    has_column_privilege(c.oid, a.attnum, 'SELECT') AS may_read,
    quote_ident(current_user) AS role
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = $2 AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_type AS t ON t.oid = a.atttypid
WHERE c.oid = to_regclass($1)

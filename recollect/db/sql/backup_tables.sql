-- How each table is read whole, in the order of its primary key, and its columns; how it is locked against
-- writers, and asked whether it holds anything. $1: the tables, in
-- the order in which they can be filled again. What PostgreSQL computes is left out.
SELECT
    t.name,
    array_agg(a.attname::text ORDER BY a.attnum) AS columns,
    format(
        'SELECT %s FROM recollect.%I ORDER BY %s',
        string_agg(format('%I', a.attname), ', ' ORDER BY a.attnum),
        t.name,
        (
            SELECT string_agg(format('%I', k.attname), ', ' ORDER BY p.place)
            FROM pg_index AS i
            CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY AS p (number, place)
            JOIN pg_attribute AS k ON k.attrelid = i.indrelid AND k.attnum = p.number
            WHERE i.indrelid = c.oid AND i.indisprimary
        )
    ) AS query,
    format('LOCK TABLE recollect.%I IN EXCLUSIVE MODE', t.name) AS lock,
    format('SELECT EXISTS (SELECT 1 FROM recollect.%I)', t.name) AS any,
    format('ANALYZE recollect.%I', t.name) AS analyze
FROM unnest($1::text[]) WITH ORDINALITY AS t (name, place)
JOIN pg_class AS c ON c.relname = t.name AND c.relnamespace = to_regnamespace('recollect')
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
GROUP BY t.name, t.place, c.oid
ORDER BY t.place

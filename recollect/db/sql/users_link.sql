-- To what the conversations' foreign key on users refers; no row where there is none.
SELECT format('%I.%I', n.nspname, c.relname) AS table, format('%I', a.attname) AS column
FROM pg_constraint AS k
JOIN pg_class AS c ON c.oid = k.confrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.confkey[1]
WHERE k.conrelid = to_regclass('recollect.conversation') AND k.conname = 'conversation_users_fkey'

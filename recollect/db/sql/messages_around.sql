-- The messages next to some others, at most $4 places away, in the order of their numbers.
-- $2, $3: the others, conversation by conversation; $5: most characters of each.
SELECT
    h.conversation_id, h.seq AS of_seq, m.seq, m.role, m.author,
    coalesce(m.occurred_at, m.created_at) AS at, left(m.text, $5::integer) AS text
FROM unnest($2::text[], $3::integer[]) AS h (conversation_id, seq)
CROSS JOIN LATERAL (
    SELECT m.seq, m.role, m.author, m.occurred_at, m.created_at, m.text
    FROM recollect.message AS m
    WHERE m.user_id = $1 AND m.conversation_id = h.conversation_id
      AND m.seq >= h.seq - $4::integer AND m.seq <= h.seq + $4::integer AND m.seq <> h.seq
    ORDER BY m.seq
    LIMIT 2 * $4::integer
) AS m

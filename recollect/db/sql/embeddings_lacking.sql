-- One conversation's messages from $3 on that lack a vector of the model $4, oldest first: at most $6,
-- of each at most $5 characters. What tools gave back is found by its words alone.
SELECT m.conversation_id, m.seq, m.created_at, left(m.text, $5::integer) AS text
FROM recollect.message AS m
WHERE m.user_id = $1 AND m.conversation_id = $2 AND m.seq >= $3 AND m.role <> 'tool'
  AND NOT EXISTS (
      SELECT FROM recollect.embedding AS e
      WHERE e.user_id = $1 AND e.conversation_id = $2 AND e.seq = m.seq AND e.model = $4
  )
ORDER BY m.seq
LIMIT $6

-- Where one user's messages lack a vector of the model $4, after ($2, $3) and at most $5 of them.
SELECT m.conversation_id, m.seq
FROM recollect.message AS m
WHERE m.user_id = $1 AND (m.conversation_id, m.seq) > ($2::text, $3::integer) AND m.role <> 'tool'
  AND NOT EXISTS (
      SELECT FROM recollect.embedding AS e
      WHERE e.user_id = $1 AND e.conversation_id = m.conversation_id AND e.seq = m.seq AND e.model = $4
  )
ORDER BY m.conversation_id, m.seq
LIMIT $5

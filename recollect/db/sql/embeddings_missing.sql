-- How many of one user's messages lack a vector of the model $2; no row where none does.
SELECT count(*) AS messages
FROM recollect.message AS m
WHERE m.user_id = $1 AND m.role <> 'tool'
  AND NOT EXISTS (
      SELECT FROM recollect.embedding AS e
      WHERE e.user_id = $1 AND e.conversation_id = m.conversation_id AND e.seq = m.seq AND e.model = $2
  )
HAVING count(*) > 0

-- The messages at some places ($2, $3) that lack a vector of the model $4 still; of each $5 characters.
SELECT m.conversation_id, m.seq, m.created_at, left(m.text, $5::integer) AS text
FROM unnest($2::text[], $3::integer[]) AS p (conversation_id, seq)
JOIN recollect.message AS m ON m.conversation_id = p.conversation_id AND m.seq = p.seq
WHERE m.user_id = $1
  AND NOT EXISTS (
      SELECT FROM recollect.embedding AS e
      WHERE e.user_id = $1 AND e.conversation_id = m.conversation_id AND e.seq = m.seq AND e.model = $4
  )

-- Remove vectors of other models than $4 at some places ($2, $3).
DELETE FROM recollect.embedding AS e
USING unnest($2::text[], $3::integer[]) AS p (conversation_id, seq)
WHERE e.user_id = $1 AND e.conversation_id = p.conversation_id AND e.seq = p.seq AND e.model <> $4
RETURNING e.seq

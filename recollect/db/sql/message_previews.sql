-- The first $4 characters of some messages.
SELECT seq, role, left(text, $4) AS text, created_at
FROM recollect.message
WHERE user_id = $1 AND conversation_id = $2 AND seq = ANY ($3::integer[])

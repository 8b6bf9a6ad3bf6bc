-- At most $4 summaries of a conversation, of points before message $3, newest point first.
SELECT upto_seq, content, token_count, created_at
FROM recollect.summary
WHERE user_id = $1 AND conversation_id = $2 AND upto_seq < $3
ORDER BY upto_seq DESC
LIMIT $4

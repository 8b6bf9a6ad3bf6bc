-- The summaries of a conversation, newest point first.
SELECT upto_seq, content, token_count, created_at
FROM recollect.summary
WHERE user_id = $1 AND conversation_id = $2
ORDER BY upto_seq DESC

-- Of conversations that are here already, what an import has to know.
SELECT id, last_seq, head_seq, head_tokens, message_count, linear, deleted_at, updated_at, created_at
FROM recollect.conversation
WHERE user_id = $1 AND id = ANY ($2::text[])
ORDER BY id

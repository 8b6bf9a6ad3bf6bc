-- A summary of everything up to message $3, if that message is there and no summary of it is.
INSERT INTO recollect.summary (user_id, conversation_id, upto_seq, token_count, content)
SELECT m.user_id, m.conversation_id, m.seq, $5, $4
FROM recollect.message AS m
WHERE m.user_id = $1 AND m.conversation_id = $2 AND m.seq = $3
ON CONFLICT (user_id, conversation_id, upto_seq) DO NOTHING
RETURNING upto_seq, content, token_count, created_at

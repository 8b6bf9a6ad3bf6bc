-- A page of one user's conversations by id, after $2 and up to $3, archived and trashed ones included.
SELECT
    id, title, instructions, metadata::text AS metadata, pinned, archived_at, deleted_at,
    created_at, updated_at, last_seq, head_seq, message_count, linear, forked_from, forked_seq
FROM recollect.conversation
WHERE user_id = $1 AND id > $2 AND id <= $3
ORDER BY id
LIMIT $4

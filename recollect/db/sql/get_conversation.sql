-- One conversation, in the trash or not.
SELECT
    id, title, instructions, metadata::text AS metadata, pinned, archived_at, deleted_at,
    created_at, updated_at, last_seq, head_seq, message_count, linear, forked_from, forked_seq
FROM recollect.conversation
WHERE user_id = $1 AND id = $2

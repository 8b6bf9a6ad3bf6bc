-- Put a conversation into the trash ($3 true) or take it out; a second time changes nothing.
UPDATE recollect.conversation
SET deleted_at = CASE WHEN $3::boolean THEN coalesce(deleted_at, now()) END
WHERE user_id = $1 AND id = $2
RETURNING
    id, title, instructions, metadata::text AS metadata, pinned, archived_at, deleted_at,
    created_at, updated_at, last_seq, head_seq, message_count, linear, forked_from, forked_seq

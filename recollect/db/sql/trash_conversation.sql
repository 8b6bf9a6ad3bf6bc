-- Put a conversation into the trash ($3 true) or take it out; a second time changes nothing.
-- Citus refuses now() within CASE and COALESCE; least() passes over NULL.
UPDATE recollect.conversation
SET deleted_at = least(
    CASE WHEN $3::boolean THEN deleted_at END,
    now() + CASE WHEN $3 THEN interval '0' END
)
WHERE user_id = $1 AND id = $2
RETURNING
    id, title, instructions, metadata::text AS metadata, pinned, archived_at, deleted_at,
    created_at, updated_at, last_seq, head_seq, message_count, linear, forked_from, forked_seq

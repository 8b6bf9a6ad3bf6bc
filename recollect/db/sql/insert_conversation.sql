-- A new conversation; no row if the id is taken.
INSERT INTO recollect.conversation (user_id, id, title, instructions, metadata)
VALUES ($1, $2, $3, $4, $5::jsonb)
ON CONFLICT (user_id, id) DO NOTHING
RETURNING
    id, title, instructions, metadata::text AS metadata, pinned, archived_at, deleted_at,
    created_at, updated_at, last_seq, head_seq, message_count, linear, forked_from, forked_seq

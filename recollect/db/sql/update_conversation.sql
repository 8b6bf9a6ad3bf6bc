-- Change what is given ($3, $5 say whether title and instructions are); NULL clears those two.
-- Nothing in the trash is changed. Citus refuses now() within CASE and COALESCE; least() passes over NULL.
UPDATE recollect.conversation
SET title = CASE WHEN $3::boolean THEN $4::text ELSE title END,
    instructions = CASE WHEN $5::boolean THEN $6::text ELSE instructions END,
    metadata = coalesce($7::jsonb, metadata),
    pinned = coalesce($8::boolean, pinned),
    archived_at = least(
        CASE WHEN coalesce($9::boolean, true) THEN archived_at END,
        now() + CASE WHEN $9 THEN interval '0' END
    ),
    updated_at = now()
WHERE user_id = $1 AND id = $2 AND deleted_at IS NULL
RETURNING
    id, title, instructions, metadata::text AS metadata, pinned, archived_at, deleted_at,
    created_at, updated_at, last_seq, head_seq, message_count, linear, forked_from, forked_seq

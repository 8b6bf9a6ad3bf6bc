-- A conversation that an export of our own has in a later state.
UPDATE recollect.conversation
SET title = $3,
    instructions = $4,
    metadata = $5::jsonb,
    pinned = $6,
    archived_at = $7,
    updated_at = $8,
    last_seq = $9,
    head_seq = $10,
    head_tokens = $11,
    message_count = $12,
    linear = $13
WHERE user_id = $1 AND id = $2
RETURNING id

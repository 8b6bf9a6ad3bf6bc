-- A conversation after messages of an import were added to it. Its title becomes $10 where it is still
-- the one that the import gave it, $9.
UPDATE recollect.conversation
SET last_seq = $3,
    head_seq = $4,
    head_tokens = $5,
    message_count = $6,
    linear = $7,
    updated_at = greatest(updated_at, $8::timestamptz),
    title = CASE WHEN title IS NOT DISTINCT FROM $9::text THEN $10::text ELSE title END
WHERE user_id = $1 AND id = $2
RETURNING id

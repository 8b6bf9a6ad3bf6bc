-- A page of one user's conversations, most recently active first, after the place ($7, $8).
-- A NULL filter does not matter. conversation_recent_idx gives the order, so that a page of an
-- unfiltered list reads as many index entries as it shows.
SELECT
    id, title, instructions, metadata::text AS metadata, pinned, archived_at, deleted_at,
    created_at, updated_at, last_seq, head_seq, message_count, linear, forked_from, forked_seq
FROM recollect.conversation
WHERE user_id = $1
  AND (deleted_at IS NOT NULL) = $2::boolean
  AND ($3::boolean IS NULL OR pinned = $3)
  AND ($4::boolean IS NULL OR (archived_at IS NOT NULL) = $4)
  AND ($5::text IS NULL OR strpos(lower(title), lower($5)) > 0)
  AND ($6::jsonb IS NULL OR metadata @> $6)
  AND (updated_at, id) < (coalesce($7::timestamptz, 'infinity'), coalesce($8::text, ''))
ORDER BY updated_at DESC, id DESC
LIMIT $9

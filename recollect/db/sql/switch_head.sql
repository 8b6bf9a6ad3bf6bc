-- Make message $3 the head of a conversation that is not in the trash. No row if either is missing.
-- A conversation whose head is not its newest message is not linear: what comes next hangs under
-- the head. With the head back on the newest it is again, if nothing was branched off.
UPDATE recollect.conversation AS c
SET head_seq = m.seq,
    head_tokens = m.path_tokens,
    linear = m.seq = c.last_seq AND (c.linear OR NOT EXISTS (
        SELECT FROM recollect.message AS s
        WHERE s.user_id = $1 AND s.conversation_id = $2 AND s.parent_seq <> s.seq - 1
    )),
    updated_at = now()
FROM recollect.message AS m
WHERE c.user_id = $1 AND c.id = $2 AND c.deleted_at IS NULL
  AND m.user_id = $1 AND m.conversation_id = $2 AND m.seq = $3
RETURNING
    c.id, c.title, c.instructions, c.metadata::text AS metadata, c.pinned, c.archived_at, c.deleted_at,
    c.created_at, c.updated_at, c.last_seq, c.head_seq, c.message_count, c.linear, c.forked_from, c.forked_seq

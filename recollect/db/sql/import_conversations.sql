-- Conversations as they come out of an export, in the order of their ids, so that two imports never
-- wait for each other in a circle. Returns those that were not here yet.
INSERT INTO recollect.conversation (
    user_id, id, title, instructions, metadata, pinned, archived_at, deleted_at, created_at, updated_at,
    last_seq, head_seq, head_tokens, message_count, linear, forked_from, forked_seq
)
SELECT
    $1, n.id, n.title, n.instructions, n.metadata::jsonb, n.pinned, n.archived_at, n.deleted_at,
    coalesce(n.created_at, now()), coalesce(n.updated_at, now()),
    n.last_seq, n.head_seq, n.head_tokens, n.message_count, n.linear, n.forked_from, n.forked_seq
FROM unnest(
    $2::text[], $3::text[], $4::text[], $5::text[], $6::boolean[], $7::timestamptz[], $8::timestamptz[],
    $9::timestamptz[], $10::timestamptz[], $11::integer[], $12::integer[], $13::integer[], $14::integer[],
    $15::boolean[], $16::text[], $17::integer[]
) AS n (
    id, title, instructions, metadata, pinned, archived_at, deleted_at, created_at, updated_at,
    last_seq, head_seq, head_tokens, message_count, linear, forked_from, forked_seq
)
ON CONFLICT (user_id, id) DO NOTHING
RETURNING id

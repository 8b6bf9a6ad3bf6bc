-- A conversation as it comes out of an export; no row if it is here already. One by one: for rows that come
-- from no table Citus would have to COPY, which row security forbids. They are sent in the order of their
-- ids, so that two imports never wait for each other in a circle.
INSERT INTO recollect.conversation (
    user_id, id, title, instructions, metadata, pinned, archived_at, deleted_at, created_at, updated_at,
    last_seq, head_seq, head_tokens, message_count, linear, forked_from, forked_seq
)
VALUES (
    $1, $2, $3, $4, $5::text::jsonb, $6, $7, $8,
    coalesce($9::timestamptz, now()), coalesce($10::timestamptz, now()),
    $11, $12, $13, $14, $15, $16, $17
)
ON CONFLICT (user_id, id) DO NOTHING
RETURNING id, created_at

-- Messages of conversations whose rows this transaction holds, each with the place that it was given. The
-- user is the conversation's own, by which Citus sees that all of this is on one node.
INSERT INTO recollect.message (
    user_id, conversation_id, seq, parent_seq, role, author, text, parts, token_count, path_tokens,
    metadata, occurred_at, created_at, key, fingerprint, terms, language
)
SELECT
    c.user_id, n.conversation_id, n.seq, n.parent_seq, n.role, n.author, n.text, n.parts::json, n.token_count,
    n.path_tokens, n.metadata::json, n.occurred_at, coalesce(n.created_at, now()), n.key, n.fingerprint,
    n.terms, n.language
FROM unnest(
    $2::text[], $3::integer[], $4::integer[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::integer[], $10::integer[], $11::text[], $12::timestamptz[], $13::timestamptz[], $14::text[],
    $15::bytea[], $16::text[], $17::smallint[]
) AS n (
    conversation_id, seq, parent_seq, role, author, text, parts, token_count, path_tokens, metadata,
    occurred_at, created_at, key, fingerprint, terms, language
)
JOIN recollect.conversation AS c ON c.user_id = $1 AND c.id = n.conversation_id

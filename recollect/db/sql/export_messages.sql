-- A page of one user's messages by conversation and seq, after ($2, $3) and up to the conversation $4:
-- at most $5 of them, and no more than $6 bytes, but one in any case.
SELECT
    p.conversation_id, p.fingerprint, p.seq, p.parent_seq, p.role, p.author, p.text, p.parts, p.token_count,
    p.key, p.metadata, p.created_at, p.occurred_at
FROM (
    SELECT
        m.conversation_id, m.fingerprint, m.seq, m.parent_seq, m.role, m.author, m.text, m.parts,
        m.token_count, m.key, m.metadata, m.created_at, m.occurred_at,
        sum(octet_length(m.text) + coalesce(octet_length(m.parts::text), 0)) OVER before AS bytes_before
    FROM (
        SELECT *
        FROM recollect.message
        WHERE user_id = $1 AND (conversation_id, seq) > ($2::text, $3::integer) AND conversation_id <= $4
        ORDER BY conversation_id, seq
        LIMIT $5
    ) AS m
    WINDOW before AS (
        ORDER BY m.conversation_id, m.seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    )
) AS p
WHERE coalesce(p.bytes_before, 0) < $6
ORDER BY p.conversation_id, p.seq

-- A run of one conversation's log by seq, with the conversation's head, in one round trip.
--
-- Rows with p_after < seq < p_before: the p_limit first of them, or the last ones when
-- p_newest. Always in ascending order of reading that direction: newest first when p_newest.
-- An empty run gives one row whose seq is NULL; a missing conversation gives none.
-- With p_max_chars, text is cut to that many characters plus one (so that a reader sees that it
-- was cut) and the exact parts of a longer message stay behind.
CREATE FUNCTION recollect.messages_v1(
    p_user text,
    p_conversation text,
    p_after integer,
    p_before integer,
    p_limit integer,
    p_newest boolean,
    p_max_chars integer
)
RETURNS TABLE (
    seq integer, parent_seq integer, role text, author text, text text, parts text,
    token_count integer, key text, metadata text, created_at timestamptz, occurred_at timestamptz,
    head_seq integer, last_seq integer
)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
ROWS 50
AS $$
#variable_conflict use_column
BEGIN
    PERFORM set_config('recollect.user_id', p_user, true);
    IF p_newest THEN
        RETURN QUERY
        SELECT m.seq, m.parent_seq, m.role, m.author,
               CASE WHEN p_max_chars IS NULL THEN m.text ELSE left(m.text, p_max_chars + 1) END,
               CASE WHEN p_max_chars IS NULL OR octet_length(m.parts::text) <= 4 * p_max_chars THEN m.parts::text END,
               m.token_count, m.key, m.metadata::text, m.created_at, m.occurred_at, c.head_seq, c.last_seq
        FROM recollect.conversation AS c
        LEFT JOIN LATERAL (
            SELECT * FROM recollect.message AS x
            WHERE x.user_id = p_user AND x.conversation_id = p_conversation
              AND x.seq > p_after AND x.seq < p_before
            ORDER BY x.seq DESC LIMIT p_limit
        ) AS m ON true
        WHERE c.user_id = p_user AND c.id = p_conversation;
    ELSE
        RETURN QUERY
        SELECT m.seq, m.parent_seq, m.role, m.author,
               CASE WHEN p_max_chars IS NULL THEN m.text ELSE left(m.text, p_max_chars + 1) END,
               CASE WHEN p_max_chars IS NULL OR octet_length(m.parts::text) <= 4 * p_max_chars THEN m.parts::text END,
               m.token_count, m.key, m.metadata::text, m.created_at, m.occurred_at, c.head_seq, c.last_seq
        FROM recollect.conversation AS c
        LEFT JOIN LATERAL (
            SELECT * FROM recollect.message AS x
            WHERE x.user_id = p_user AND x.conversation_id = p_conversation
              AND x.seq > p_after AND x.seq < p_before
            ORDER BY x.seq LIMIT p_limit
        ) AS m ON true
        WHERE c.user_id = p_user AND c.id = p_conversation;
    END IF;
END
$$;

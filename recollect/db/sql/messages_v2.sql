-- A run of one conversation's log by seq, in one round trip: messages with
-- p_after < seq < p_before, the first p_limit of them ascending, or with p_newest the last ones
-- descending. One index scan of p_limit entries, however long the conversation.
--
-- The first row is the conversation itself: seq is 0, parent_seq the head, token_count the
-- highest seq. A missing conversation gives no row.
-- STABLE: both are read as they were when the statement began. A volatile function takes a snapshot for
-- each of its statements, and messages that came in between would lie beyond the highest seq.
-- With p_max_chars, text is cut to that many characters plus one (so that a reader sees that it
-- was cut), and exact parts of more than four times that many bytes are an empty list.
CREATE FUNCTION recollect.messages_v2(
    p_user text,
    p_conversation text,
    p_after integer,
    p_before integer,
    p_limit integer,
    p_newest boolean,
    p_max_chars integer
)
RETURNS TABLE (
    seq integer, parent_seq integer, role text, author text, text text, parts json,
    token_count integer, key text, metadata json, created_at timestamptz, occurred_at timestamptz
)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_sort = off  -- walk the index, also while there are no statistics
ROWS 50
AS $$
#variable_conflict use_column
BEGIN
    PERFORM set_config('recollect.user_id', p_user, true);

    SELECT 0, c.head_seq, c.last_seq, c.created_at INTO seq, parent_seq, token_count, created_at
    FROM recollect.conversation AS c
    WHERE c.user_id = p_user AND c.id = p_conversation;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    RETURN NEXT;

    IF p_newest THEN
        RETURN QUERY
        SELECT m.seq, m.parent_seq, m.role, m.author,
               CASE WHEN p_max_chars IS NULL THEN m.text ELSE left(m.text, p_max_chars + 1) END,
               CASE WHEN p_max_chars IS NULL OR octet_length(m.parts::text) <= 4 * p_max_chars THEN m.parts
                    WHEN m.parts IS NOT NULL THEN '[]'::json END,
               m.token_count, m.key, m.metadata, m.created_at, m.occurred_at
        FROM recollect.message AS m
        WHERE m.user_id = p_user AND m.conversation_id = p_conversation
          AND m.seq > p_after AND m.seq < p_before
        ORDER BY m.seq DESC
        LIMIT p_limit;
    ELSE
        RETURN QUERY
        SELECT m.seq, m.parent_seq, m.role, m.author,
               CASE WHEN p_max_chars IS NULL THEN m.text ELSE left(m.text, p_max_chars + 1) END,
               CASE WHEN p_max_chars IS NULL OR octet_length(m.parts::text) <= 4 * p_max_chars THEN m.parts
                    WHEN m.parts IS NOT NULL THEN '[]'::json END,
               m.token_count, m.key, m.metadata, m.created_at, m.occurred_at
        FROM recollect.message AS m
        WHERE m.user_id = p_user AND m.conversation_id = p_conversation
          AND m.seq > p_after AND m.seq < p_before
        ORDER BY m.seq
        LIMIT p_limit;
    END IF;
END
$$;

-- What may fit into a context window: the current path from the head backwards, newest first,
-- until p_max_tokens are used up or p_max_rows are read. The message that crosses the line is
-- included, and if it holds a tool's result, the rest of its exchange too, so that the reader
-- can keep the exchange whole. One index step per message read, however long the conversation.
--
-- The first row is the conversation itself: seq is 0, text holds the instructions, parent_seq
-- the head, and token_count the number of messages. A missing conversation gives no row.
CREATE FUNCTION recollect.window_v1(
    p_user text,
    p_conversation text,
    p_max_tokens integer,
    p_max_rows integer
)
RETURNS TABLE (
    seq integer, parent_seq integer, role text, author text, text text, parts json,
    token_count integer, key text, metadata json, created_at timestamptz, occurred_at timestamptz
)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_sort = off  -- walk the index, also while there are no statistics
ROWS 50
AS $$
#variable_conflict use_column
DECLARE
    conversation record;
    spent bigint := 0;
    shown integer := 0;
    next_seq integer;
BEGIN
    PERFORM set_config('recollect.user_id', p_user, true);

    SELECT c.instructions, c.head_seq, c.message_count, c.created_at, c.linear INTO conversation
    FROM recollect.conversation AS c
    WHERE c.user_id = p_user AND c.id = p_conversation;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    seq := 0;
    parent_seq := conversation.head_seq;
    text := conversation.instructions;
    token_count := conversation.message_count;
    created_at := conversation.created_at;
    RETURN NEXT;

    IF conversation.linear THEN
        FOR seq, parent_seq, role, author, text, parts, token_count, key, metadata, created_at, occurred_at IN
            SELECT m.seq, m.parent_seq, m.role, m.author, m.text, m.parts, m.token_count,
                   m.key, m.metadata, m.created_at, m.occurred_at
            FROM recollect.message AS m
            WHERE m.user_id = p_user AND m.conversation_id = p_conversation AND m.seq <= conversation.head_seq
            ORDER BY m.seq DESC
            LIMIT p_max_rows
        LOOP
            RETURN NEXT;
            spent := spent + token_count;
            EXIT WHEN spent > p_max_tokens AND coalesce(strpos(parts::text, '"tool_result"'), 0) = 0;
        END LOOP;
        RETURN;
    END IF;

    next_seq := conversation.head_seq;
    WHILE next_seq > 0 AND shown < p_max_rows LOOP
        SELECT m.seq, m.parent_seq, m.role, m.author, m.text, m.parts, m.token_count,
               m.key, m.metadata, m.created_at, m.occurred_at
        INTO STRICT seq, parent_seq, role, author, text, parts, token_count, key, metadata, created_at, occurred_at
        FROM recollect.message AS m
        WHERE m.user_id = p_user AND m.conversation_id = p_conversation AND m.seq = next_seq;
        RETURN NEXT;
        shown := shown + 1;
        spent := spent + token_count;
        EXIT WHEN spent > p_max_tokens AND coalesce(strpos(parts::text, '"tool_result"'), 0) = 0;
        next_seq := parent_seq;
    END LOOP;
END
$$;

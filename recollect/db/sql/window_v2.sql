-- What may fit into a context window: the path to p_upto (NULL: to the head) backwards, newest
-- first, until p_max_tokens are used up or p_max_rows are read. One index step per message read,
-- however long the conversation.
--
-- A message counts with its tokens, at most p_part_tokens (a user's: p_user_part_tokens), and
-- p_overhead; what is larger comes cut: the first p_cut_chars characters of its text, and the
-- number of all its characters in `metadata`, which windows have no other use for.
-- The message that crosses the line is included, and all before it up to the next one at which a
-- window could begin: one that holds no tool's result.
--
-- Before the messages come
--   seq 0    the conversation: text is its instructions, parent_seq where the path ends, key the
--            head, token_count the number of messages on the path, path_tokens the highest seq,
--            occurred_at when the conversation was put into the trash.
--            Alone, where p_upto is above the highest seq. No row: there is no such conversation.
--   seq -1   the newest summary of a message on the path, or the one that p_summary names (0: none):
--            text, token_count, parent_seq (up to where), path_tokens (of the path up to there).
CREATE FUNCTION recollect.window_v2(
    p_user text,
    p_conversation text,
    p_upto integer,
    p_summary integer,
    p_max_tokens integer,
    p_part_tokens integer,
    p_user_part_tokens integer,
    p_overhead integer,
    p_cut_chars integer,
    p_max_rows integer
)
RETURNS TABLE (
    seq integer, parent_seq integer, role text, author text, text text, parts json,
    token_count integer, key text, metadata json, created_at timestamptz, occurred_at timestamptz,
    path_tokens integer
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
    tip integer;
    lows integer[];
    highs integer[];
    run integer;
    most integer;
    spent bigint := 0;
    shown integer := 0;
    summary record;
BEGIN
    PERFORM set_config('recollect.user_id', p_user, true);

    SELECT c.instructions, c.head_seq, c.last_seq, c.created_at, c.deleted_at, c.linear
    INTO conversation
    FROM recollect.conversation AS c
    WHERE c.user_id = p_user AND c.id = p_conversation;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    tip := coalesce(p_upto, conversation.head_seq);
    lows := ARRAY[1];
    highs := ARRAY[tip];
    IF NOT conversation.linear AND tip BETWEEN 1 AND conversation.last_seq THEN
        SELECT array_agg(p.low), array_agg(p.high) INTO lows, highs
        FROM recollect.path_v1(p_user, p_conversation, tip) AS p;
    END IF;
    seq := 0;
    parent_seq := tip;
    text := conversation.instructions;
    key := conversation.head_seq;
    created_at := conversation.created_at;
    occurred_at := conversation.deleted_at;
    path_tokens := conversation.last_seq;
    token_count := 0;
    FOR run IN 1 .. cardinality(lows) LOOP
        token_count := token_count + highs[run] - lows[run] + 1;
    END LOOP;
    RETURN NEXT;
    IF tip > conversation.last_seq THEN
        RETURN;
    END IF;

    key := NULL;
    occurred_at := NULL;
    <<newest>>
    FOR summary IN
        SELECT s.upto_seq, s.content, s.token_count
        FROM recollect.summary AS s
        WHERE s.user_id = p_user AND s.conversation_id = p_conversation
          AND s.upto_seq <= tip AND (p_summary IS NULL OR s.upto_seq = p_summary)
        ORDER BY s.upto_seq DESC
    LOOP
        FOR run IN 1 .. cardinality(lows) LOOP
            IF summary.upto_seq BETWEEN lows[run] AND highs[run] THEN
                seq := -1;
                parent_seq := summary.upto_seq;
                text := summary.content;
                token_count := summary.token_count;
                SELECT m.path_tokens INTO path_tokens
                FROM recollect.message AS m
                WHERE m.user_id = p_user AND m.conversation_id = p_conversation AND m.seq = summary.upto_seq;
                RETURN NEXT;
                EXIT newest;
            END IF;
        END LOOP;
    END LOOP;

    FOR run IN 1 .. cardinality(lows) LOOP
        FOR seq, parent_seq, role, author, text, parts, token_count, created_at, occurred_at, path_tokens IN
            SELECT m.seq, m.parent_seq, m.role, m.author, m.text, m.parts, m.token_count,
                   m.created_at, m.occurred_at, m.path_tokens
            FROM recollect.message AS m
            WHERE m.user_id = p_user AND m.conversation_id = p_conversation
              AND m.seq >= lows[run] AND m.seq <= highs[run]
            ORDER BY m.seq DESC
            LIMIT p_max_rows
        LOOP
            most := CASE role WHEN 'user' THEN p_user_part_tokens ELSE p_part_tokens END;
            IF token_count > most AND coalesce(octet_length(parts::text), 0) <= 4 * p_cut_chars THEN
                metadata := to_json(char_length(text));
                text := left(text, p_cut_chars);
                RETURN NEXT;
                metadata := NULL;
            ELSE
                RETURN NEXT;
            END IF;
            shown := shown + 1;
            spent := spent + least(token_count, most) + p_overhead;
            IF shown >= p_max_rows OR (
                spent > p_max_tokens AND role <> 'tool'
                AND coalesce(strpos(parts::text, '"tool_result"'), 0) = 0
            ) THEN
                RETURN;
            END IF;
        END LOOP;
    END LOOP;
END
$$;

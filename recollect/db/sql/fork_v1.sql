-- Copy the path to p_upto (NULL: to the head) of a conversation into a new one, p_new, that stands
-- for itself: messages numbered from 1, without keys, and the summaries of messages among them.
--
-- outcome   forked | taken (p_new is there already) | no_message (p_upto is not there) | missing
-- upto      up to where it was copied; for no_message the highest seq
CREATE FUNCTION recollect.fork_v1(
    p_user text,
    p_conversation text,
    p_upto integer,
    p_new text,
    p_title text,
    OUT outcome text,
    OUT upto integer
)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET gin_pending_list_limit = '256kB'  -- every search reads that list through, once a word
SET enable_sort = off
AS $$
DECLARE
    source record;
    run record;
    copied integer := 0;
    last_copied integer;
    tokens integer;
BEGIN
    PERFORM set_config('recollect.user_id', p_user, true);

    -- Messages never change, so nobody has to wait for the copy; only a removal waits.
    SELECT c.head_seq, c.last_seq, c.title, c.instructions, c.metadata INTO source
    FROM recollect.conversation AS c
    WHERE c.user_id = p_user AND c.id = p_conversation
    FOR KEY SHARE;
    IF NOT FOUND THEN
        outcome := 'missing';
        RETURN;
    END IF;
    upto := coalesce(p_upto, source.head_seq);
    IF upto > source.last_seq THEN
        outcome := 'no_message';
        upto := source.last_seq;
        RETURN;
    END IF;

    INSERT INTO recollect.conversation (
        user_id, id, title, instructions, metadata, forked_from, forked_seq
    )
    VALUES (
        p_user, p_new, coalesce(p_title, source.title), source.instructions, source.metadata, p_conversation, upto
    )
    ON CONFLICT (user_id, id) DO NOTHING;
    IF NOT FOUND THEN
        outcome := 'taken';
        RETURN;
    END IF;

    IF upto > 0 THEN
        FOR run IN
            SELECT p.low, p.high FROM recollect.path_v1(p_user, p_conversation, upto) AS p ORDER BY p.low
        LOOP
            INSERT INTO recollect.message (
                user_id, conversation_id, seq, parent_seq, role, author, text, parts, token_count,
                path_tokens, metadata, created_at, occurred_at, terms, language
            )
            SELECT m.user_id, p_new, m.seq - run.low + copied + 1, m.seq - run.low + copied, m.role, m.author,
                   m.text, m.parts, m.token_count, m.path_tokens, m.metadata, m.created_at, m.occurred_at,
                   m.terms, m.language
            FROM recollect.message AS m
            WHERE m.user_id = p_user AND m.conversation_id = p_conversation
              AND m.seq >= run.low AND m.seq <= run.high
            ORDER BY m.seq;

            INSERT INTO recollect.summary (user_id, conversation_id, upto_seq, token_count, content, created_at)
            SELECT s.user_id, p_new, s.upto_seq - run.low + copied + 1, s.token_count, s.content, s.created_at
            FROM recollect.summary AS s
            WHERE s.user_id = p_user AND s.conversation_id = p_conversation
              AND s.upto_seq >= run.low AND s.upto_seq <= run.high;

            copied := copied + run.high - run.low + 1;
            last_copied := run.high;
        END LOOP;

        SELECT m.path_tokens INTO tokens
        FROM recollect.message AS m
        WHERE m.user_id = p_user AND m.conversation_id = p_conversation AND m.seq = last_copied;

        UPDATE recollect.conversation AS c
        SET last_seq = copied, head_seq = copied, message_count = copied, head_tokens = tokens
        WHERE c.user_id = p_user AND c.id = p_new;
    END IF;
    outcome := 'forked';
END
$$;

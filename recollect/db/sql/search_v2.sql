-- Find messages of one user: the best p_limit of what `search_keys_v2` ranks, with what is shown of
-- them. This function belongs to recollect_app, so the words that it gives out have passed row
-- security, whatever the other one finds.
--
-- p_mark    a regular expression for the words of the query; excerpt is up to p_chars characters of
--           the text, from a little before its first match on, which is the character at `begins`.
--
-- outcome   found | common (no word of the query can be searched for). One row at least; seq is NULL
--           where nothing was found.
CREATE FUNCTION recollect.search_v2(
    p_user text,
    p_kinds text[],
    p_words text[],
    p_patterns text[],
    p_language integer,
    p_asked boolean,
    p_conversation text,
    p_exclude text,
    p_role text,
    p_since timestamptz,
    p_until timestamptz,
    p_limit integer,
    p_after_score double precision,
    p_after_conversation text,
    p_after_seq integer,
    p_mark text,
    p_chars integer
)
RETURNS TABLE (
    outcome text, conversation_id text, title text, seq integer, parent_seq integer, role text, author text,
    at timestamptz, score double precision, begins integer, excerpt text, chars integer
)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan
SET jit = off
ROWS 20
AS $$
#variable_conflict use_column
DECLARE
    queries tsquery[];
    conversations text[];
    seqs integer[];
    scores double precision[];
BEGIN
    PERFORM set_config('recollect.user_id', p_user, true);

    queries := recollect.search_queries_v2(p_user, p_kinds, p_words, p_language);
    IF NOT EXISTS (SELECT FROM unnest(queries, p_kinds) AS q (query, kind) WHERE query IS NOT NULL AND kind <> 'not')
        OR EXISTS (SELECT FROM unnest(queries, p_kinds) AS q (query, kind) WHERE query IS NULL AND kind IN ('must', 'not'))
    THEN
        outcome := 'common';
        RETURN NEXT;
        RETURN;
    END IF;

    -- By itself: within a statement that reads a distributed table, a function may not read another.
    SELECT array_agg(k.conversation_id), array_agg(k.seq), array_agg(k.score) INTO conversations, seqs, scores
    FROM recollect.search_keys_v2(
        queries, p_kinds, p_patterns, p_asked, p_conversation, p_exclude, p_role, p_since, p_until,
        p_limit, p_after_score, p_after_conversation, p_after_seq
    ) AS k;

    RETURN QUERY
    SELECT 'found', m.conversation_id, c.title, m.seq, m.parent_seq, m.role, m.author,
           coalesce(m.occurred_at, m.created_at), k.score, w.begins,
           substr(m.text, w.begins, p_chars), char_length(m.text)
    FROM unnest(conversations, seqs, scores) AS k (conversation_id, seq, score)
    JOIN recollect.message AS m
      ON m.user_id = p_user AND m.conversation_id = k.conversation_id AND m.seq = k.seq
    JOIN recollect.conversation AS c ON c.user_id = p_user AND c.id = k.conversation_id
    CROSS JOIN LATERAL (
        SELECT greatest(1, regexp_instr(left(m.text, 250000), p_mark, 1, 1, 0, 'i') - p_chars / 4)
    ) AS w (begins)
    ORDER BY k.score DESC, k.conversation_id, k.seq;
    IF NOT FOUND THEN
        outcome := 'found';
        RETURN NEXT;
    END IF;
END
$$;

-- Begin a conversation with its first messages, in one round trip: what `append_v2` does, in a
-- conversation that is made unless it is there. created: it was made now.
CREATE FUNCTION recollect.open_v1(
    p_user text,
    p_conversation text,
    p_title text,
    p_instructions text,
    p_roles text[],
    p_authors text[],
    p_texts text[],
    p_parts text[],
    p_token_counts integer[],
    p_metadata text[],
    p_occurred_at timestamptz[],
    p_key text,
    p_fingerprint bytea,
    p_terms text[],
    p_languages smallint[],
    OUT outcome text,
    OUT first_seq integer,
    OUT last_seq integer,
    OUT head integer,
    OUT branched boolean,
    OUT created boolean
)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM set_config('recollect.user_id', p_user, true);

    INSERT INTO recollect.conversation (user_id, id, title, instructions)
    VALUES (p_user, p_conversation, p_title, p_instructions)
    ON CONFLICT (user_id, id) DO NOTHING;
    created := FOUND;

    SELECT a.outcome, a.first_seq, a.last_seq, a.head, a.branched
    INTO outcome, first_seq, last_seq, head, branched
    FROM recollect.append_v2(
        p_user, p_conversation, p_roles, p_authors, p_texts, p_parts, p_token_counts, p_metadata,
        p_occurred_at, p_key, p_fingerprint, NULL, false, NULL, p_terms, p_languages
    ) AS a;
END
$$;

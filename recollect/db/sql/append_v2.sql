-- Append messages to one conversation: all of them or none, in one round trip.
--
-- The conversation's row lock, taken by the UPDATE, gives the messages their place; it is held
-- until this statement's transaction ends and nothing is waited for while holding it. A linear
-- conversation costs one UPDATE and one INSERT.
--
-- p_after   hang the messages under this one (0: at the start) instead of under the head; the
--           head moves to the last of them. NULL: under the head.
--
-- outcome   appended | replayed (the key is known, same content) | key_reused (other content)
--           | moved (head is not p_expected_head) | no_parent (p_after is not there) | trashed
--           | missing
-- first_seq, last_seq   the place of the messages, for appended and replayed
-- head      the conversation's head afterwards; for replayed as it was then
-- branched  the messages hang under p_expected_head while the head stays elsewhere; kept_head of
--           the first of them remembers where, for a retry
--
-- p_terms, p_languages   what the search index holds beside the text, see `recollect.models.terms`
--
-- path_tokens of a message are the tokens of its path from the start up to itself, so that no
-- reader has to add them up; they stop at the largest integer.
--
-- Owned by recollect_app, so row security applies whoever calls. No volatile function in an
-- UPDATE, no statement across users: it runs unchanged on a Citus worker.
CREATE FUNCTION recollect.append_v2(
    p_user text,
    p_conversation text,
    p_roles text[],
    p_authors text[],
    p_texts text[],
    p_parts text[],
    p_token_counts integer[],
    p_metadata text[],
    p_occurred_at timestamptz[],
    p_key text,
    p_fingerprint bytea,
    p_expected_head integer,
    p_branch boolean,
    p_after integer,
    p_terms text[],
    p_languages smallint[],
    OUT outcome text,
    OUT first_seq integer,
    OUT last_seq integer,
    OUT head integer,
    OUT branched boolean
)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET gin_pending_list_limit = '256kB'  -- every search reads that list through, once a word
AS $$
DECLARE
    n CONSTANT integer := cardinality(p_roles);
    most CONSTANT bigint := 2147483647;
    added bigint;
    known record;
    present record;
    parent integer;
    parent_tokens bigint;
BEGIN
    PERFORM set_config('recollect.user_id', p_user, true);
    branched := false;

    IF n IS NULL OR n = 0 THEN
        RAISE EXCEPTION 'an append needs at least one message' USING ERRCODE = 'invalid_parameter_value';
    END IF;

    IF p_key IS NOT NULL THEN
        SELECT m.seq, m.kept_head, m.fingerprint INTO known
        FROM recollect.message AS m
        WHERE m.user_id = p_user AND m.conversation_id = p_conversation AND m.key = p_key;
        IF FOUND THEN
            IF known.fingerprint <> p_fingerprint THEN
                outcome := 'key_reused';
                first_seq := known.seq;
                RETURN;
            END IF;
            outcome := 'replayed';
            first_seq := known.seq;
            last_seq := known.seq + n - 1;
            branched := known.kept_head IS NOT NULL;
            head := coalesce(known.kept_head, last_seq);
            RETURN;
        END IF;
    END IF;

    added := p_token_counts[1];
    IF n > 1 THEN
        SELECT sum(each) INTO added FROM unnest(p_token_counts) AS each;
    END IF;

    -- The common case: linear, and at the head that the caller knows.
    UPDATE recollect.conversation AS c
    SET last_seq = c.last_seq + n,
        head_seq = c.last_seq + n,
        head_tokens = least(c.head_tokens + added, most),
        message_count = c.message_count + n,
        updated_at = now()
    WHERE c.user_id = p_user AND c.id = p_conversation
      AND c.linear AND c.deleted_at IS NULL
      AND (p_expected_head IS NULL OR c.head_seq = p_expected_head)
      AND (p_after IS NULL OR c.head_seq = p_after)
    RETURNING c.last_seq, c.head_tokens - added INTO last_seq, parent_tokens;

    IF FOUND THEN
        first_seq := last_seq - n + 1;
        parent := first_seq - 1;
        head := last_seq;
        IF parent_tokens + added = most THEN  -- it says no longer what there was before
            SELECT m.path_tokens INTO parent_tokens
            FROM recollect.message AS m
            WHERE m.user_id = p_user AND m.conversation_id = p_conversation AND m.seq = parent;
            parent_tokens := coalesce(parent_tokens, 0);
        END IF;
    ELSE
        SELECT c.last_seq, c.head_seq, c.head_tokens, c.deleted_at INTO present
        FROM recollect.conversation AS c
        WHERE c.user_id = p_user AND c.id = p_conversation
        FOR UPDATE;
        IF NOT FOUND THEN
            outcome := 'missing';
            RETURN;
        ELSIF present.deleted_at IS NOT NULL THEN
            outcome := 'trashed';
            RETURN;
        END IF;
        head := present.head_seq;
        IF p_after > present.last_seq THEN
            outcome := 'no_parent';
            last_seq := present.last_seq;
            RETURN;
        END IF;
        first_seq := present.last_seq + 1;
        last_seq := present.last_seq + n;
        IF p_expected_head IS NULL OR p_expected_head = present.head_seq THEN
            parent := coalesce(p_after, present.head_seq);
            head := last_seq;
        ELSIF p_branch AND p_expected_head BETWEEN 0 AND present.last_seq THEN
            parent := p_expected_head;
            branched := true;
        ELSE
            outcome := 'moved';
            first_seq := NULL;
            last_seq := NULL;
            RETURN;
        END IF;
        IF parent = present.head_seq THEN
            parent_tokens := present.head_tokens;
        ELSE
            SELECT m.path_tokens INTO parent_tokens
            FROM recollect.message AS m
            WHERE m.user_id = p_user AND m.conversation_id = p_conversation AND m.seq = parent;
            parent_tokens := coalesce(parent_tokens, 0);
        END IF;
        UPDATE recollect.conversation AS c
        SET last_seq = append_v2.last_seq,
            head_seq = append_v2.head,
            head_tokens = CASE WHEN branched THEN c.head_tokens ELSE least(parent_tokens + added, most) END,
            message_count = c.message_count + n,
            updated_at = now(),
            linear = c.linear AND parent = c.last_seq
        WHERE c.user_id = p_user AND c.id = p_conversation;
    END IF;

    IF n = 1 THEN
        -- The same statement without the set: half the time, and the most frequent append.
        INSERT INTO recollect.message (
            user_id, conversation_id, seq, parent_seq, role, author, text, parts, token_count, path_tokens,
            metadata, occurred_at, kept_head, key, fingerprint, terms, language
        )
        VALUES (
            p_user, p_conversation, first_seq, parent, p_roles[1], p_authors[1], p_texts[1],
            p_parts[1]::json, p_token_counts[1], least(parent_tokens + added, most),
            p_metadata[1]::json, p_occurred_at[1], CASE WHEN branched THEN head END, p_key, p_fingerprint,
            p_terms[1], p_languages[1]
        );
    ELSE
        INSERT INTO recollect.message (
            user_id, conversation_id, seq, parent_seq, role, author, text, parts, token_count, path_tokens,
            metadata, occurred_at, kept_head, key, fingerprint, terms, language
        )
        SELECT p_user, p_conversation, first_seq + i - 1,
               CASE WHEN i = 1 THEN parent ELSE first_seq + i - 2 END,
               p_roles[i], p_authors[i], p_texts[i], p_parts[i]::json, p_token_counts[i],
               least(parent_tokens + sum(p_token_counts[i]) OVER (ORDER BY i), most),
               p_metadata[i]::json, p_occurred_at[i],
               CASE WHEN i = 1 AND branched THEN head END,
               CASE WHEN i = 1 THEN p_key END,
               CASE WHEN i = 1 THEN p_fingerprint END,
               p_terms[i], p_languages[i]
        FROM generate_series(1, n) AS i;
    END IF;
    outcome := 'appended';
END
$$;

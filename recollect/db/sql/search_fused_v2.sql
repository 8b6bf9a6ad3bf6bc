-- Find messages of one user by their words and by what they are about: what `search_keys_v2` ranks, and
-- what a model says is near to the query. Arguments and columns are those of `search_v2`, and
--
-- p_model, p_vector   the query's vector, of length 1, and the model that made it.
--
-- outcome   found | common, as of `search_v2` | no_pgvector (nothing was searched).
--
-- Row security holds for all of it. Every vector of the user is compared: an approximate index with a
-- condition on the user finds a part of the nearest, and for some users none of them.
--
-- How near a message is to the query is counted in standard deviations from the mean of this user's
-- messages. The one before it counts as much, since it is what an answer answers, and the one after it 0.3.
-- Both rankings are standardised over the candidates and added, that of the words with weight 1, the
-- other with 0.7. Candidates are what the words find and, where the query demands no phrase, the 100
-- nearest that are at least one deviation away, or are among the five nearest. For a question also what
-- stands beside those.
CREATE FUNCTION recollect.search_fused_v2(
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
    p_chars integer,
    p_model text,
    p_vector real[]
)
RETURNS TABLE (
    outcome text, conversation_id text, title text, seq integer, parent_seq integer, role text, author text,
    at timestamptz, score double precision, begins integer, excerpt text, chars integer
)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off
SET work_mem = '32MB'
ROWS 20
AS $$
#variable_conflict use_column
DECLARE
    queries tsquery[];
    pgvector name;
    conversations text[];
    seqs integer[];
    scores double precision[];
BEGIN
    PERFORM set_config('recollect.user_id', p_user, true);

    SELECT n.nspname INTO pgvector
    FROM pg_extension AS x JOIN pg_namespace AS n ON n.oid = x.extnamespace
    WHERE x.extname = 'vector';
    IF pgvector IS NULL THEN
        outcome := 'no_pgvector';
        RETURN NEXT;
        RETURN;
    END IF;

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
        2000, NULL, NULL, NULL
    ) AS k;

    -- Put together here since nobody knows before in which schema pgvector is. Only its name goes in.
    RETURN QUERY EXECUTE format($fused$
    WITH lexical AS MATERIALIZED (
        SELECT k.conversation, k.seq, k.score
        FROM unnest($19, $20, $21) AS k (conversation, seq, score)
    ),
    likeness AS MATERIALIZED (
        SELECT e.conversation_id AS conversation, e.seq,
               -(e.vector::%1$I.vector OPERATOR(%1$I.<#>) $18::%1$I.vector) AS cosine
        FROM recollect.embedding AS e
        WHERE e.user_id = $1 AND e.model = $17 AND cardinality(e.vector) = cardinality($18)
          AND ($6 IS NULL OR e.conversation_id = $6)
          AND ($7 IS NULL OR e.conversation_id <> $7)
          AND e.conversation_id NOT IN (
              SELECT c.id FROM recollect.conversation AS c WHERE c.user_id = $1 AND c.deleted_at IS NOT NULL
          )
    ),
    spread AS MATERIALIZED (
        SELECT avg(l.cosine) AS mean, nullif(stddev_pop(l.cosine), 0) AS deviation FROM likeness AS l
    ),
    nearest AS MATERIALIZED (
        SELECT l.conversation, l.seq
        FROM (
            SELECT l.conversation, l.seq, l.cosine,
                   row_number() OVER (ORDER BY l.cosine DESC, l.conversation, l.seq) AS place
            FROM (
                SELECT l.conversation, l.seq, l.cosine
                FROM likeness AS l
                WHERE NOT 'must' = ANY ($3)
                ORDER BY l.cosine DESC, l.conversation, l.seq
                LIMIT 100
            ) AS l
        ) AS l
        CROSS JOIN spread AS s
        WHERE l.place <= 5 OR l.cosine >= s.mean + s.deviation
    ),
    wordless AS MATERIALIZED (
        SELECT DISTINCT n.conversation, m.seq
        FROM nearest AS n
        CROSS JOIN LATERAL (
            SELECT m.seq, m.role, coalesce(m.occurred_at, m.created_at) AS at, m.user_id, m.language, m.terms, m.author,
                   m.occurred_at, m.created_at, m.text
            FROM recollect.message AS m
            WHERE m.user_id = $1 AND m.conversation_id = n.conversation AND m.seq BETWEEN n.seq - 1 AND n.seq + 1
            ORDER BY m.seq
            LIMIT 3
        ) AS m
        WHERE (m.seq = n.seq OR $5)
          AND ($8 IS NULL OR m.role = $8) AND ($9 IS NULL OR m.at >= $9) AND ($10 IS NULL OR m.at < $10)
          AND (n.conversation, m.seq) NOT IN (SELECT l.conversation, l.seq FROM lexical AS l)
          AND CASE WHEN 'not' = ANY ($3) THEN NOT EXISTS (
              SELECT FROM unnest($2, $3, $4) AS q (query, kind, pattern)
              WHERE q.kind = 'not'
                AND (replace(' ' || strip(to_tsvector(
                    CASE m.language WHEN 1 THEN 'pg_catalog.german'::regconfig
                        WHEN 2 THEN 'pg_catalog.french'::regconfig
                        WHEN 3 THEN 'pg_catalog.spanish'::regconfig
                        WHEN 4 THEN 'pg_catalog.portuguese'::regconfig
                        WHEN 5 THEN 'pg_catalog.italian'::regconfig
                        WHEN 6 THEN 'pg_catalog.dutch'::regconfig
                        WHEN 7 THEN 'pg_catalog.swedish'::regconfig
                        WHEN 8 THEN 'pg_catalog.russian'::regconfig
                        WHEN 9 THEN 'pg_catalog.greek'::regconfig
                        WHEN 10 THEN 'pg_catalog.arabic'::regconfig
                        WHEN 11 THEN 'pg_catalog.hindi'::regconfig
                        ELSE 'pg_catalog.english'::regconfig END,
                    'u0' || to_hex(hashtextextended(m.user_id, 0)) || ' '
                    || date_part('day', coalesce(m.occurred_at, m.created_at) AT TIME ZONE 'UTC')::integer::text || ' '
                    || (ARRAY['january', 'february', 'march', 'april', 'may', 'june', 'july', 'august',
                              'september', 'october', 'november', 'december'])[
                        date_part('month', coalesce(m.occurred_at, m.created_at) AT TIME ZONE 'UTC')::integer] || ' '
                    || date_part('year', coalesce(m.occurred_at, m.created_at) AT TIME ZONE 'UTC')::integer::text || ' '
                    || CASE WHEN m.terms IS NULL OR starts_with(m.terms, ' ') THEN
                        coalesce(m.author || ' ', '')
                        || replace(replace(replace(replace(
                            CASE WHEN octet_length(m.text) < 1000 THEN m.text
                                ELSE regexp_replace(left(m.text, 250000) COLLATE "C", E'\\S{255}', E'\\& ', 'g') END,
                            '/', ' '), '.', ' '), '-', ' '), '<', ' ')
                        ELSE '' END
                    || coalesce(
                        CASE WHEN octet_length(m.terms) < 1000 THEN m.terms
                            ELSE regexp_replace(m.terms COLLATE "C", E'\\S{255}', E'\\& ', 'g') END, '')
                ))::text, ' ''', ' ''' || lpad(to_hex(hashtextextended(m.user_id, 0) & 31), 2, '0')))::tsvector @@ q.query
                AND (q.pattern IS NULL OR left(m.text, 250000) ~* q.pattern)
          ) ELSE true END
    ),
    candidate AS MATERIALIZED (
        SELECT l.conversation, l.seq, l.score FROM lexical AS l
        UNION ALL
        SELECT w.conversation, w.seq, 0 FROM wordless AS w
    ),
    -- Steps first, so that both sides are joined by equality.
    step AS MATERIALIZED (
        SELECT c.conversation, c.seq, c.seq + n.step AS beside, n.weight
        FROM candidate AS c
        CROSS JOIN (VALUES (-1, 1.0::double precision), (0, 1.0), (1, 0.3)) AS n (step, weight)
    ),
    near AS MATERIALIZED (
        SELECT t.conversation, t.seq, sum((l.cosine - s.mean) / s.deviation * t.weight) AS z
        FROM step AS t
        JOIN likeness AS l ON l.conversation = t.conversation AND l.seq = t.beside
        CROSS JOIN spread AS s
        GROUP BY t.conversation, t.seq
    ),
    both_scores AS (
        SELECT c.conversation, c.seq, c.score AS words, coalesce(n.z, 0) AS meaning
        FROM candidate AS c LEFT JOIN near AS n ON n.conversation = c.conversation AND n.seq = c.seq
    ),
    fused AS (
        SELECT b.conversation, b.seq,
               coalesce((b.words - avg(b.words) OVER ()) / nullif(stddev_pop(b.words) OVER (), 0), 0)
               + 0.7 * coalesce((b.meaning - avg(b.meaning) OVER ()) / nullif(stddev_pop(b.meaning) OVER (), 0), 0)
                   AS score
        FROM both_scores AS b
    ),
    page AS MATERIALIZED (
        SELECT f.conversation, f.seq, f.score
        FROM fused AS f
        WHERE $12 IS NULL OR f.score < $12 OR f.score = $12 AND (f.conversation, f.seq) > ($13, $14)
        ORDER BY f.score DESC, f.conversation, f.seq
        LIMIT $11
    )
    SELECT 'found', m.conversation_id, c.title, m.seq, m.parent_seq, m.role, m.author,
           coalesce(m.occurred_at, m.created_at), p.score, w.begins,
           substr(m.text, w.begins, $16), char_length(m.text)
    FROM page AS p
    JOIN recollect.message AS m ON m.user_id = $1 AND m.conversation_id = p.conversation AND m.seq = p.seq
    JOIN recollect.conversation AS c ON c.user_id = $1 AND c.id = p.conversation
    CROSS JOIN LATERAL (
        SELECT greatest(1, regexp_instr(left(m.text, 250000), $15, 1, 1, 0, 'i') - $16 / 4)
    ) AS w (begins)
    ORDER BY p.score DESC, p.conversation, p.seq
    $fused$, pgvector)
    USING p_user, queries, p_kinds, p_patterns, p_asked, p_conversation, p_exclude, p_role, p_since, p_until,
        p_limit, p_after_score, p_after_conversation, p_after_seq, p_mark, p_chars, p_model, p_vector,
        conversations, seqs, scores;
    IF NOT FOUND THEN
        outcome := 'found';
        RETURN NEXT;
    END IF;
END
$$;

-- Rank one user's messages by what `search_queries_v2` made of a query: keys and scores, best first.
--
-- Owned by recollect_search, whom row security shows all rows: `@@` is not leakproof, and under row
-- security the planner would read every row of the user instead of asking the index. So each access
-- here names the user, and `search_v2` reads the words of what is found under row security.
--
-- The rank of a message is BM25 (k1 = .6, b = .3) with the inverse document frequency among this
-- user's messages, over the message together with its neighbours (weights 1, .3, .09: people ask about
-- an exchange, not about a line), and a fifth of the same of its conversation as a whole. What the
-- message has of the words counts once each. From a conversation's sixth hit on they sink, so that a
-- talkative one does not crowd out the rest.
--
-- p_asked   the query is a question: also a message that holds none of its words is found, beside one
--           that does (the answer to what was asked). Otherwise who looks for a word finds the word.
--
-- The work is bounded: a clause that is in more than a fifth of the messages is left out unless it is
-- among the three rarest, no clause gives more than 20,000 messages, and only the neighbourhoods of the
-- 300 best messages by their own words are ranked.
CREATE FUNCTION recollect.search_keys_v2(
    p_queries tsquery[],
    p_kinds text[],
    p_patterns text[],
    p_asked boolean,
    p_conversation text,
    p_exclude text,
    p_role text,
    p_since timestamptz,
    p_until timestamptz,
    p_limit integer,
    p_after_score double precision,
    p_after_conversation text,
    p_after_seq integer
)
RETURNS TABLE (conversation_id text, seq integer, score double precision)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off  -- the index whose condition is given is the cheapest, whatever the statistics
SET enable_nestloop = off  -- but where LATERAL asks for one; sets that were just made have no statistics
SET plan_cache_mode = force_generic_plan  -- to plan it takes as long as to run it
SET jit = off
SET work_mem = '32MB'
ROWS 20
AS $$
#variable_conflict use_column
DECLARE
    -- Not an argument: whoever may call this finds what is theirs, and nobody finds nothing.
    p_user CONSTANT text := nullif(current_setting('recollect.user_id', true), '');
    messages double precision;
    tokens_each double precision;
    conversations double precision;
    most integer;
    musts CONSTANT bigint := cardinality(array_positions(p_kinds, 'must'));
BEGIN
    SELECT greatest(1, sum(c.message_count)), greatest(1, sum(c.head_tokens::bigint) / greatest(1, sum(c.message_count))),
           count(*)
    INTO messages, tokens_each, conversations
    FROM (
        SELECT c.message_count, c.head_tokens
        FROM recollect.conversation AS c
        WHERE c.user_id = p_user AND (p_conversation IS NULL OR c.id = p_conversation)
        LIMIT 5000
    ) AS c;
    most := least(20000, greatest(1000, ceil(messages / 5)));

    RETURN QUERY
    WITH hit AS MATERIALIZED (
        SELECT q.clause, q.kind, m.conversation, m.seq, m.tokens, m.role, m.at
        FROM unnest(p_queries, p_kinds, p_patterns) WITH ORDINALITY AS q (query, kind, pattern, clause)
        CROSS JOIN LATERAL (
            SELECT m.conversation_id AS conversation, m.seq, m.token_count AS tokens, m.role,
                   coalesce(m.occurred_at, m.created_at) AS at
            FROM recollect.message AS m
            WHERE (replace(' ' || strip(to_tsvector(
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
              -- In another collation, so that no other index answers it: to compute the words of every
              -- message of the user would cost a thousand times as much. Citus sees whose it is.
              AND m.user_id = p_user COLLATE "POSIX"
              AND (p_conversation IS NULL OR m.conversation_id = p_conversation)
              AND (p_exclude IS NULL OR m.conversation_id <> p_exclude)
              AND m.conversation_id NOT IN (
                  SELECT c.id FROM recollect.conversation AS c
                  WHERE c.user_id = p_user AND c.deleted_at IS NOT NULL
              )
              AND (q.pattern IS NULL OR left(m.text, 250000) ~* q.pattern)
            LIMIT CASE WHEN q.kind = 'any' THEN most ELSE 20000 END
        ) AS m
        WHERE q.query IS NOT NULL
    ),
    clause AS MATERIALIZED (
        SELECT f.clause, f.idf
        FROM (
            SELECT h.clause, h.kind, count(*) AS messages,
                   ln(1 + (greatest(messages, count(*)) - count(*) + 0.5) / (count(*) + 0.5)) AS idf,
                   row_number() OVER (ORDER BY count(*), h.clause) AS place
            FROM hit AS h
            WHERE h.kind <> 'not'
            GROUP BY h.clause, h.kind
        ) AS f
        WHERE f.kind <> 'any' OR f.messages < most OR f.place <= 3
    ),
    -- What may be shown at all: it holds every phrase, and nothing that is excluded.
    phrased AS MATERIALIZED (
        SELECT h.conversation, h.seq
        FROM hit AS h WHERE h.kind = 'must'
        GROUP BY h.conversation, h.seq HAVING count(DISTINCT h.clause) = musts
    ),
    excluded AS MATERIALIZED (
        SELECT DISTINCT h.conversation, h.seq FROM hit AS h WHERE h.kind = 'not'
    ),
    seed AS MATERIALIZED (
        SELECT h.conversation, h.seq
        FROM hit AS h JOIN clause AS l ON l.clause = h.clause
        WHERE (musts = 0 OR (h.conversation, h.seq) IN (SELECT p.conversation, p.seq FROM phrased AS p))
          AND (p_since IS NULL OR h.at >= p_since) AND (p_until IS NULL OR h.at < p_until)
        GROUP BY h.conversation, h.seq
        ORDER BY (p_role IS NULL OR max(h.role) = p_role) DESC,
                 sum(l.idf) / (1 + 0.6 * (0.7 + 0.3 * max(h.tokens) / tokens_each)) DESC, h.conversation, h.seq
        LIMIT 300
    ),
    candidate AS MATERIALIZED (
        SELECT DISTINCT s.conversation, n.seq, n.tokens
        FROM seed AS s
        CROSS JOIN LATERAL (
            SELECT m.seq, m.token_count AS tokens, m.role, coalesce(m.occurred_at, m.created_at) AS at
            FROM recollect.message AS m
            WHERE m.user_id = p_user AND m.conversation_id = s.conversation
              AND m.seq BETWEEN s.seq - 2 AND s.seq + 2
            ORDER BY m.seq
            LIMIT 5
        ) AS n
        WHERE (p_role IS NULL OR n.role = p_role)
          AND (p_since IS NULL OR n.at >= p_since)
          AND (p_until IS NULL OR n.at < p_until)
          AND (musts = 0 OR (s.conversation, n.seq) IN (SELECT p.conversation, p.seq FROM phrased AS p))
          AND (s.conversation, n.seq) NOT IN (SELECT x.conversation, x.seq FROM excluded AS x)
    ),
    -- What each message that holds a word gives to those around it. Steps first, so that both sides are
    -- joined by equality.
    near AS MATERIALIZED (
        SELECT h.conversation, h.seq - n.step AS seq, h.clause, n.step, n.weight
        FROM hit AS h
        JOIN clause AS l ON l.clause = h.clause
        CROSS JOIN (VALUES (-2, 0.09::double precision), (-1, 0.3), (0, 1.0), (1, 0.3), (2, 0.09)) AS n (step, weight)
        -- Only what stands close enough to a seed: in one of the runs of eight into which its reach falls.
        WHERE (h.conversation, h.seq >> 3) IN (
            SELECT s.conversation, (s.seq + e.reach) >> 3 FROM seed AS s CROSS JOIN (VALUES (-4), (4)) AS e (reach)
        )
    ),
    exchange AS (
        SELECT c.conversation, c.seq, c.tokens, n.clause, sum(n.weight) AS often, bool_or(n.step = 0) AS itself
        FROM near AS n
        JOIN candidate AS c ON c.conversation = n.conversation AND c.seq = n.seq
        GROUP BY c.conversation, c.seq, c.tokens, n.clause
    ),
    ranked AS (
        SELECT e.conversation, e.seq,
               sum(l.idf * e.often * 1.6 / (e.often + 0.6 * (0.7 + 0.3 * e.tokens / tokens_each))) AS score
        FROM exchange AS e JOIN clause AS l ON l.clause = e.clause
        GROUP BY e.conversation, e.seq
        HAVING p_asked OR bool_or(e.itself)
    ),
    -- The same of whole conversations: a message's place is taken by the conversation, and a
    -- word's by the messages that hold it.
    occurring AS MATERIALIZED (
        SELECT h.conversation, h.clause, count(*) AS often
        FROM hit AS h JOIN clause AS l ON l.clause = h.clause
        GROUP BY h.conversation, h.clause
    ),
    whole AS (
        SELECT o.conversation,
               sum(s.idf * o.often * 1.6 / (o.often + 0.6 * (0.7 + 0.3 * c.message_count * conversations / messages)))
                   AS score
        FROM occurring AS o
        JOIN (
            SELECT o.clause, ln(1 + (greatest(conversations, count(*)) - count(*) + 0.5) / (count(*) + 0.5)) AS idf
            FROM occurring AS o
            GROUP BY o.clause
        ) AS s ON s.clause = o.clause
        JOIN recollect.conversation AS c ON c.user_id = p_user AND c.id = o.conversation
        WHERE o.conversation IN (SELECT k.conversation FROM candidate AS k)
        GROUP BY o.conversation
    ),
    found AS (
        SELECT r.conversation, r.seq, (r.score + 0.2 * w.score)::double precision AS score
        FROM ranked AS r JOIN whole AS w ON w.conversation = r.conversation
    ),
    spread AS (
        SELECT f.conversation, f.seq, f.score * least(
            1, 5.0 / row_number() OVER (PARTITION BY f.conversation ORDER BY f.score DESC, f.seq)
        ) AS score
        FROM found AS f
    )
    SELECT s.conversation, s.seq, s.score
    FROM spread AS s
    WHERE p_after_score IS NULL OR s.score < p_after_score
       OR s.score = p_after_score AND (s.conversation, s.seq) > (p_after_conversation, p_after_seq)
    ORDER BY s.score DESC, s.conversation, s.seq
    LIMIT p_limit;
END
$$;

-- The words of a query as what the index is asked for, one entry a clause; NULL where a clause has no
-- word that is indexed, such as `the`.
--
-- p_words     per clause its words, folded, between blanks; a message has to hold all of them.
-- p_kinds     any | prefix (its one word is the beginning of others) | must | not
-- p_language  in which the query is asked, as in `message.language`: its common words are left out.
--
-- A message's words are stemmed in its own language, and a query may be one word of any: so it is
-- asked for the stem that each language makes of it. Lexemes become queries by way of a tsvector,
-- which quotes them. Every lexeme begins with the bucket of its user, and every query holds the user's own
-- lexeme too: see `SEARCH_VECTOR` in recollect/models/tables.py. A longer word is indexed in pieces of 255
-- characters, and found by the first.
CREATE FUNCTION recollect.search_queries_v2(
    p_user text,
    p_kinds text[],
    p_words text[],
    p_language integer
)
RETURNS tsquery[]
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    languages CONSTANT regconfig[] := ARRAY[
        'pg_catalog.english', 'pg_catalog.german', 'pg_catalog.french', 'pg_catalog.spanish',
        'pg_catalog.portuguese', 'pg_catalog.italian', 'pg_catalog.dutch', 'pg_catalog.swedish',
        'pg_catalog.russian', 'pg_catalog.greek', 'pg_catalog.arabic', 'pg_catalog.hindi'];
    bucket CONSTANT text := lpad(to_hex(hashtextextended(p_user, 0) & 31), 2, '0');
    own CONSTANT tsquery := ('''' || bucket || 'u0' || to_hex(hashtextextended(p_user, 0)) || '''')::tsquery;
    queries tsquery[] := '{}';
    clause integer;
    word text;
    forms text[];
    form text;
    one tsquery;
    all_of tsquery;
BEGIN
    FOR clause IN 1 .. cardinality(p_words) LOOP
        all_of := NULL;
        FOREACH word IN ARRAY string_to_array(p_words[clause], ' ') LOOP
            word := left(word, 255);
            CONTINUE WHEN p_kinds[clause] <> 'prefix'
                AND tsvector_to_array(to_tsvector(languages[coalesce(p_language, 0) + 1], word)) = '{}';
            SELECT array_agg(DISTINCT f.form) INTO forms
            FROM unnest(languages) AS l (language)
            CROSS JOIN LATERAL unnest(tsvector_to_array(to_tsvector(l.language, word))) AS f (form);
            IF p_kinds[clause] = 'prefix' THEN
                -- `runn*` finds `running`, whose stem is shorter than that.
                forms := forms || left(word, greatest(3, char_length(word) - 1))
                    || left(word, greatest(3, char_length(word) - 2));
            END IF;
            one := NULL;
            FOREACH form IN ARRAY coalesce(forms, '{}') LOOP
                one := coalesce(one || array_to_tsvector(ARRAY[bucket || form])::text::tsquery,
                                array_to_tsvector(ARRAY[bucket || form])::text::tsquery);
            END LOOP;
            IF p_kinds[clause] = 'prefix' THEN
                one := coalesce(one || (array_to_tsvector(ARRAY[bucket || word])::text || ':*')::tsquery,
                                (array_to_tsvector(ARRAY[bucket || word])::text || ':*')::tsquery);
            END IF;
            all_of := coalesce(all_of && one, one);
        END LOOP;
        queries := array_append(queries, own && all_of);
    END LOOP;
    RETURN queries;
END
$$;

-- Conversations whose user is not in the table they shall be linked to. {table} and {column} are
-- names that the server has quoted.
SELECT
    sum(conversations)::bigint AS conversations,
    count(*) AS users,
    string_agg(quote_literal(left(user_id, 60)), ', ' ORDER BY user_id) FILTER (WHERE place <= 5) AS some
FROM (
    SELECT c.user_id, count(*) AS conversations, row_number() OVER (ORDER BY c.user_id) AS place
    FROM recollect.conversation AS c
    WHERE NOT EXISTS (SELECT FROM {table} AS u WHERE u.{column}::text = c.user_id)
    GROUP BY c.user_id
) AS missing

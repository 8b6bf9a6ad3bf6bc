-- Tokens of a conversation's path to its head and of its summaries: what a copy of it wrote.
SELECT
    c.head_tokens + (
        SELECT coalesce(sum(s.token_count), 0)
        FROM recollect.summary AS s
        WHERE s.user_id = $1 AND s.conversation_id = $2
    ) AS tokens
FROM recollect.conversation AS c
WHERE c.user_id = $1 AND c.id = $2

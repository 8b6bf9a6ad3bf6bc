-- Store vectors of messages. They stand one behind the other in $5, each from the number $6 to $7; one that
-- ends before it begins is empty. A message that is gone meanwhile, or whose place another one has taken
-- ($4: when it was stored), is left out; what is there already stays. In the order of their places, so that
-- two that store vectors of the same messages never wait for each other in a circle.
INSERT INTO recollect.embedding (user_id, conversation_id, seq, model, vector)
SELECT m.user_id, m.conversation_id, m.seq, $8, ($5::real[])[v.begins : v.ends]
FROM unnest($2::text[], $3::integer[], $4::timestamptz[], $6::integer[], $7::integer[])
    AS v (conversation_id, seq, created_at, begins, ends)
JOIN recollect.message AS m
  ON m.conversation_id = v.conversation_id AND m.seq = v.seq AND m.created_at = v.created_at
WHERE m.user_id = $1
ORDER BY m.conversation_id, m.seq
ON CONFLICT DO NOTHING
RETURNING seq

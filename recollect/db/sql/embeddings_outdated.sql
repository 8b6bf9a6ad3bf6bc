-- Remove a vector of another model than $4. One by one, and sent in the order of their places, so that two that
-- store vectors of the same messages never wait for each other in a circle.
DELETE FROM recollect.embedding
WHERE user_id = $1 AND conversation_id = $2 AND seq = $3 AND model <> $4
RETURNING seq

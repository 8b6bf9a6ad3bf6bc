-- The summary of everything up to message $3 goes, unless it says $4 already.
DELETE FROM recollect.summary
WHERE user_id = $1 AND conversation_id = $2 AND upto_seq = $3 AND content <> $4
RETURNING upto_seq

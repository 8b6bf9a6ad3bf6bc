-- The messages of a conversation up to $3 that do not follow the one before them: where its branches begin.
-- As many entries of message_branch_idx as there are branches; none in a linear conversation.
SELECT seq, parent_seq
FROM recollect.message
WHERE user_id = $1 AND conversation_id = $2 AND seq <= $3 AND parent_seq <> seq - 1
ORDER BY seq

-- The path from the start of a conversation to message p_tip, as runs of seqs, newest first: in a
-- run each message follows the one before it. A linear conversation is one run.
--
-- Reads the entries of message_branch_idx alone, which has the messages that do not follow the one
-- before them; one pass over those up to p_tip.
CREATE FUNCTION recollect.path_v1(p_user text, p_conversation text, p_tip integer)
RETURNS TABLE (low integer, high integer)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_sort = off  -- walk the index, also while there are no statistics
ROWS 5
AS $$
DECLARE
    branch record;
BEGIN
    PERFORM set_config('recollect.user_id', p_user, true);

    high := p_tip;
    FOR branch IN
        SELECT m.seq, m.parent_seq
        FROM recollect.message AS m
        WHERE m.user_id = p_user AND m.conversation_id = p_conversation
          AND m.seq <= p_tip AND m.parent_seq <> m.seq - 1
        ORDER BY m.seq DESC
    LOOP
        CONTINUE WHEN branch.seq > high;
        low := branch.seq;
        RETURN NEXT;
        high := branch.parent_seq;
        EXIT WHEN high = 0;
    END LOOP;
    IF high > 0 THEN
        low := 1;
        RETURN NEXT;
    END IF;
END
$$;

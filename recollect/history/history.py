"""One user's history: all verbs."""

from __future__ import annotations

from recollect.history.branch_verbs import BranchVerbs
from recollect.history.context_verbs import ContextVerbs
from recollect.history.conversation_verbs import ConversationVerbs
from recollect.history.export_verbs import ExportVerbs
from recollect.history.import_verbs import ImportVerbs
from recollect.history.message_verbs import MessageVerbs
from recollect.history.search_verbs import SearchVerbs


class History(
    ConversationVerbs, MessageVerbs, ContextVerbs, BranchVerbs, SearchVerbs, ImportVerbs, ExportVerbs
):
    """One user's conversations and their messages; `Recollect.for_user` makes it.

    Every verb sees this user's conversations and nothing else; another user's conversation
    gives the same answer as one that does not exist.
    """

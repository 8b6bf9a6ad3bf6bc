"""Recollect: durable, user-scoped conversation history for AI agents, on PostgreSQL."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from recollect.models.conversation import (
    Branch,
    BranchPage,
    Conversation,
    ConversationPage,
    Erased,
    Summary,
    SummaryPage,
)
from recollect.models.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    HeadMoved,
    InvalidArgument,
    InvalidSetting,
    KeyReused,
    NotFound,
    NotReady,
    NotReproducible,
    OutcomeUnknown,
    RecollectError,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)
from recollect.models.imported import ConversationReport, Notes, Problem, Skipped
from recollect.models.message import (
    Appended,
    ContextWindow,
    Message,
    MessagePage,
    MessageSlice,
    NewMessage,
    Part,
    RecalledMessage,
    Role,
    Turn,
)
from recollect.models.search import Neighbour, SearchHit, SearchPage

if TYPE_CHECKING:
    from recollect.history.export_verbs import ExportPage
    from recollect.history.formats import Format
    from recollect.history.history import History
    from recollect.history.payloads import messages_from
    from recollect.history.store import Recollect
    from recollect.settings import Settings

__version__ = "0.1.0"

__all__ = [
    "AlreadyExists",
    "Appended",
    "Branch",
    "BranchPage",
    "Conflict",
    "ContextWindow",
    "Conversation",
    "ConversationPage",
    "ConversationReport",
    "Erased",
    "ExportPage",
    "Forbidden",
    "Format",
    "HeadMoved",
    "History",
    "InvalidArgument",
    "InvalidSetting",
    "KeyReused",
    "Message",
    "MessagePage",
    "MessageSlice",
    "Neighbour",
    "NewMessage",
    "NotFound",
    "NotReady",
    "NotReproducible",
    "Notes",
    "OutcomeUnknown",
    "Part",
    "Problem",
    "RecalledMessage",
    "Recollect",
    "RecollectError",
    "Role",
    "SearchHit",
    "SearchPage",
    "Settings",
    "Skipped",
    "Summary",
    "SummaryPage",
    "TooManyRequests",
    "Turn",
    "Unauthenticated",
    "Unavailable",
    "messages_from",
]

_LAZY = {
    "ExportPage": "recollect.history.export_verbs",
    "Format": "recollect.history.formats",
    "History": "recollect.history.history",
    "Recollect": "recollect.history.store",
    "Settings": "recollect.settings",
    "messages_from": "recollect.history.payloads",
}


def __getattr__(name: str) -> object:
    # What needs the driver or the settings is imported when first used: a stdio server answers
    # its client before it needs either.
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)

"""What comes out of other programs' exports, and what became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from recollect.models.conversation import Conversation, Summary
from recollect.models.message import NewMessage

MAX_PROBLEMS = 50
"""Problems of one conversation that are told one by one; more are counted."""


@dataclass(slots=True)
class Problem:
    """A piece of a source that could not be read. What is around it was read all the same.

    where:  the file, and the place in it.
    """

    where: str
    problem: str

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}"


@dataclass(slots=True)
class Skipped:
    """What is no conversation, such as an export's images and settings."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(slots=True)
class Stored:
    """How a message of our own export was stored: it is stored so again.

    fingerprint:  of the append that `key` names.
    """

    seq: int
    parent_seq: int
    created_at: datetime
    key: str | None = None
    fingerprint: bytes | None = None


@dataclass(slots=True)
class ImportedMessage:
    """One message of a source.

    id:      its id there, unique in its conversation.
    parent:  the id of the message it follows; None at the start.
    stored:  only in our own export.
    """

    id: str
    parent: str | None
    message: NewMessage
    stored: Stored | None = None


@dataclass(slots=True)
class Notes:
    """What was done to the pieces of one conversation, each kind with how often.

    converted:  has another shape here than in the source.
    left_out:   holds nothing that was said, such as an empty node.
    problems:   could not be imported, one line each; `more_problems` counts those not told.
    """

    converted: Counter[str] = field(default_factory=Counter[str])
    left_out: Counter[str] = field(default_factory=Counter[str])
    problems: list[str] = field(default_factory=list[str])
    more_problems: int = 0

    def fail(self, problem: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(problem)
        else:
            self.more_problems += 1


@dataclass(slots=True)
class ImportedConversation:
    """One conversation of a source, read while `messages` is iterated, once.

    source:      the program that it comes from; with `source_id` it decides the conversation's id
                 here, so that a second import finds the first.
    messages:    each after the one it follows.
    head:        the id of the message that the conversation ended with there; None: the last one.
    metadata:    kept with the conversation, `origin` among it.
    stored:      only in our own export: the conversation as it was stored, and its summaries.
    brief:       that export left out its instructions, or metadata: those that are here stay.

    All but `source` and `source_id` may change until `messages` has ended.
    """

    source: str
    source_id: str
    messages: Iterable[ImportedMessage]
    title: str | None = None
    instructions: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    head: str | None = None
    archived: bool = False
    pinned: bool = False
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])
    notes: Notes = field(default_factory=Notes)
    stored: Conversation | None = None
    brief: bool = False
    summaries: list[Summary] = field(default_factory=list[Summary])


Found = ImportedConversation | Problem | Skipped

Outcome = Literal["created", "added", "unchanged", "trashed", "failed"]


@dataclass(slots=True)
class ConversationReport:
    """What became of one conversation of a source.

    outcome:   created; added (it was here, and grew); unchanged; trashed (it is in the trash, where
               nothing changes); failed (nothing of it was imported, `notes.problems` says why).
    messages:  of the source that are here now; added: how many of them are new.
    """

    source: str
    source_id: str
    conversation_id: str
    title: str | None
    outcome: Outcome
    messages: int
    added: int
    notes: Notes


ImportReport = ConversationReport | Problem | Skipped


@dataclass(slots=True)
class ImportTotals:
    """What a whole import came to.

    problems:  pieces that could not be read or stored.
    """

    outcomes: Counter[str] = field(default_factory=Counter[str])
    messages: int = 0
    added: int = 0
    problems: int = 0

    def add(self, report: ImportReport) -> None:
        if isinstance(report, Problem):
            self.problems += 1
        elif isinstance(report, ConversationReport):
            self.outcomes[report.outcome] += 1
            self.messages += report.messages
            self.added += report.added
            self.problems += len(report.notes.problems) + report.notes.more_problems

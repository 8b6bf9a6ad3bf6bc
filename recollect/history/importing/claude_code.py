"""Claude Code's sessions: JSON lines, one file a session, under `~/.claude/projects`.

Each line has a `uuid` and the `parentUuid` that it follows. One answer of the model is several lines
with the same `message.id`, a block each; here it is one message, so that its calls stand together
and their results after them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from recollect.history.formats import anthropic
from recollect.history.formats.rendered import JsonObject
from recollect.history.importing.blocks import block_parts
from recollect.history.importing.elements import Element
from recollect.history.importing.format import Elements, ImportFormat
from recollect.history.importing.values import items, kept, obj, text, time
from recollect.models.errors import InvalidArgument
from recollect.models.imported import Found, ImportedConversation, ImportedMessage, Problem
from recollect.models.message import NewMessage

SOURCE = "claude-code"
TITLE_CHARS = 80

_SESSION = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TYPES = ("user", "assistant", "system", "summary", "attachment", "progress", "file-history-snapshot")


def matches(value: JsonObject) -> bool:
    if value.get("type") == "summary":
        return "leafUuid" in value
    return "sessionId" in value and value.get("type") in _TYPES and "payload" not in value


def read(elements: Elements, stem: str) -> Iterator[Found]:
    """One conversation. Its title stands at the end of the file, as often as not."""
    session = _Session(stem)
    session.found.messages = session.messages(elements)
    yield session.found
    yield from session.broken


@dataclass(slots=True)
class _Answer:
    """An answer of the model, of which lines are still coming."""

    id: str
    parent: str | None
    line: JsonObject
    blocks: list[Any] = field(default_factory=list[Any])


class _Session:
    def __init__(self, stem: str) -> None:
        named = _SESSION.fullmatch(stem) or stem.startswith("agent-")
        self.found = ImportedConversation(SOURCE, stem if named else "", ())
        self.broken: list[Problem] = []
        self._stem = stem
        self._follows: dict[str, str | None] = {}
        """Of every line, the message that it became or that came before it."""
        self._last: dict[str, str] = {}
        """Of an answer by its message's id, the last of the messages that belong to its exchange."""
        self._answers: dict[str, str] = {}
        """Of a message in an exchange, the answer's id."""
        self._lines: dict[str, int] = {}
        """Of every line by its uuid, a hash of what it says."""
        self._titled = 0

    def messages(self, elements: Elements) -> Iterator[ImportedMessage]:
        answer: _Answer | None = None
        for element in elements:
            if isinstance(element, Problem):
                self.broken.append(element)
                continue
            for note in element.notes:
                self.found.notes.converted[note] += 1
            line = element.value
            self._look(line)
            if self._comes_again(line, element):
                continue
            kind = line.get("type")
            said = _said(line)
            if kind == "assistant" and answer is not None and self._goes_on(answer, line, said):
                answer.blocks += self._blocks(said)
                self._follows[str(line.get("uuid"))] = answer.id
                continue
            if said:
                if answer is not None:
                    yield from self._finished(answer)
                    answer = None
                if kind == "assistant":
                    answer = self._begun(line, said, element)
                else:
                    yield from self._users(line, said, element)
            else:
                self._pass_over(line)
        if answer is not None:
            yield from self._finished(answer)

    def _look(self, line: JsonObject) -> None:
        """What a line says of the session as a whole."""
        found = self.found
        if not found.source_id:
            found.source_id = text(line, "sessionId") or self._stem
        at = time(line.get("timestamp"))
        if at is not None:
            found.created_at = at if found.created_at is None else min(at, found.created_at)
            found.updated_at = at if found.updated_at is None else max(at, found.updated_at)
        for rank, name in ((3, "customTitle"), (2, "aiTitle"), (1, "summary")):
            words = text(line, name)
            if words and line.get("type") in ("custom-title", "ai-title", "summary") and rank >= self._titled:
                found.title, self._titled = words, rank
        for name, field_name in (("cwd", "cwd"), ("git_branch", "gitBranch"), ("version", "version")):
            if name not in found.metadata and (words := text(line, field_name)):
                found.metadata[name] = words
        if "session" not in found.metadata and found.source_id.startswith("agent-"):
            found.metadata |= kept(session=text(line, "sessionId"))

    def _comes_again(self, line: JsonObject, element: Element) -> bool:
        """Whether a line is there already, as in files of sessions that were resumed."""
        uuid = text(line, "uuid")
        if uuid is None:
            return False
        said = hash(str(_said(line)))
        if uuid not in self._lines:
            self._lines[uuid] = said
            return False
        if self._lines[uuid] == said:
            self.found.notes.left_out["lines that come twice"] += 1
        else:
            self.found.notes.fail(f"{element.where}: message {uuid} comes twice; the first one stays")
        return True

    def _goes_on(self, answer: _Answer, line: JsonObject, said: JsonObject) -> bool:
        same = text(said, "id") is not None and said.get("id") == obj(answer.line, "message").get("id")
        return same and self._follows.get(str(line.get("parentUuid"))) == answer.id

    def _blocks(self, said: JsonObject) -> list[Any]:
        content = said.get("content")
        return [{"type": "text", "text": content}] if isinstance(content, str) else items(said, "content")

    def _begun(self, line: JsonObject, said: JsonObject, element: Element) -> _Answer:
        id = _id(line, element)
        parent = self._parent(line)
        model_id = text(said, "id")
        if model_id is not None and parent is not None and self._answers.get(parent) == model_id:
            parent = self._last[model_id]  # the same answer goes on after a result
        self._follows[id] = id
        if model_id is not None:
            self._answers[id] = model_id
            self._last[model_id] = id
        return _Answer(id, parent, line, self._blocks(said))

    def _finished(self, answer: _Answer) -> Iterator[ImportedMessage]:
        said = obj(answer.line, "message")
        new = self._read({"role": "assistant", "content": answer.blocks}, answer.id)
        if new is None:
            self._follows[answer.id] = answer.parent
            return
        new.metadata = self._metadata(answer.line) | kept(
            model=text(said, "model"), stop_reason=text(said, "stop_reason"), usage=obj(said, "usage")
        )
        new.occurred_at = time(answer.line.get("timestamp"))
        yield ImportedMessage(answer.id, answer.parent, new)

    def _users(self, line: JsonObject, said: JsonObject, element: Element) -> Iterator[ImportedMessage]:
        id = _id(line, element)
        parent = self._parent(line)
        new = self._read({"role": "user", "content": said.get("content")}, id)
        if new is None:
            self._follows[id] = parent
            return
        if "toolUseResult" in line:
            self.found.notes.left_out["toolUseResult, which repeats results in another shape"] += 1
        if new.role == "tool" and parent is not None and (answer := self._answers.get(parent)) is not None:
            # Results of one answer's calls name the line of their call; here they stand in a row.
            parent = self._last[answer]
            self._answers[id] = answer
            self._last[answer] = id
        elif self.found.title is None and not line.get("isMeta") and isinstance(new.content, str):
            self.found.title = " ".join(new.content.split())[:TITLE_CHARS] or None
        new.metadata = self._metadata(line)
        new.occurred_at = time(line.get("timestamp"))
        self._follows[id] = id
        yield ImportedMessage(id, parent, new)

    def _pass_over(self, line: JsonObject) -> None:
        kind = str(line.get("type"))[:40]
        uuid = text(line, "uuid")
        if uuid is not None:
            self._follows[uuid] = self._parent(line)
        self.found.notes.left_out[f"lines of the type {kind!r}, which are no messages"] += 1

    def _parent(self, line: JsonObject) -> str | None:
        # After a compaction the line before is named apart.
        return self._follows.get(text(line, "parentUuid", "logicalParentUuid") or "")

    def _read(self, entry: JsonObject, id: str) -> NewMessage | None:
        if not entry["content"]:
            self.found.notes.left_out["messages without content"] += 1
            return None
        try:
            return anthropic.incoming([entry], "messages")[0]
        except InvalidArgument as error:
            parts = block_parts(entry["content"], SOURCE, id, self.found.notes)
            if not parts:
                self.found.notes.fail(f"message {id}: {error.argument}: {error.problem}")
                return None
            self.found.notes.converted["messages that the API would refuse, kept as far as they go"] += 1
            results = all(part["type"] == "tool_result" for part in parts)
            role = "tool" if results and entry["role"] == "user" else entry["role"]
            return NewMessage(role, parts)

    def _metadata(self, line: JsonObject) -> JsonObject:
        return kept(
            sidechain=line.get("isSidechain") is True,
            meta=line.get("isMeta") is True,
            compact_summary=line.get("isCompactSummary") is True,
            request_id=text(line, "requestId"),
            permission_mode=text(line, "permissionMode"),
            queued=line.get("type") == "attachment",
        )


def _id(line: JsonObject, element: Element) -> str:
    """The id of a line; of one without, its number, wherever the file lies."""
    return text(line, "uuid") or element.where.rpartition(", ")[2]


def _said(line: JsonObject) -> JsonObject:
    """The message of a line; empty where it is none. What a user typed while the model was at work stands
    in an attachment."""
    if line.get("type") in ("user", "assistant"):
        return obj(line, "message")
    attached = obj(line, "attachment") if line.get("type") == "attachment" else {}
    prompt = attached.get("prompt") if attached.get("type") == "queued_command" else None
    return {"role": "user", "content": prompt} if prompt else {}


FORMAT = ImportFormat("Claude Code's session files", matches, read)

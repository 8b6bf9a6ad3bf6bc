"""Codex's sessions: `rollout-….jsonl` under `~/.codex/sessions`, one file a session.

Lines are {timestamp, type, payload}: what was said stands in `response_item`; `event_msg` repeats it
for the screen. The oldest files have the items themselves as lines, after one with the session's id.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from recollect.history.formats import openai_responses
from recollect.history.formats.payload import other
from recollect.history.formats.rendered import JsonObject
from recollect.history.importing.claude_code import TITLE_CHARS
from recollect.history.importing.format import Elements, ImportFormat
from recollect.history.importing.values import kept, obj, text, time
from recollect.models.errors import InvalidArgument
from recollect.models.imported import Found, ImportedConversation, ImportedMessage, Problem
from recollect.models.message import NewMessage

SOURCE = "codex"

_TYPES = ("session_meta", "response_item", "event_msg", "turn_context", "compacted")
_ITEMS = ("message", "reasoning", "function_call", "function_call_output", "local_shell_call")
_AROUND = re.compile(r"<(environment_context|user_instructions|INSTRUCTIONS|turn_aborted|skill)\b")
"""What Codex says in the user's name."""


def matches(value: JsonObject) -> bool:
    if value.get("type") in _TYPES and isinstance(value.get("payload"), dict):
        return True
    return isinstance(value.get("id"), str) and "instructions" in value and "timestamp" in value


def read(elements: Elements, stem: str) -> Iterator[Found]:
    """One conversation."""
    session = _Session(stem)
    session.found.messages = session.messages(elements)
    yield session.found
    yield from session.broken


class _Session:
    def __init__(self, stem: str) -> None:
        self.found = ImportedConversation(SOURCE, stem.removeprefix("rollout-"), ())
        self.broken: list[Problem] = []
        self._model: str | None = None
        self._run: list[JsonObject] = []
        """Items that the model made one after the other: one message."""
        self._run_id = self._before = ""
        self._run_at: object = None
        self._known = False

    def messages(self, elements: Elements) -> Iterator[ImportedMessage]:
        number = 0
        for element in elements:
            if isinstance(element, Problem):
                self.broken.append(element)
                continue
            number += 1  # of the lines that can be read: files are only ever appended to
            line = element.value
            for note in element.notes:
                self.found.notes.converted[note] += 1
            item = self._item(line)
            if item is None:
                continue
            if _is_models(item):
                if not self._run:
                    self._run_id, self._run_at = f"line-{number}", line.get("timestamp")
                self._run.append(item)
                continue
            yield from self._close_run()
            yield from self._said([item], f"line-{number}", line.get("timestamp"))
        yield from self._close_run()

    def _item(self, line: JsonObject) -> JsonObject | None:
        """The item of a line, where it holds one."""
        at = time(line.get("timestamp"))
        if at is not None:
            self.found.created_at = self.found.created_at or at
            self.found.updated_at = at
        kind = text(line, "type")
        payload = obj(line, "payload")
        if kind == "response_item":
            return payload
        if kind in _ITEMS and "payload" not in line:
            return line
        if kind == "session_meta" or (kind is None and "instructions" in line):
            self._look(payload or line)
        elif kind == "turn_context":
            self._model = text(payload, "model") or self._model
        elif kind == "event_msg":
            self.found.notes.left_out["lines of the type 'event_msg', which repeat what was said"] += 1
        elif "record_type" not in line:
            self.found.notes.left_out[f"lines of the type {str(kind)[:40]!r}"] += 1
        return None

    def _look(self, meta: JsonObject) -> None:
        found = self.found
        if self._known:  # a session that was resumed from another repeats that one's
            return
        self._known = True
        found.source_id = text(meta, "id") or found.source_id
        git = obj(meta, "git")
        found.instructions = text(meta, "instructions") or text(obj(meta, "base_instructions"), "text")
        found.metadata |= kept(
            cwd=text(meta, "cwd"),
            version=text(meta, "cli_version"),
            git_branch=text(git, "branch"),
            forked_from=text(meta, "forked_from_id"),
        )

    def _close_run(self) -> Iterator[ImportedMessage]:
        if self._run:
            run, self._run = self._run, []
            yield from self._said(run, self._run_id, self._run_at)

    def _said(self, items: list[JsonObject], id: str, at: object) -> Iterator[ImportedMessage]:
        try:
            (new,) = openai_responses.incoming(items, "items")
        except InvalidArgument as error:
            self.found.notes.converted[
                f"items that the API would refuse ({error.problem[:80]}), as they were"
            ] += 1
            role = "assistant" if _is_models(items[0]) else "user"
            new = NewMessage(role, [other("openai_responses", item) for item in items])
        if new.role == "assistant":
            new.metadata = kept(model=self._model)
        new.occurred_at = time(at)
        words = (
            "".join(part.get("text", "") for part in new.content if part["type"] == "text")
            if isinstance(new.content, list)
            else new.content
        )
        if self.found.title is None and new.role == "user" and not _AROUND.match(words.lstrip()):
            self.found.title = " ".join(words.split())[:TITLE_CHARS] or None
        yield ImportedMessage(id, self._before or None, new)
        self._before = id


def _is_models(item: JsonObject) -> bool:
    kind = text(item, "type") or "message"
    return item.get("role") == "assistant" if kind == "message" else not kind.endswith("_output")


FORMAT = ImportFormat("Codex's session files", matches, read)

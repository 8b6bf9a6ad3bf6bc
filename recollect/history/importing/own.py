"""Our own export: JSON lines that begin with {"recollect_export": 1}; see `recollect.history.exporting`.

Also the one JSON object of `recollect export --format json`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, cast

from recollect.history.formats.rendered import JsonObject
from recollect.history.importing.elements import Element
from recollect.history.importing.format import Elements, ImportFormat
from recollect.history.importing.values import items, obj, text
from recollect.history.incoming import (
    INFINITIES,
    MAX_INSTRUCTIONS_CHARS,
    check_int,
    check_moment,
    check_text,
    message_from_json,
)
from recollect.history.scope import MAX_ID_CHARS
from recollect.models.conversation import Conversation, Summary
from recollect.models.errors import InvalidArgument
from recollect.models.imported import Found, ImportedConversation, ImportedMessage, Problem, Stored

SOURCE = "recollect"
VERSION = 1
MAX_SEQ = 2**31 - 1

PLACE_FIELDS = ("seq", "parent_seq", "key", "fingerprint", "created_at")


def matches(value: JsonObject) -> bool:
    return "recollect_export" in value


def read(elements: Elements, stem: str) -> Iterator[Found]:
    for element in elements:
        if isinstance(element, Problem):
            yield element
        elif element.value.get("recollect_export") != VERSION:
            version = str(element.value.get("recollect_export"))[:20]
            yield Problem(element.where, f"is an export of version {version}; this Recollect reads {VERSION}")
            return
        elif "conversations" in element.value:
            yield from _Reader(_lines_of(element)).conversations()
            return
        else:
            yield from _Reader(elements).conversations()
            return


def _lines_of(element: Element) -> Elements:
    """The one object of a JSON export, as the lines of the other."""
    found = items(element.value, "conversations")
    messages = summaries = 0
    for index, value in enumerate(found):
        where = f"{element.where}, conversation {index + 1}"
        whole = cast("JsonObject", value) if isinstance(value, dict) else {}
        yield Element(
            {"conversation": {k: v for k, v in whole.items() if k not in ("messages", "summaries")}}, where
        )
        for kind in ("messages", "summaries"):
            yield from (
                Element({kind.replace("ies", "ys")[:-1]: inner}, where) for inner in items(whole, kind)
            )
        messages += len(items(whole, "messages"))
        summaries += len(items(whole, "summaries"))
    yield Element(
        {"end": {"conversations": len(found), "messages": messages, "summaries": summaries}}, element.where
    )


class _Reader:
    """Reads the lines after the first; a conversation's messages while they are iterated."""

    def __init__(self, elements: Elements) -> None:
        self._elements = elements
        self._next: Element | None = None
        self._problems: list[Problem] = []
        self._counts = {"conversations": 0, "messages": 0, "summaries": 0}

    def conversations(self) -> Iterator[Found]:
        end: object = None
        where = ""
        while (line := self._line()) is not None:
            where = line.where
            if "conversation" in line.value:
                self._counts["conversations"] += 1
                found = self._conversation(line)
                yield found if found is not None else self._problems.pop()
            elif "end" in line.value:
                end = line.value["end"]
            elif "message" in line.value or "summary" in line.value:
                self._counts["messages" if "message" in line.value else "summaries"] += 1
            elif "more" not in line.value:  # as between the pages of export_conversation
                self._problems.append(Problem(line.where, "is no line of this export"))
            yield from self._problems
            self._problems.clear()
        yield from self._problems
        if end is None:
            yield Problem(where or "the export", "it ends without its last line: the file was cut off")
        elif end != (found := self._counted_in(end)):
            yield Problem(where, f"it says that it holds {end}; found were {found}")

    def _counted_in(self, end: object) -> dict[str, int]:
        """What was found, of what the last line counts: that of an export in pages may count less."""
        named = {name: count for name, count in self._counts.items() if isinstance(end, dict) and name in end}
        return named or self._counts

    def _line(self) -> Element | None:
        if self._next is not None:
            line, self._next = self._next, None
            return line
        for element in self._elements:
            if isinstance(element, Element):
                return element
            self._problems.append(element)
        return None

    def _conversation(self, line: Element) -> ImportedConversation | None:
        """The conversation; where its line is wrong None, and its messages are passed over."""
        try:
            stored = conversation_of(obj(line.value, "conversation"))
        except InvalidArgument as error:
            self._problems.append(Problem(line.where, f"conversation.{error.argument}: {error.problem}"))
            return None
        found = ImportedConversation(SOURCE, stored.id, (), title=stored.title, stored=stored)
        found.messages = self._messages(found)
        return found

    def _messages(self, found: ImportedConversation) -> Iterator[ImportedMessage]:
        last = 0
        keys: set[str] = set()
        while (line := self._line()) is not None:
            if "more" in line.value:
                left_out = obj(line.value, "more")
                if "left_out" in left_out:
                    found.brief |= not {"seq", "summary_upto"} & left_out.keys()
                    found.notes.fail(f"{line.where}: names something that no page of this export held")
                continue
            if "message" not in line.value and "summary" not in line.value:
                self._next = line
                return
            for note in line.notes:
                found.notes.converted[note] += 1
            try:
                if "summary" in line.value:
                    self._counts["summaries"] += 1
                    found.summaries.append(summary_of(obj(line.value, "summary")))
                    continue
                self._counts["messages"] += 1
                said = message_of(obj(line.value, "message"))
                place = said.stored
                if place is None or place.seq <= last or (place.key is not None and place.key in keys):
                    raise InvalidArgument("seq", "comes twice, or out of order")
                last = place.seq
                if place.key is not None:
                    keys.add(place.key)
            except InvalidArgument as error:
                found.notes.fail(f"{line.where}: {error.argument}: {error.problem}")
            else:
                yield said


def conversation_of(fields: JsonObject) -> Conversation:
    """A conversation out of a line. Raises: InvalidArgument."""
    for name in ("pinned", "linear"):
        if not isinstance(fields.get(name, False), bool):
            raise InvalidArgument(name, "must be true or false")
    metadata: object = fields.get("metadata", {})
    if not isinstance(metadata, dict):
        raise InvalidArgument("metadata", "must be an object")
    numbers = {
        name: check_int(name, fields.get(name), 0, MAX_SEQ)
        for name in ("last_seq", "head_seq", "message_count")
    }
    if max(numbers["head_seq"], numbers["message_count"]) > numbers["last_seq"]:
        raise InvalidArgument("last_seq", "is less than head_seq or message_count")
    forked, forked_seq = fields.get("forked_from"), fields.get("forked_seq")
    return Conversation(
        id=check_text("id", fields.get("id"), MAX_ID_CHARS),
        title=None if fields.get("title") is None else check_text("title", fields["title"], 10_000),
        instructions=None
        if fields.get("instructions") is None
        else check_text("instructions", fields["instructions"], MAX_INSTRUCTIONS_CHARS),
        metadata=cast("dict[str, Any]", metadata),
        pinned=fields.get("pinned", False),
        archived_at=_time(fields, "archived_at"),
        deleted_at=_time(fields, "deleted_at"),
        created_at=_moment(fields, "created_at"),
        updated_at=_moment(fields, "updated_at"),
        linear=fields.get("linear", True),
        forked_from=None if forked is None else check_text("forked_from", forked, MAX_ID_CHARS),
        forked_seq=None if forked_seq is None else check_int("forked_seq", forked_seq, 0, MAX_SEQ),
        **numbers,
    )


def message_of(fields: JsonObject) -> ImportedMessage:
    """A message out of a line. Raises: InvalidArgument."""
    seq = check_int("seq", fields.get("seq"), 1, MAX_SEQ // 2)  # the conversation is to grow here
    if not isinstance(fields.get("author", ""), str | None):
        raise InvalidArgument("author", "must be a string")
    if not isinstance(fields.get("metadata"), dict | None):
        raise InvalidArgument("metadata", "must be an object")
    parent = check_int("parent_seq", fields.get("parent_seq", seq - 1), 0, seq - 1)
    key = None if fields.get("key") is None else check_text("key", fields["key"], MAX_ID_CHARS)
    hexadecimal = text(fields, "fingerprint")
    if (key is None) != (hexadecimal is None):
        raise InvalidArgument("key", "comes with a fingerprint")
    try:
        fingerprint = None if hexadecimal is None else bytes.fromhex(hexadecimal)
    except ValueError as error:
        raise InvalidArgument("fingerprint", "must be hexadecimal") from error
    said = {name: value for name, value in fields.items() if name not in PLACE_FIELDS}
    stored = Stored(seq, parent, _moment(fields, "created_at"), key, fingerprint)
    return ImportedMessage(str(seq), str(parent), message_from_json(said, "message"), stored)


def summary_of(fields: JsonObject) -> Summary:
    """A summary out of a line. Raises: InvalidArgument."""
    return Summary(
        check_int("upto_seq", fields.get("upto_seq"), 1, MAX_SEQ),
        check_text("content", fields.get("content"), 1_000_000),
        check_int("token_count", fields.get("token_count"), 0, MAX_SEQ),
        _moment(fields, "created_at"),
    )


def _moment(fields: JsonObject, name: str) -> datetime:
    found = _time(fields, name)
    if found is None:
        raise InvalidArgument(name, "is missing")
    return found


def _time(fields: JsonObject, name: str) -> datetime | None:
    value = fields.get(name)
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(value)
        if found.tzinfo is not None and check_moment(name, found) not in INFINITIES:
            return found
    except (TypeError, ValueError):
        pass
    raise InvalidArgument(name, "must be ISO 8601 with a time zone")


FORMAT = ImportFormat("Recollect's own export", matches, read)

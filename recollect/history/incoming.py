"""What callers hand over: checked, measured, and turned into the rows of an append."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, cast, get_args

from recollect.history.tokens import estimate_message, least
from recollect.models.batch import Batch
from recollect.models.errors import InvalidArgument
from recollect.models.message import ROLES, NewMessage, Part, Role
from recollect.models.parts import check_storable, dump_json, split_content
from recollect.models.terms import terms_of
from recollect.settings import Settings

FIELDS = {"role": 0, "content": 0, "author": 0, "metadata": 0, "token_count": 0, "occurred_at": 0}.keys()
MAX_TOKEN_COUNT = 2**31 - 1
MAX_INSTRUCTIONS_CHARS = 200_000

INFINITIES = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
"""The moments that the driver sends as infinities."""


class Row(NamedTuple):
    """The columns of one message; see `Batch`."""

    role: str
    author: str | None
    text: str
    parts: str | None
    token_count: int
    metadata: str | None
    occurred_at: datetime | None


def message_from_json(value: object, argument: str) -> NewMessage:
    """A `NewMessage` out of a JSON object {role, content, author?, metadata?, token_count?, occurred_at?}.

    Raises: InvalidArgument that names the field, such as `messages[2].role`.
    """
    if not isinstance(value, dict):
        raise InvalidArgument(argument, 'must be an object such as {"role": "user", "content": "…"}')
    fields = cast("dict[str, Any]", value)
    unknown = [name for name in fields if name not in FIELDS]
    if unknown:
        named = json.dumps(unknown[0][:60])
        raise InvalidArgument(
            argument,
            f"has no field {named}; a message has {', '.join(FIELDS)}. For a provider's own messages say so "
            "with format",
        )
    for name in ("role", "content"):
        if name not in fields:
            raise InvalidArgument(f"{argument}.{name}", "is missing")
    occurred_at = fields.get("occurred_at")
    if isinstance(occurred_at, str):
        try:
            occurred_at = datetime.fromisoformat(occurred_at)
        except ValueError as error:
            raise InvalidArgument(f"{argument}.occurred_at", "must be ISO 8601 with a time zone") from error
    return NewMessage(
        role=fields["role"],
        content=fields["content"],
        author=fields.get("author"),
        metadata=fields.get("metadata"),
        token_count=fields.get("token_count"),
        occurred_at=occurred_at,
    )


def moment(argument: str, value: str) -> datetime:
    """A time out of an ISO date or time; UTC where it has no zone. Raises: InvalidArgument."""
    try:
        at = datetime.fromisoformat(value)
    except ValueError as error:
        raise InvalidArgument(argument, "must be an ISO date or time, such as 2026-11-23") from error
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def check_moment(argument: str, value: object) -> datetime:
    """A time that the database holds. Raises: InvalidArgument."""
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise InvalidArgument(argument, "must be a time with a time zone")
    try:
        value.astimezone(UTC)
    except OverflowError as error:
        raise InvalidArgument(argument, "is before the year 1 or after 9999 in UTC") from error
    return value


def _check_occurred(argument: str, value: object) -> None:
    """A moment that has a date."""
    if check_moment(argument, value) in INFINITIES:
        raise InvalidArgument(argument, "is the first or the last moment there can be; leave it out")


def prepare(messages: Sequence[NewMessage], key: str | None, settings: Settings) -> Batch:
    """Check the messages of one append and make their columns. Nothing is sent before all pass.

    Raises: InvalidArgument that names the message and the field.
    """
    if not isinstance(cast("object", messages), Collection):
        raise InvalidArgument("messages", "must be a NewMessage or a list of them")
    if not messages:
        raise InvalidArgument("messages", "is empty; an append needs at least one message")
    if len(messages) > settings.max_batch_messages:
        raise InvalidArgument(
            "messages",
            f"holds {len(messages)}, more than the {settings.max_batch_messages} of one append; send several",
        )
    batch = Batch()
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        _add(batch, row_of(where, _new_message(where, message), settings))
    if key is not None:
        batch.fingerprint = _fingerprint(batch, messages)
    return batch


def _new_message(where: str, value: object) -> NewMessage:
    if not isinstance(value, NewMessage):
        raise InvalidArgument(where, "must be a NewMessage; messages_from(…) makes them of JSON")
    return value


def check_text(argument: str, value: object, longest: int) -> str:
    """A string of 1 to `longest` characters that a text column can hold. Raises: InvalidArgument."""
    if not isinstance(value, str) or not value:
        raise InvalidArgument(argument, f"must be a string of 1 to {longest} characters")
    if len(value) > longest:
        raise InvalidArgument(argument, f"is {len(value)} characters long; the limit is {longest}")
    check_storable(argument, value)
    return value


def check_title(title: object, settings: Settings) -> str:
    return check_text("title", title, settings.max_title_chars)


def check_instructions(instructions: object) -> str:
    return check_text("instructions", instructions, MAX_INSTRUCTIONS_CHARS)


def check_int(argument: str, value: object, lowest: int, highest: int) -> int:
    """An integer within bounds. Raises: InvalidArgument."""
    if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
        raise InvalidArgument(argument, f"must be an integer from {lowest} to {highest}")
    return value


def check_flag(argument: str, value: object) -> bool:
    """True or false, and nothing that only counts as such. Raises: InvalidArgument."""
    if not isinstance(value, bool):
        raise InvalidArgument(argument, "must be true or false")
    return value


def check_metadata(argument: str, value: object, settings: Settings) -> str:
    """A JSON object as text, within the limit of size. Raises: InvalidArgument."""
    if not isinstance(value, dict):
        raise InvalidArgument(argument, "must be a JSON object")
    stored = dump_json(argument, cast("object", value))
    if len(stored) > settings.max_metadata_bytes:
        raise InvalidArgument(
            argument, f"is {len(stored)} bytes as JSON; the limit is {settings.max_metadata_bytes}"
        )
    return stored


def row_of(where: str, message: NewMessage, settings: Settings) -> Row:
    """One message checked and measured. Raises: InvalidArgument that names the field."""
    if message.role not in get_args(Role):
        raise InvalidArgument(f"{where}.role", f"must be one of {', '.join(ROLES)}")
    text, parts = split_content(f"{where}.content", message.content)
    size = len(text.encode()) + len(parts or "")
    if size > settings.max_message_bytes:
        raise InvalidArgument(
            f"{where}.content",
            f"is {size} bytes; the limit is {settings.max_message_bytes}. Split it or store a link",
        )
    if message.occurred_at is not None:
        _check_occurred(f"{where}.occurred_at", message.occurred_at)
    content = message.content if isinstance(message.content, list) else None
    metadata = (
        "{}" if message.metadata is None else check_metadata(f"{where}.metadata", message.metadata, settings)
    )
    return Row(
        message.role,
        None if message.author is None else check_text(f"{where}.author", message.author, 200),
        text,
        parts,
        estimate_message(text, content)
        if message.token_count is None
        else max(check_int(f"{where}.token_count", message.token_count, 0, MAX_TOKEN_COUNT), least(text)),
        None if metadata == "{}" else metadata,
        message.occurred_at,
    )


def _add(batch: Batch, row: Row) -> None:
    batch.roles.append(row.role)
    batch.authors.append(row.author)
    batch.texts.append(row.text)
    batch.parts.append(row.parts)
    batch.token_counts.append(row.token_count)
    batch.metadata.append(row.metadata)
    batch.occurred_at.append(row.occurred_at)
    terms, language = terms_of(row.text, row.author)
    batch.terms.append(terms)
    batch.languages.append(language)


def _fingerprint(batch: Batch, messages: Sequence[NewMessage]) -> bytes:
    """A hash of everything that the caller said: the same append gives the same, whatever the
    version of the estimator and whatever the order of keys in its objects."""
    digest = hashlib.blake2b(digest_size=16)
    for index, message in enumerate(messages):
        said: list[Part | str | int | dict[str, Any] | list[Part] | None] = [
            message.role,
            message.content,
            message.author,
            message.metadata or None,
            message.token_count,
            None if (at := batch.occurred_at[index]) is None else at.isoformat(),
        ]
        digest.update(json.dumps(said, sort_keys=True, separators=(",", ":")).encode())
        digest.update(b"\n")
    return digest.digest()

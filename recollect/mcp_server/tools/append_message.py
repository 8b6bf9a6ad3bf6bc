"""The tool append_message."""

from __future__ import annotations

from typing import Annotated

from mcp.types import CallToolResult
from pydantic import Field

from recollect.mcp_server.answer import acknowledge
from recollect.mcp_server.backend import History
from recollect.mcp_server.given import json_object, new_message
from recollect.mcp_server.strict_tool import ADDS, Definition
from recollect.mcp_server.tools.parameters import (
    AfterSeq,
    Content,
    ConversationId,
    ExpectedHead,
    JsonMetadata,
    Key,
    OnConflict,
    Role,
)
from recollect.models.as_json import appended_fields, without_nulls
from recollect.models.errors import InvalidArgument
from recollect.models.message import Appended


async def append_message(
    history: History,
    conversation_id: ConversationId,
    role: Role,
    content: Annotated[
        Content,
        Field(
            description="Text, kept exactly; or parts: {type: text, text}, {type: tool_call, id, name, "
            "arguments}, {type: tool_result, call_id, content}, {type: image|file|…}."
        ),
    ],
    author: Annotated[str | None, Field(description="Who spoke, where a role has several.")] = None,
    metadata: Annotated[JsonMetadata, Field(description="Kept with the message.")] = None,
    key: Key = None,
    expected_head: ExpectedHead = None,
    on_conflict: OnConflict = "reject",
    after_seq: AfterSeq = None,
) -> CallToolResult:
    """Store one message at the end of a conversation, such as what the user just said, before you
    answer. At most 10 MB. Returns {conversation_id, first_seq, last_seq, head}; seq counts
    1, 2, 3 without gaps. Stored messages never change."""
    fields = without_nulls(
        role=role,
        content=content,
        author=author,
        metadata=None if metadata is None else json_object("metadata", metadata),
    )
    try:
        appended = await history.append(
            conversation_id,
            new_message(fields),
            key=key,
            expected_head=expected_head,
            on_conflict=on_conflict,
            after_seq=after_seq,
        )
    except InvalidArgument as error:  # named as in a list of messages, which this call has not
        raise InvalidArgument(error.argument.removeprefix("messages[0]."), error.problem) from error
    return acknowledge_append(appended)


def acknowledge_append(appended: Appended) -> CallToolResult:
    """Where the messages are, and the head for the next append; how to go on from a branch."""
    fields = appended_fields(appended)
    if appended.branched:
        fields["note"] = (
            f"The head stays on the other branch. To go on from here: update_conversation(head="
            f"{appended.last_seq}), or append with expected_head={appended.last_seq}, on_conflict=branch."
        )
    return acknowledge(fields)


DEFINITION = Definition(append_message, ADDS)

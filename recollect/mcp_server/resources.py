"""Conversations as resources, for people who attach them to a chat, and completion of their ids."""

from __future__ import annotations

import logging
from functools import partial
from typing import Annotated
from urllib.parse import quote, unquote

from mcp.server.mcpserver.exceptions import ResourceError
from mcp.server.mcpserver.resources import ResourceSecurity
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INVALID_PARAMS,
    Completion,
    CompletionArgument,
    CompletionContext,
    ListResourcesResult,
    PromptReference,
    Resource,
    ResourceTemplateReference,
)
from mcp.types import Annotations as ResourceAnnotations
from pydantic import Field

from recollect.history.formats import text
from recollect.mcp_server import render
from recollect.mcp_server.boundary import explain, explain_resource
from recollect.mcp_server.prompts import RESUME
from recollect.mcp_server.server import RecollectServer
from recollect.mcp_server.strict_tool import Reach
from recollect.mcp_server.tools.list_conversations import what_fits
from recollect.models.conversation import Conversation
from recollect.models.errors import InvalidArgument, NotReady, RecollectError, Unavailable

CONVERSATIONS = "recollect://conversations"
TEMPLATE = "recollect://conversations/{id}{?before}"
EXPORT = "recollect://conversations/{id}/export"
MAX_EXPORT_CHARS = 20_000_000

PAGE = 50
"""Conversations listed at a time, and messages of one read."""

CUT_AT = 4_000
"""Characters of one message that a read shows; read_message has the rest."""

MAX_COMPLETIONS = 20

logger = logging.getLogger(__name__)


def add_resources(server: RecollectServer, reach: Reach) -> None:
    """Give the server its resources and its completion."""

    @server.resource(
        CONVERSATIONS,
        name="conversations",
        title="Recent conversations",
        description="The latest conversations: id, title, message count, head, last activity.",
        mime_type="text/plain",
    )
    async def conversations() -> str:
        try:
            # Fresh: whoever subscribed was just told of a change, and is not told again.
            listed = partial((await reach()).list, fresh=True)
            return await what_fits(listed, PAGE)
        except RecollectError as error:
            raise explain_resource(error) from error

    @server.resource(
        TEMPLATE,
        name="conversation",
        title="One conversation",
        description="The newest messages of a conversation; before=SEQ pages back.",
        mime_type="text/plain",
        # An id is a key of the database, never a path: "..", "/" and the like are allowed in it.
        security=ResourceSecurity(exempt_params={"id"}),
    )
    async def conversation(id: str, before: Annotated[str | None, Field()] = None) -> str:
        try:
            page = await (await reach()).list_messages(id, before=_seq(before), limit=PAGE, max_chars=CUT_AT)
        except RecollectError as error:
            raise explain_resource(error) from error
        newest_first = sorted(page.messages, key=lambda message: -message.seq)
        shown = render.what_fits(page, newest_first, lambda message: render.block(message, CUT_AT))
        return render.page(page, shown, uri_of(id))

    @server.resource(
        EXPORT,
        name="export",
        title="Export of a conversation",
        description="A whole conversation, exactly, as JSON lines; `recollect import` reads them.",
        mime_type="application/x-ndjson",
        security=ResourceSecurity(exempt_params={"id"}),
    )
    async def export(id: str) -> str:
        pieces: list[str] = []
        size = 0
        try:
            async for piece in (await reach()).export(id=id):
                size += len(piece)
                if size > MAX_EXPORT_CHARS:
                    raise ResourceError(
                        f"this conversation is larger than {MAX_EXPORT_CHARS} characters; "
                        "export_conversation gives it in pages, `recollect export` as a file"
                    )
                pieces.append(piece)
        except RecollectError as error:
            raise explain_resource(error) from error
        return "".join(pieces)

    async def list_page(cursor: str | None) -> ListResourcesResult:
        try:
            page = await (await reach()).list(limit=PAGE, cursor=cursor, fresh=True)
        except (NotReady, Unavailable) as error:
            # Clients list resources when they connect: a database that is away must not fail that.
            logger.warning("conversations cannot be listed as resources: %s", error)
            return ListResourcesResult(resources=[])
        except RecollectError as error:
            raise MCPError(code=INVALID_PARAMS, message=explain(error)) from error
        return ListResourcesResult(
            resources=[_resource(conversation) for conversation in page.conversations],
            next_cursor=page.next_cursor,
        )

    server.page_resources(list_page)

    @server.completion()
    async def complete(
        ref: PromptReference | ResourceTemplateReference,
        argument: CompletionArgument,
        context: CompletionContext | None,
    ) -> Completion | None:
        asked = (ref.uri if isinstance(ref, ResourceTemplateReference) else ref.name, argument.name)
        if asked not in ((TEMPLATE, "id"), (EXPORT, "id"), (RESUME, "conversation_id")):
            return None
        try:
            return await _ids(reach, argument.value)
        except RecollectError as error:
            logger.warning("nothing can be completed: %s", error)
            return None


async def _ids(reach: Reach, typed: str) -> Completion:
    """Ids of recent conversations that start with what was typed, then those whose titles contain it."""
    history = await reach()
    recent = (await history.list(limit=100)).conversations
    found = [conversation.id for conversation in recent if conversation.id.startswith(typed)]
    if typed:
        titled = await history.list(limit=MAX_COMPLETIONS, title=typed)
        found.extend(conversation.id for conversation in titled.conversations)
    unique = list(dict.fromkeys(found))
    return Completion(values=unique[:MAX_COMPLETIONS], has_more=len(unique) > MAX_COMPLETIONS)


def uri_of(conversation_id: str) -> str:
    return f"{CONVERSATIONS}/{quote(conversation_id, safe='')}"


def id_of(uri: str) -> str | None:
    """The conversation that a URI of `uri_of` names; None for any other URI."""
    start, separator, id = uri.partition(f"{CONVERSATIONS}/")
    return unquote(id) if separator and not start else None


def _resource(conversation: Conversation) -> Resource:
    return Resource(
        uri=uri_of(conversation.id),
        name=conversation.id,
        title=conversation.title,
        description=text.counted(conversation.message_count, "message"),
        mime_type="text/plain",
        annotations=ResourceAnnotations(last_modified=conversation.updated_at.isoformat()),
    )


def _seq(before: str | None) -> int | None:
    if before is None:
        return None
    if not before.isdecimal() or len(before) > 10:
        raise InvalidArgument("before", "must be the number of a message, such as before=40")
    return int(before)

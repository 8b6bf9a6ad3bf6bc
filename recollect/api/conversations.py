"""The operations on conversations as a whole."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from fastapi import Query, Request

from recollect.api import shapes
from recollect.api.answer import Answer
from recollect.api.bodies import Changes, NewConversation
from recollect.api.operation import Operation
from recollect.api.parameters import Calling, ConversationId, Mine
from recollect.api.paths import below
from recollect.api.schemas import Conversation, Conversations, Erased
from recollect.api.strict_json import Malformed, parse
from recollect.identity.caller import ERASE, READ, WRITE
from recollect.models.errors import InvalidArgument


async def list_conversations(
    history: Mine,
    title: Annotated[
        str | None, Query(min_length=1, description="Only titles that contain this, any case.")
    ] = None,
    metadata: Annotated[
        str | None,
        Query(
            description="A JSON object: only conversations whose metadata contain it.",
            examples=['{"project": "porto"}'],
        ),
    ] = None,
    pinned: Annotated[
        bool | None, Query(description="Only pinned (true) or not pinned (false) ones.")
    ] = None,
    archived: Annotated[
        Literal["true", "false", "any"] | None,
        Query(description="Default: false, and any in the trash."),
    ] = None,
    trash: Annotated[bool, Query(description="true: those in the trash instead of the others.")] = False,
    limit: Annotated[int, Query(ge=1, le=100, description="Conversations per page.")] = 20,
    cursor: Annotated[
        str | None, Query(description="next_cursor of the page before, with the same filters.")
    ] = None,
) -> Answer:
    """List conversations, most recently active first. Those that are archived or in the trash are left
    out unless they are asked for."""
    wanted = archived or ("any" if trash else "false")
    page = await history.list(
        limit=limit,
        cursor=cursor,
        pinned=pinned,
        archived=None if wanted == "any" else wanted == "true",
        trash=trash,
        title=title,
        metadata=None if metadata is None else _object("metadata", metadata),
    )
    return Answer(shapes.conversations(page))


async def create_conversation(request: Request, history: Mine, new: NewConversation) -> Answer:
    """Start a conversation. It is kept until it is deleted."""
    made = await history.create(
        id=new.id, title=new.title, instructions=new.instructions, metadata=new.metadata
    )
    return Answer(shapes.conversation(made), 201, head=made.head_seq, location=below(request, made.id))


async def get_conversation(history: Mine, conversation_id: ConversationId) -> Answer:
    """Read a conversation without its messages, also one in the trash."""
    found = await history.get(conversation_id)
    return Answer(shapes.conversation(found), head=found.head_seq)


async def update_conversation(history: Mine, conversation_id: ConversationId, changes: Changes) -> Answer:
    """Change what is given. null removes title or instructions; metadata are replaced whole."""
    given: dict[str, Any] = {name: getattr(changes, name) for name in changes.model_fields_set}
    if not given:  # the verb also takes what has addresses of its own here
        raise InvalidArgument("body", f"changes nothing; give some of {', '.join(Changes.model_fields)}")
    changed = await history.update(conversation_id, **given)
    return Answer(shapes.conversation(changed), head=changed.head_seq)


async def delete_conversation(
    history: Mine,
    caller: Calling,
    conversation_id: ConversationId,
    permanent: Annotated[
        bool,
        Query(
            description="true: really remove it with all its messages, in the trash or not. There is no "
            f"undo. Takes the scope {ERASE}."
        ),
    ] = False,
) -> Answer:
    """Put a conversation into the trash, from which restore brings it back; or remove it for good."""
    caller.require(ERASE if permanent else WRITE)
    if permanent:
        return Answer(shapes.erased(await history.purge(conversation_id)))
    trashed = await history.delete(conversation_id)
    return Answer(shapes.conversation(trashed), head=trashed.head_seq)


async def restore_conversation(history: Mine, conversation_id: ConversationId) -> Answer:
    """Take a conversation out of the trash."""
    restored = await history.restore(conversation_id)
    return Answer(shapes.conversation(restored), head=restored.head_seq)


async def erase_user(history: Mine) -> Answer:
    """Really remove every conversation of this user, the trash included. There is no undo. The answer
    is the receipt: how many rows were removed. A second time removes nothing."""
    return Answer(shapes.erased(await history.erase_user()))


def _object(argument: str, text: str) -> dict[str, Any]:
    """A JSON object in a parameter. Raises: InvalidArgument."""
    try:
        value = parse(text.encode(), argument)
    except Malformed as error:  # the request itself is well formed
        raise InvalidArgument(argument, error.problem) from error
    if not isinstance(value, dict):
        raise InvalidArgument(argument, 'must be a JSON object such as {"project": "porto"}')
    return cast("dict[str, Any]", value)


ALL = "/api/{user_id:segment}/conversations"
ONE = ALL + "/{conversation_id:segment}"

OPERATIONS = (
    Operation("GET", ALL, list_conversations, (READ,), Conversations),
    Operation("POST", ALL, create_conversation, (WRITE,), Conversation, 201),
    Operation("GET", ONE, get_conversation, (READ,), Conversation),
    Operation("PATCH", ONE, update_conversation, (WRITE,), Conversation),
    Operation("DELETE", ONE, delete_conversation, (WRITE, ERASE), Conversation | Erased),
    Operation("POST", ONE + "/restore", restore_conversation, (WRITE,), Conversation),
    Operation("DELETE", "/api/{user_id:segment}", erase_user, (ERASE,), Erased),
)

"""The first half of a stateless turn: store what was said, load what a model should see."""

from __future__ import annotations

from fastapi import Request

from recollect.api.answer import Answer
from recollect.api.bodies import FirstTurn, NewTurn
from recollect.api.conversations import ALL, ONE
from recollect.api.messages import REPLAYED
from recollect.api.operation import Operation
from recollect.api.parameters import ConversationId, Mine, TurnKey
from recollect.api.paths import address_of
from recollect.api.schemas import Turn as TurnShape
from recollect.history.payloads import messages_of_request
from recollect.identity.caller import WRITE
from recollect.models.as_json import turn_fields
from recollect.models.message import Turn


async def open_turn(
    request: Request, history: Mine, conversation_id: ConversationId, body: NewTurn, key: TurnKey
) -> Answer:
    """Store what was said and load what a model should see. Then append the answer with the context's
    head as If-Match. 201: it is stored. 200: this Idempotency-Key stored it before."""
    turn = await history.open_turn(
        messages_of_request(body.messages, "recollect"),
        key=key,
        id=conversation_id,
        max_tokens=body.max_tokens,
        format=body.format,
        known_head=body.known_head,
        query=body.query,
    )
    return _opened(request, turn)


async def begin_turn(request: Request, history: Mine, body: FirstTurn, key: TurnKey) -> Answer:
    """The same in a conversation that begins with it. Here the Idempotency-Key has to be unique for this
    user, such as a UUID: it decides which conversation a retry finds."""
    turn = await history.open_turn(
        messages_of_request(body.messages, "recollect"),
        key=key,
        max_tokens=body.max_tokens,
        format=body.format,
        known_head=body.known_head,
        title=body.title,
        instructions=body.instructions,
        query=body.query,
    )
    return _opened(request, turn)


def _opened(request: Request, turn: Turn) -> Answer:
    return Answer(
        turn_fields(turn),
        200 if turn.appended.replayed else 201,
        head=turn.context.current_head,
        location=address_of(request, turn.conversation_id),
    )


OPERATIONS = (
    Operation("POST", ONE + "/turns", open_turn, (WRITE,), TurnShape, 201, REPLAYED),
    Operation(
        "POST", ALL.replace("/conversations", "/turns"), begin_turn, (WRITE,), TurnShape, 201, REPLAYED
    ),
)

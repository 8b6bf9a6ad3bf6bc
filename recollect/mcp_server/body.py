"""The body of a request, read before the transport reads it."""

from __future__ import annotations

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from recollect.identity.limits import Hold


class TooLarge(Exception):
    """The body is larger than any message may be; says how much one may have, such as "1000 bytes"."""


async def read_body(receive: Receive, most: int, hold: Hold | None = None) -> bytes:
    """The whole body, at most so many bytes.

    hold:  told the size of each piece.

    Raises: TooLarge, ClientDisconnect, and what `hold` raises.
    """
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientDisconnect
        piece: bytes = message.get("body", b"")
        if hold is not None:
            hold(len(piece))
        body += piece
        if len(body) > most:
            raise TooLarge(f"{most} bytes")
        if not message.get("more_body", False):
            return bytes(body)


def read_again(body: bytes, receive: Receive) -> Receive:
    """Gives a body that was read already, and then what comes after it."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay

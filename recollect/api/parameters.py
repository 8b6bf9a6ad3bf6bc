"""The parameters that several operations share, described once."""

from __future__ import annotations

import re
from typing import Annotated, Any, cast

from fastapi import Depends, Header, Path, Request

from recollect.api.route import Door, StrictRequest
from recollect.history.history import History
from recollect.history.scope import MAX_ID_CHARS
from recollect.identity.caller import Caller
from recollect.models.errors import InvalidArgument

_KEY_TEXT = re.compile("[!-~]{1,200}")
_ETAG = re.compile(r'(?:W/)?"(\d{1,10})"')
_MAX_SEQ = 2**31 - 1
MAX_USER_ID_CHARS = 255


async def _caller(request: Request) -> Caller:
    return cast("StrictRequest", request).caller


async def _history(
    request: Request,
    user_id: Annotated[
        str,
        Path(
            min_length=1,
            max_length=MAX_USER_ID_CHARS,
            description="`me`, or the id of the token's own user, percent-encoded. Anybody else's is 404.",
            examples=["me", "auth0|5f7c8ec7c33c6c004bbafe82"],
        ),
    ],
    caller: Annotated[Caller, Depends(_caller)],
) -> History:
    door: Door = request.app.state.door
    return await door.reach(caller.user_id)


_KEY: dict[str, Any] = {
    "alias": "Idempotency-Key",
    "examples": ["0b8e7f5c-turn-12"],
    "json_schema_extra": {"pattern": '^("[!-~]{1,200}"|[!-~]{1,200})$'},
}


async def _key(
    idempotency_key: Annotated[
        str | None,
        Header(
            description="Unique per append, 1 to 200 characters of ASCII. A retry with the same key and "
            "content is stored once and gets the first answer; with other content it is refused.",
            **_KEY,
        ),
    ] = None,
) -> str | None:
    return None if idempotency_key is None else _bare(idempotency_key)


async def _turn_key(
    idempotency_key: Annotated[
        str,
        Header(
            description="Unique per turn, 1 to 200 characters of ASCII. A retry with the same key and "
            "content gets the same answer; with other content it is refused.",
            **_KEY,
        ),
    ],
) -> str:
    return _bare(idempotency_key)


def _bare(key: str) -> str:
    """A key as a string of RFC 9651, the form that the draft of this header asks for, or bare."""
    quoted = len(key) > 1 and key[0] == key[-1] == '"'
    bare = key[1:-1] if quoted else key
    if not _KEY_TEXT.fullmatch(bare):
        raise InvalidArgument(
            "Idempotency-Key", "must be 1 to 200 characters of ASCII without blanks, such as a UUID"
        )
    return bare


async def _expected_head(
    if_match: Annotated[
        str | None,
        Header(
            alias="If-Match",
            description='The head you know, as an ETag: "7". If it moved, nothing is stored, and the problem '
            "(412) shows the present head and what was added.",
            examples=['"7"'],
            json_schema_extra={"pattern": '^"[0-9]{1,9}"$'},
        ),
    ] = None,
) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    found = _ETAG.fullmatch(if_match.strip())  # proxies that compress weaken an ETag to W/"7"
    if found is None or int(found[1]) > _MAX_SEQ:
        raise InvalidArgument("If-Match", 'must be one head as this server gives it in ETag, such as "7"')
    return int(found[1])


Calling = Annotated[Caller, Depends(_caller)]
Mine = Annotated[History, Depends(_history)]
Key = Annotated[str | None, Depends(_key)]
TurnKey = Annotated[str, Depends(_turn_key)]
ExpectedHead = Annotated[int | None, Depends(_expected_head)]

ConversationId = Annotated[
    str,
    Path(
        min_length=1,
        max_length=MAX_ID_CHARS,
        description="As creating it gave it, percent-encoded.",
        examples=["c_7h2k9m4p1q3rx"],
    ),
]

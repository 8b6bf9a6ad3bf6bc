"""The ways in that the clients use: the library, MCP over HTTP, and the SQL of the version before."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from typing import Any, Literal, Protocol

import asyncpg
import httpx2

from recollect.db.target import parse_url
from recollect.history.store import Recollect
from recollect.models.errors import HeadMoved, NotFound, NotReady, OutcomeUnknown, Unavailable
from recollect.models.message import NewMessage
from recollect.settings import Settings


class TryAgain(Exception):
    """It did not work out now, and nothing was stored."""


class Unknown(TryAgain):
    """The answer was lost: it may be stored. With a key, trying again is safe."""


class Moved(Exception):
    """The conversation's head is another one by now, and nothing was stored."""

    def __init__(self, head: int) -> None:
        self.head = head


class Hidden(Exception):
    """There is no such conversation for this user."""


class Broken(Exception):
    """An answer that no client should ever get."""


@dataclass(frozen=True, slots=True)
class Landed:
    """Where an append is."""

    id: str
    first: int
    last: int
    replayed: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """A run of the log after a message, and the log's end as it was told with it."""

    after: int
    run: list[tuple[int, str]]
    last: int


class Door(Protocol):
    """What a client can do. Raises TryAgain, Unknown, Moved, Hidden, Broken."""

    async def append(
        self, user: str, id: str, texts: list[str], key: str | None, head: int | None, *, branch: bool
    ) -> Landed: ...

    async def turn(self, user: str, id: str | None, text: str, key: str) -> tuple[Landed, Seen]: ...

    async def look(self, user: str, id: str, after: int, limit: int) -> Seen: ...


def _window(window: dict[str, Any]) -> Seen:
    """The run that an OpenAI window shows; every message of these conversations is one text."""
    texts = [message["content"] for message in window["messages"]]
    first = window["first_seq"]
    return Seen(first - 1, list(zip(range(first, first + len(texts)), texts, strict=True)), window["head"])


MAX_TOKENS = 400


class Library:
    """Recollect in the client's own process."""

    def __init__(self, store: Recollect) -> None:
        self._store = store

    async def append(
        self, user: str, id: str, texts: list[str], key: str | None, head: int | None, *, branch: bool
    ) -> Landed:
        how: Literal["branch", "reject"] = "branch" if branch else "reject"
        messages = [NewMessage("user", text) for text in texts]
        with _translated():
            done = await self._store.for_user(user).append(
                id, messages, key=key, expected_head=head, on_conflict=how
            )
        return Landed(id, done.first_seq, done.last_seq, done.replayed)

    async def turn(self, user: str, id: str | None, text: str, key: str) -> tuple[Landed, Seen]:
        with _translated():
            turn = await self._store.for_user(user).open_turn(
                NewMessage("user", text), key=key, id=id, max_tokens=MAX_TOKENS, format="openai"
            )
        appended, window = turn.appended, turn.context
        shown = {"messages": window.messages, "first_seq": window.first_seq, "head": window.head}
        return (
            Landed(turn.conversation_id, appended.first_seq, appended.last_seq, appended.replayed),
            _window(shown),
        )

    async def look(self, user: str, id: str, after: int, limit: int) -> Seen:
        with _translated():
            page = await self._store.for_user(user).list_messages(id, after=after, limit=limit)
        return Seen(after, [(message.seq, message.text) for message in page.messages], page.last_seq)


@contextmanager
def _translated() -> Generator[None]:
    """The library's errors as those of a door."""
    try:
        yield
    except OutcomeUnknown as error:
        raise Unknown from error
    except Unavailable as error:
        raise TryAgain from error
    except HeadMoved as error:
        raise Moved(error.head) from error
    except NotFound as error:
        raise Hidden from error


class Http:
    """MCP over HTTP, one request a call, as a stateless client."""

    def __init__(self, client: httpx2.AsyncClient, address: str, tokens: dict[str, str]) -> None:
        self._client = client
        self._address = address
        self._tokens = tokens
        self._ids = count(1)

    async def append(
        self, user: str, id: str, texts: list[str], key: str | None, head: int | None, *, branch: bool
    ) -> Landed:
        arguments: dict[str, Any] = {
            "conversation_id": id,
            "messages": [{"role": "user", "content": text} for text in texts],
        }
        arguments |= {} if key is None else {"key": key}
        arguments |= {} if head is None else {"expected_head": head}
        arguments |= {"on_conflict": "branch"} if branch else {}
        done = (await self._call(user, "append_messages", arguments))["structuredContent"]
        return Landed(id, done["first_seq"], done["last_seq"], done.get("replayed", False))

    async def turn(self, user: str, id: str | None, text: str, key: str) -> tuple[Landed, Seen]:
        arguments: dict[str, Any] = {
            "content": text,
            "key": key,
            "max_tokens": MAX_TOKENS,
            "format": "openai",
        }
        arguments |= {} if id is None else {"conversation_id": id}
        turn = _json(await self._call(user, "open_turn", arguments))
        first, last = turn["stored"]
        return Landed(turn["conversation_id"], first, last, turn.get("replayed", False)), _window(turn)

    async def look(self, user: str, id: str, after: int, limit: int) -> Seen:
        arguments = {"conversation_id": id, "after": after, "limit": limit, "format": "json"}
        page = _json(await self._call(user, "list_messages", arguments))
        return Seen(
            after, [(message["seq"], message["content"]) for message in page["messages"]], page["last_seq"]
        )

    async def _call(self, user: str, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        number = next(self._ids)
        body = {
            "jsonrpc": "2.0",
            "id": number,
            "method": "tools/call",
            "params": {"name": tool, "arguments": arguments},
        }
        headers = {
            "Accept": "application/json, text/event-stream",
            "Authorization": f"Bearer {self._tokens[user]}",
        }
        try:
            answer = await self._client.post(f"{self._address}/mcp", json=body, headers=headers)
        except httpx2.ConnectError as error:
            raise TryAgain from error
        except httpx2.TransportError as error:
            raise Unknown from error
        if answer.status_code >= 500:
            raise Unknown(answer.text[:200])
        if answer.status_code != 200:
            raise Broken(f"{tool}: {answer.status_code} {answer.text[:200]}")
        said = answer.json()
        if said.get("id") != number or "result" not in said:
            raise Broken(f"{tool}: {answer.text[:200]}")
        result: dict[str, Any] = said["result"]
        if result.get("isError"):
            _raise(tool, result["content"][0]["text"])
        return result


def _raise(tool: str, text: str) -> None:
    """What a model would do next, by the words that a model reads."""
    if "Nothing was changed; the same call may succeed" in text:
        raise TryAgain(text)
    if "may or may not have been saved" in text:
        raise Unknown(text)
    if text.startswith("expected_head:"):
        raise Moved(int(text.partition("append with expected_head=")[2].split(",")[0].split()[0]))
    if "no conversation" in text:
        raise Hidden
    raise Broken(f"{tool}: {text[:300]}")


def _json(result: dict[str, Any]) -> dict[str, Any]:
    return json.loads(result["content"][0]["text"])


APPEND_V1 = """SELECT outcome, first_seq, last_seq FROM recollect.append_v1(
    $1, $2, array_fill('user'::text, $4), array_fill(NULL::text, $4), $3,
    array_fill(NULL::text, $4), array_fill(1, $4), array_fill(NULL::text, $4),
    array_fill(NULL::timestamptz, $4), $5, $6, NULL, false)"""


PASSING = ("08", "25", "40", "53", "55", "57", "58")
"""Classes of SQLSTATE after which that version tries again."""


class OldVersion:
    """What a server of the released revision 0001 sends: its function, on connections of its own."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._free: list[asyncpg.Connection[asyncpg.Record]] = []

    async def append(
        self, user: str, id: str, texts: list[str], key: str | None, head: int | None, *, branch: bool
    ) -> Landed:
        fingerprint = None if key is None else sha256(json.dumps(texts).encode()).digest()
        row = (await self._fetch(APPEND_V1, user, id, texts, [len(texts)], key, fingerprint))[0]
        if row["outcome"] not in ("appended", "replayed"):
            raise Broken(f"append_v1: {row['outcome']}")
        return Landed(id, row["first_seq"], row["last_seq"], row["outcome"] == "replayed")

    async def turn(self, user: str, id: str | None, text: str, key: str) -> tuple[Landed, Seen]:
        raise NotImplementedError

    async def look(self, user: str, id: str, after: int, limit: int) -> Seen:
        raise NotImplementedError

    async def _fetch(self, statement: str, *arguments: object) -> list[asyncpg.Record]:
        connection: asyncpg.Connection[asyncpg.Record] | None = None
        try:
            connection = self._free.pop() if self._free else await self._connect()
            rows = await connection.fetch(statement, *arguments)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            if connection is not None:
                connection.terminate()
            state = error.sqlstate if isinstance(error, asyncpg.PostgresError) else "08000"
            if state == "23505":  # the same append, sent twice at once
                raise TryAgain from error
            if (state or "")[:2] not in PASSING:
                raise Broken(f"append_v1: {error}") from error
            raise Unknown from error
        self._free.append(connection)
        return rows

    async def _connect(self) -> asyncpg.Connection[asyncpg.Record]:
        return await asyncpg.connect(**parse_url(self._url).connect_args, timeout=5, command_timeout=15)


@asynccontextmanager
async def open_door(kind: str, url: str, tokens: dict[str, str]) -> AsyncGenerator[Door]:
    """The door of this kind: `library`, `http` or `old`.

    url:  of the database or of the server. Waits for a database that is not migrated yet.
    """
    match kind:
        case "library":
            async with AsyncExitStack() as stack:
                yield Library(await _opened(stack))
        case "http":
            async with httpx2.AsyncClient(timeout=5) as client:
                yield Http(client, url, tokens)
        case _:
            yield OldVersion(url)


async def _opened(stack: AsyncExitStack) -> Recollect:
    while True:
        try:
            return await stack.enter_async_context(Recollect.open(Settings()))
        except (NotReady, Unavailable):
            await asyncio.sleep(0.1)

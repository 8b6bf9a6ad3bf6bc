"""Every operation as another user: finds nothing, changes nothing, says what it says of what is not
there. The operations are those of the OpenAPI document, so none can be forgotten."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx2
import pytest

from recollect.history.store import Recollect
from recollect.identity.caller import ERASE, READ, SCOPES, WRITE
from tests.api.conftest import Server, problem
from tests.api.surface import DOCUMENT, Operation, operations
from tests.isolation.people import SECRET, Pair, Thing, acquaint, rows_of, told

_numbers = count(1)

NOTHING = Thing("", "", "", {"project": ""})


@dataclass(frozen=True)
class Row:
    """A request with all that one may know of somebody's conversation."""

    operation: str
    query: Callable[[Thing], dict[str, str]] = lambda _its: {}
    headers: Callable[[Thing], dict[str, str]] = lambda _its: {}
    body: Callable[[Thing], dict[str, Any]] | None = None
    file: Callable[[Thing], str] | None = None
    same_for_owner: bool = False
    """It finds nothing of anybody."""
    seq: int = 1


LINES = "application/x-ndjson"

SAID = {"role": "user", "content": "x"}


def own_export(its: Thing) -> str:
    """A conversation under the other's id, as an export of ours has it."""
    at = "2026-01-01T00:00:00.000000+00:00"
    lines = (
        {"recollect_export": 1},
        {
            "conversation": {
                "id": its.id,
                "title": its.title,
                "metadata": dict(its.metadata),
                "created_at": at,
                "updated_at": at,
                "last_seq": 1,
                "head_seq": 1,
                "message_count": 1,
                "linear": True,
            }
        },
        {"message": {"seq": 1, **SAID, "token_count": 1, "created_at": at}},
    )
    return "\n".join(json.dumps(line) for line in lines)


MATRIX = (
    Row("list_conversations", query=lambda its: {"title": its.title}),
    Row("list_conversations", query=lambda its: {"title": its.title, "trash": "true"}),
    Row(
        "list_conversations",
        query=lambda its: {"title": its.title, "archived": "true"},
        same_for_owner=True,
    ),
    Row("list_conversations", query=lambda its: {"metadata": json.dumps(its.metadata), "pinned": "false"}),
    Row("list_conversations", query=lambda its: {"cursor": its.cursor, "limit": "100"}),
    Row(
        "create_conversation",
        body=lambda its: {
            "id": its.id,
            "title": its.title,
            "instructions": "x",
            "metadata": dict(its.metadata),
        },
    ),
    Row("get_conversation"),
    Row("update_conversation", body=lambda _its: {"title": "taken"}),
    Row("update_conversation", body=lambda _its: {"title": None, "instructions": None}),
    Row("update_conversation", body=lambda _its: {"metadata": {"a": 1}, "pinned": True, "archived": True}),
    Row("delete_conversation"),
    Row("delete_conversation", query=lambda _its: {"permanent": "true"}),
    Row("restore_conversation"),
    Row("erase_user"),
    Row("list_messages"),
    Row("list_messages", query=lambda _its: {"before": "3", "order": "desc", "limit": "1"}),
    Row("list_messages", query=lambda _its: {"after": "1", "max_chars": "10"}),
    Row("list_messages", query=lambda _its: {"around": "2"}),
    Row("append_messages", body=lambda _its: {"messages": [SAID]}),
    Row(
        "append_messages",
        headers=lambda its: {"idempotency-key": its.key},
        body=lambda _its: {"messages": [SAID]},
    ),
    Row("append_messages", headers=lambda _its: {"if-match": '"1"'}, body=lambda _its: {"messages": [SAID]}),
    Row(
        "append_messages",
        headers=lambda _its: {"if-match": '"1"'},
        body=lambda _its: {"messages": [SAID], "on_conflict": "branch"},
    ),
    Row("read_message"),
    Row("read_message", query=lambda _its: {"offset": "1", "limit": "5"}),
    Row("read_message", seq=99),
    Row("load_context"),
    Row("load_context", query=lambda _its: {"max_tokens": "50", "format": "openai"}),
    Row("load_context", query=lambda _its: {"upto_seq": "1"}),
    Row("load_context", query=lambda _its: {"query": "secret said look", "max_tokens": "2000"}),
    Row("load_context", query=lambda _its: {"receipt": "w1.e1.text.100.1-1.0.000000.0000000000000000"}),
    Row(
        "append_messages",
        body=lambda _its: {"messages": [{**SAID, "name": "x"}], "format": "openai", "after_seq": 1},
    ),
    Row(
        "open_turn",
        headers=lambda its: {"idempotency-key": its.key},
        body=lambda _its: {
            "messages": [SAID],
            "max_tokens": 500,
            "format": "openai",
            "known_head": 1,
            "query": "secret said look",
        },
    ),
    Row("open_turn", headers=lambda _its: {"idempotency-key": "new"}, body=lambda _its: {"messages": [SAID]}),
    Row(
        "begin_turn",
        headers=lambda its: {"idempotency-key": its.key},
        body=lambda its: {
            "messages": [SAID],
            "max_tokens": 500,
            "format": "text",
            "known_head": 0,
            "title": its.title,
            "instructions": "x",
        },
        same_for_owner=True,
    ),
    Row(
        "begin_turn",
        headers=lambda its: {"idempotency-key": its.key},
        body=lambda _its: {"messages": [SAID], "query": "secret said look"},
    ),
    Row("list_branches"),
    Row("list_branches", query=lambda _its: {"at_seq": "1", "before": "9", "limit": "5"}),
    Row("switch_head", body=lambda _its: {"seq": 1}),
    Row("fork_conversation", body=lambda _its: {}),
    Row("fork_conversation", body=lambda _its: {"at_seq": 2, "new_id": "copy", "title": "taken"}),
    Row("save_summary", body=lambda _its: {"upto_seq": 2, "content": "taken"}),
    Row("list_summaries"),
    Row("list_summaries", query=lambda _its: {"before": "9", "limit": "5"}),
    Row("search_messages", query=lambda its: {"query": "secret said", "conversation_id": its.id}),
    Row(
        "search_messages",
        query=lambda its: {
            "query": "secret said look",
            "exclude": its.id,
            "role": "user",
            "since": "2000-01-01",
            "until": "3000-01-01",
            "context": "3",
        },
    ),
    Row("search_messages", query=lambda its: {"query": "secret", "limit": "1", "cursor": its.found}),
    Row("listen_to_changes", same_for_owner=True),
    Row("export_conversation"),
    Row("export_conversation", query=lambda _its: {"format": "html"}),
    Row("export_everything", same_for_owner=True),
    Row(
        "import_conversations",
        query=lambda _its: {"filename": "x.jsonl", "dry_run": "false"},
        file=own_export,
    ),
)


def name_of(row: Row) -> str:
    given = [*row.query(NOTHING), *row.headers(NOTHING), *(row.body(NOTHING) if row.body else ())]
    return f"{row.operation}({', '.join(given)}{'' if row.seq == 1 else f', seq={row.seq}'})"


@pytest.fixture(params=MATRIX, ids=name_of)
def row(request: pytest.FixtureRequest) -> Row:
    return request.param


@pytest.fixture(scope="module")
async def admin(shared_url: str) -> AsyncGenerator[asyncpg.Connection[asyncpg.Record]]:
    """A superuser who looks at the tables themselves."""
    connection = await asyncpg.connect(shared_url, statement_cache_size=0)
    yield connection
    await connection.close()


@pytest.fixture
async def pair(shared_store: Recollect) -> Pair:
    return await acquaint(shared_store, next(_numbers))


@pytest.fixture
async def bob(server: Server, pair: Pair) -> AsyncGenerator[httpx2.AsyncClient]:
    async with server.client(server.tokens.give(pair.bob.user_id)) as client:
        yield client


@pytest.fixture
async def alice(server: Server, pair: Pair) -> AsyncGenerator[httpx2.AsyncClient]:
    async with server.client(server.tokens.give(pair.alice.user_id)) as client:
        yield client


async def send(client: httpx2.AsyncClient, row: Row, thing: Thing, user: str = "me") -> httpx2.Response:
    operation = OPERATIONS[row.operation]
    address = operation.path.format(user_id=quote(user, safe=""), conversation_id=thing.id, seq=row.seq)
    async with client.stream(
        operation.method,
        address,
        params=row.query(thing),
        headers={**row.headers(thing), **({} if row.file is None else {"content-type": LINES})},
        json=None if row.body is None else row.body(thing),
        content=None if row.file is None else row.file(thing),
    ) as answer:
        if answer.headers["content-type"].startswith("text/event-stream"):
            return httpx2.Response(answer.status_code, headers=answer.headers, text="(it goes on)")
        await answer.aread()
        return answer


async def ask(client: httpx2.AsyncClient, row: Row, thing: Thing, user: str = "me") -> str:
    """What a request is answered, without the names that its sender had given."""
    answer = await send(client, row, thing, user)
    kept = ("etag", "location", "content-type", "www-authenticate", "retry-after", "allow")
    headers = {name: answer.headers[name] for name in kept if name in answer.headers}
    text = told((answer.status_code, headers, answer.text), thing)
    return re.sub(r'c_[0-9a-z]{13}|(?<="receipt":")[^"]*', "<made>", text)


OPERATIONS = {operation.id: operation for operation in operations()}


def arguments(operation: Operation) -> Iterator[str]:
    """Everything that an operation takes beside what its address names."""
    yield from (name.lower() for kind, name in operation.parameters if kind != "path")
    yield from operation.fields


def test_every_operation_and_every_argument_of_it_stands_in_the_matrix() -> None:
    tried: dict[str, set[str]] = {}
    for row in MATRIX:
        given = (row.query(NOTHING), row.headers(NOTHING), row.body(NOTHING) if row.body else {})
        tried.setdefault(row.operation, set()).update(*given)
    assert tried == {operation.id: set(arguments(operation)) for operation in OPERATIONS.values()}


def test_every_address_names_a_user_and_every_operation_a_scope() -> None:
    for operation in OPERATIONS.values():
        assert operation.path.startswith("/api/{user_id}"), operation.id
        assert operation.scopes, operation.id
        assert set(operation.scopes) <= set(SCOPES), operation.id
    assert "bearer" in DOCUMENT["components"]["securitySchemes"]


async def test_another_user_s_conversation_is_one_that_does_not_exist(
    admin: asyncpg.Connection[asyncpg.Record], pair: Pair, bob: httpx2.AsyncClient, row: Row
) -> None:
    before = await rows_of(admin, pair.alice.user_id)
    foreign = await ask(bob, row, pair.hers)
    assert await rows_of(admin, pair.alice.user_id) == before
    assert SECRET not in foreign
    if row.operation == "erase_user":
        assert '{"conversations":1,"messages":3,"summaries":0}' in foreign
        return
    assert foreign == await ask(bob, row, pair.nobodys)


async def test_another_user_s_address_is_one_that_does_not_exist(
    admin: asyncpg.Connection[asyncpg.Record], pair: Pair, bob: httpx2.AsyncClient, row: Row
) -> None:
    hers, his = await rows_of(admin, pair.alice.user_id), await rows_of(admin, pair.bob.user_id)
    answers = {
        await ask(bob, row, thing, user)
        for thing in (pair.hers, pair.nobodys)
        for user in (pair.alice.user_id, "nobody", f"{pair.bob.user_id} ", pair.bob.user_id.upper(), "ME")
    }
    (answer,) = answers
    assert answer.startswith("(404, ")
    assert "not-found" in answer
    assert await rows_of(admin, pair.alice.user_id) == hers
    assert await rows_of(admin, pair.bob.user_id) == his


async def test_an_operation_gives_its_owner_another_answer(
    pair: Pair, alice: httpx2.AsyncClient, row: Row
) -> None:
    """Without this, a matrix of requests that always fail would pass."""
    user = pair.alice.user_id
    if row.operation == "erase_user":
        assert '{"conversations":3,"messages":3,"summaries":0}' in await ask(alice, row, pair.hers, user)
        return
    hers, nobodys = await ask(alice, row, pair.hers, user), await ask(alice, row, pair.nobodys, user)
    assert (hers == nobodys) is row.same_for_owner


async def test_without_a_token_nothing_is_done_and_nothing_is_said(
    admin: asyncpg.Connection[asyncpg.Record], server: Server, pair: Pair, row: Row
) -> None:
    before = await rows_of(admin, pair.alice.user_id)
    for token in (None, "wrong", server.tokens.give(pair.alice.user_id)[:-1]):
        async with server.client(token) as nobody:
            for user in (pair.alice.user_id, "me", "nobody"):
                answer = await send(nobody, row, pair.hers, user)
                problem(answer, 401, "unauthenticated")
                assert answer.headers["www-authenticate"].startswith("Bearer")
    assert await rows_of(admin, pair.alice.user_id) == before


async def test_a_token_without_the_scope_is_told_which_one_is_needed(
    admin: asyncpg.Connection[asyncpg.Record], server: Server, pair: Pair, row: Row
) -> None:
    """And with that scope alone it does its work: the rows are others, or the answer is no refusal."""
    permanent = "permanent" in row.query(NOTHING)
    scopes = OPERATIONS[row.operation].scopes
    needed = ERASE if permanent else scopes[0]
    others = {READ: [ERASE], WRITE: [READ, ERASE], ERASE: [READ, WRITE]}[needed]
    before = await rows_of(admin, pair.alice.user_id)
    async with server.client(server.tokens.give(pair.alice.user_id, *others)) as client:
        answer = await send(client, row, pair.hers)
        assert problem(answer, 403, "forbidden")["scopes"] == [needed]
        challenge = answer.headers["www-authenticate"]
        assert 'error="insufficient_scope"' in challenge
        assert f'scope="{needed}"' in challenge
    assert await rows_of(admin, pair.alice.user_id) == before
    async with server.client(server.tokens.give(pair.alice.user_id, needed)) as client:
        assert (await send(client, row, pair.hers)).status_code not in (401, 403)

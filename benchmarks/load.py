"""Many users at once over HTTP: `python -m benchmarks.load`.

Ten thousand conversations of a thousand users are all in the middle of a turn at the same time: every turn
is opened before the first answer is appended. Half of them goes over MCP, half over REST, through 32
connections to `recollect serve --workers 2`; then as much of the same over MCP to the SDK's server with
tools that do nothing. Afterwards one user with 1,000 conversations asks 40 times a second.

With `--write`, the section of docs/benchmarks.md about it is written. About three minutes; `--quick`: 20
seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

import asyncpg
import jwt

from benchmarks.http_servers import (
    BARE,
    RECOLLECT,
    WORKERS,
    Call,
    Connection,
    connected,
    serving,
    tool_call,
)
from benchmarks.load_report import LoadReport, Measured
from benchmarks.storage import TEXT
from benchmarks.surroundings import Surroundings
from recollect.db.embedded import EmbeddedPostgres, stop
from recollect.db.target import parse_url
from recollect.history.store import Recollect
from recollect.models.message import NewMessage
from recollect.settings import Settings

SECRET = "a secret of this run alone, of 32 bytes and more"
ISSUER = "https://benchmark.example"

CONNECTIONS = 32
BEFORE = 10
"""Messages in each conversation before its turn."""

OWNED = 1_000
"""Conversations of the user who asks at a moderate rate."""

OWNER = "owner"
RATE = 40
"""Requests a second of that user."""

P95_BOUND = 0.1


class Extent(NamedTuple):
    conversations: int
    users: int
    seconds: float
    """For which the one user asks."""


FULL = Extent(10_000, 1_000, 15)
QUICK = Extent(400, 40, 4)


Ask = Callable[[int], Call]
"""Makes the request of a conversation, by its number."""


def main() -> int:
    """Exit code 0, unless a request failed or something was not stored."""
    arguments = _arguments()
    for name in [name for name in os.environ if name.startswith("RECOLLECT_") or name == "DATABASE_URL"]:
        del os.environ[name]
    os.environ["RECOLLECT_CONFIG"] = os.devnull
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="rb", ignore_cleanup_errors=True) as folder:
        home = Path(folder) / "home"
        server = EmbeddedPostgres(home)
        try:
            url = server.ensure()
            report = asyncio.run(measure(url, home, QUICK if arguments.quick else FULL))
        finally:
            server.release()
            stop(home)
    report.surroundings.seconds = time.monotonic() - began
    print(report.text())
    if arguments.write:
        report.write()
    return 1 if report.failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small part of it, to see that it works")
    parser.add_argument("--write", action="store_true", help="write the section of docs/benchmarks.md")
    return parser.parse_args()


async def measure(url: str, home: Path, extent: Extent) -> LoadReport:
    """The whole run, on an embedded database that runs already."""
    connection = await asyncpg.connect(**parse_url(url).connect_args)
    try:
        surroundings = await Surroundings.look(connection)
        _say(f"filling {extent.conversations:,} conversations …")
        await _fill(home, extent)
        measured = await _under_load(home, extent)
        query = "SELECT count(*) FROM recollect.conversation WHERE user_id <> $1 AND head_seq = $2"
        whole = await connection.fetchval(query, OWNER, BEFORE + 2)
        return LoadReport(
            surroundings, measured, extent.conversations, extent.users, whole, CONNECTIONS, P95_BOUND
        )
    finally:
        await connection.close()


async def _fill(home: Path, extent: Extent) -> None:
    messages = [NewMessage("assistant" if number % 2 else "user", TEXT) for number in range(BEFORE)]
    async with Recollect.open(Settings.model_validate({"home": home})) as store:
        talks = [(_user(number, extent), _id(number)) for number in range(extent.conversations)]
        work = iter([*talks, *((OWNER, _id(number)) for number in range(OWNED))])

        async def fill() -> None:
            for user, id in work:
                history = store.for_user(user)
                await history.create(id=id, title="A talk about the ferry")
                await history.append(id, messages)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(8):
                tasks.create_task(fill())


async def _under_load(home: Path, extent: Extent) -> list[Measured]:
    tokens = {user: _token(user) for user in (_user(number, extent) for number in range(extent.users))}
    half = extent.conversations // 2
    over_mcp, over_rest = range(half), range(half, extent.conversations)

    def authorized(number: int) -> dict[str, str]:
        return {"Authorization": f"Bearer {tokens[_user(number, extent)]}"}

    doors: dict[str, tuple[Sequence[int], Ask, Ask]] = {
        "MCP": (over_mcp, _mcp_open(authorized), _mcp_append(authorized)),
        "REST": (over_rest, _rest_open(authorized), _rest_append(authorized)),
    }
    measured: list[Measured] = []
    issuers = [{"issuer": ISSUER, "secret": SECRET, "audiences": [], "scopes": ["history:write"]}]
    settings = {
        "RECOLLECT_ISSUERS": json.dumps(issuers),
        "RECOLLECT_REQUESTS_PER_MINUTE": "0",
        "RECOLLECT_TOKENS_PER_MINUTE": "0",
    }
    with serving(RECOLLECT, home, home.parent / "recollect.log", **settings) as (port, _):
        await _warm_up(port, _rest_get(authorized))
        for name, (numbers, opens, _) in doors.items():
            _say(f"opening {len(numbers):,} turns over {name} …")
            measured.append(await _all(f"open a turn over {name}", name, port, numbers, opens))
        for name, (numbers, _, appends) in doors.items():
            _say(f"appending {len(numbers):,} answers over {name} …")
            measured.append(await _all(f"append an answer over {name}", name, port, numbers, appends))
        _say(f"asking {RATE} times a second …")
        measured.append(await _evenly(port, extent.seconds))
    with serving(BARE, home, home.parent / "bare.log") as (port, _):
        _say("the same on a bare server …")
        for what, ask in (("open a turn", _mcp_open(_nobody)), ("append an answer", _mcp_append(_nobody))):
            measured.append(await _all(f"{what}, bare server", "bare", port, over_mcp, ask))
    return measured


async def _all(what: str, door: str, port: int, numbers: Sequence[int], ask: Ask) -> Measured:
    """One request for each conversation, in no order, through all connections at once."""
    shuffled = random.Random(what).sample(numbers, len(numbers))
    work = iter(shuffled)
    seconds: list[float] = []
    failures: list[str] = []
    began = time.perf_counter()
    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(connected(port)) for _ in range(CONNECTIONS)]
        async with asyncio.TaskGroup() as tasks:
            for connection in connections:
                tasks.create_task(_work(connection, work, ask, seconds, failures))
    return Measured(what, door, seconds, time.perf_counter() - began, failures)


async def _work(
    connection: Connection, work: Iterator[int], ask: Ask, seconds: list[float], failures: list[str]
) -> None:
    for number in work:
        began = time.perf_counter()
        status, body = await connection.ask(*ask(number))
        seconds.append(time.perf_counter() - began)
        if (problem := _failure(status, body)) is not None:
            failures.append(problem)


async def _evenly(port: int, lasting: float) -> Measured:
    """What a user of many conversations asks over REST, at a rate that does not wait for answers. Each
    request's time counts from the moment that it was due."""
    token = {"Authorization": f"Bearer {_token(OWNER)}", "Content-Type": "application/json"}
    free: asyncio.Queue[Connection] = asyncio.Queue()
    seconds: list[float] = []
    failures: list[str] = []
    began = time.perf_counter()

    async def ask(number: int) -> None:
        due = began + number / RATE
        await asyncio.sleep(due - time.perf_counter())
        connection = await free.get()
        status, body = await connection.ask(*_mixed(number, token))
        free.put_nowait(connection)
        seconds.append(time.perf_counter() - due)
        if (problem := _failure(status, body)) is not None:
            failures.append(problem)

    async with AsyncExitStack() as stack:
        for _ in range(CONNECTIONS):
            free.put_nowait(await stack.enter_async_context(connected(port)))
        async with asyncio.TaskGroup() as tasks:
            for number in range(int(lasting * RATE)):
                tasks.create_task(ask(number))
    what = f"REST, {RATE} requests a second, of a user with {OWNED:,} conversations"
    return Measured(what, "even", seconds, time.perf_counter() - began, failures)


def _mixed(number: int, token: dict[str, str]) -> Call:
    """What a web page and an agent ask for, in turns."""
    talk = f"/api/me/conversations/{_id(number * 37 % OWNED)}"
    match number % 6:
        case 0:
            return Call("GET", "/api/me/conversations?limit=50", token, b"")
        case 1:
            return Call("GET", talk, token, b"")
        case 2:
            return Call("GET", f"{talk}/messages?limit=50", token, b"")
        case 3:
            return Call("GET", f"{talk}/context?format=openai", token, b"")
        case 4:
            return Call("POST", f"{talk}/turns", token | {"Idempotency-Key": f"even-{number}"}, _said("user"))
        case _:
            return Call("POST", f"{talk}/messages", token, _said("assistant"))


def _rest_get(authorized: Callable[[int], dict[str, str]]) -> Ask:
    return lambda number: Call("GET", f"/api/me/conversations/{_id(number)}", authorized(number), b"")


def _rest_open(authorized: Callable[[int], dict[str, str]]) -> Ask:
    body = _said("user")
    return lambda number: Call(
        "POST",
        f"/api/me/conversations/{_id(number)}/turns",
        authorized(number) | {"Content-Type": "application/json", "Idempotency-Key": "asks"},
        body,
    )


def _rest_append(authorized: Callable[[int], dict[str, str]]) -> Ask:
    body = _said("assistant")
    more = {
        "Content-Type": "application/json",
        "Idempotency-Key": "answers",
        "If-Match": f'"{BEFORE + 1}"',
    }
    return lambda number: Call(
        "POST", f"/api/me/conversations/{_id(number)}/messages", authorized(number) | more, body
    )


def _mcp_open(authorized: Callable[[int], dict[str, str]]) -> Ask:
    return lambda number: tool_call(
        "open_turn", {"conversation_id": _id(number), "content": TEXT, "key": "asks"}, authorized(number)
    )


def _mcp_append(authorized: Callable[[int], dict[str, str]]) -> Ask:
    arguments = {
        "messages": [{"role": "assistant", "content": TEXT}],
        "expected_head": BEFORE + 1,
        "key": "answers",
    }
    return lambda number: tool_call(
        "append_messages", {"conversation_id": _id(number), **arguments}, authorized(number)
    )


def _nobody(_number: int) -> dict[str, str]:
    """The bare server asks for no token."""
    return {}


def _failure(status: int, body: bytes) -> str | None:
    """What went wrong, if something did."""
    failed = status >= 300 or b'"isError":true' in body or b'"error":' in body[:200]
    return f"{status} {body[:300].decode(errors='replace')}" if failed else None


async def _warm_up(port: int, ask: Ask) -> None:
    """Each worker opens its store with its first request."""
    for number in range(8 * WORKERS):
        async with connected(port) as connection:
            await connection.ask(*ask(number))


def _said(role: str) -> bytes:
    return json.dumps({"messages": [{"role": role, "content": TEXT}]}).encode()


def _id(number: int) -> str:
    return f"talk-{number}"


def _user(number: int, extent: Extent) -> str:
    return f"user-{number % extent.users}"


def _token(user: str) -> str:
    claims = {"iss": ISSUER, "sub": user, "exp": int(time.time()) + 3_600}
    return jwt.encode(claims, SECRET, algorithm="HS256")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

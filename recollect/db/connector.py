"""Opening one connection: waiting for a database that wakes up, reviving the embedded one, and
finding out whether a transaction-mode pooler stands in between."""

from __future__ import annotations

import asyncio
import secrets
import select
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import asyncpg

from recollect.db import failures
from recollect.db.target import Target
from recollect.models.errors import Unavailable

if TYPE_CHECKING:
    from asyncpg.prepared_stmt import PreparedStatement

    BareConnection = asyncpg.Connection[asyncpg.Record]
else:
    BareConnection = asyncpg.Connection  # generic in its type stubs only

# A peer that vanished without a word (a NAT that forgot us, a machine that lost power) is
# noticed after these, not after the hours of the system's defaults.
KEEPALIVE_IDLE_SECONDS = 30
KEEPALIVE_INTERVAL_SECONDS = 10
KEEPALIVE_PROBES = 3
UNACKNOWLEDGED_MILLISECONDS = 10_000

ISOLATION = "read committed"
"""Of a session's transactions, whatever its role's or its database's setting is. With more, an append that
waited for another one's lock is refused."""

STATEMENTS = 100
"""Prepared statements that a connection keeps."""

FIRST_DELAY_SECONDS = 0.05
LONGEST_DELAY_SECONDS = 2.0

CLIENT_GRACE_SECONDS = 1.0
"""How much later than the server the client gives up: the server's refusal is the certain one."""


class Connection(BareConnection):
    """An asyncpg connection that knows when it was last used, and whether its peer hung up.

    idle_since:  monotonic seconds.
    unnamed:     a transaction-mode pooler stands in between: no statement may have a name on
                 the server, since the next message can meet another server connection.
    """

    __slots__ = ("_readable", "_statements", "idle_since", "unnamed")

    def __init__(self, protocol: Any, transport: Any, *args: Any) -> None:
        super().__init__(protocol, transport, *args)
        self.idle_since = time.monotonic()
        self.unnamed = False
        self._statements: dict[str, PreparedStatement[asyncpg.Record]] = {}
        peer = transport.get_extra_info("socket")
        self._readable = _readable(peer)
        if peer.family in (socket.AF_INET, socket.AF_INET6):
            _keep_alive(peer)

    async def run(self, query: str, args: tuple[object, ...]) -> list[asyncpg.Record]:
        """All rows of one statement."""
        if not self.unnamed:
            return await self.fetch(query, *args)
        return await (await self._statement(query)).fetch(*args)

    async def run_for_tag(self, query: str, args: tuple[object, ...]) -> str:
        """The command tag of one statement."""
        if not self.unnamed:
            return await self.execute(query, *args)
        statement = await self._statement(query)
        await statement.fetch(*args)
        return statement.get_statusmsg() or ""

    async def run_each(self, query: str, many: Sequence[tuple[object, ...]]) -> list[asyncpg.Record]:
        """All rows of one statement for each of several arguments, sent without waiting in between."""
        if not self.unnamed:
            return await self.fetchmany(query, many)
        rows: list[asyncpg.Record] = []
        for args in many:
            rows += await self.run(query, args)
        return rows

    async def _statement(self, query: str) -> PreparedStatement[asyncpg.Record]:
        """An unnamed statement. asyncpg learns its types once; then it sends text, arguments and
        execution in one message, which a pooler gives to one server connection as a whole."""
        statement = self._statements.get(query)
        if statement is None:
            if len(self._statements) >= STATEMENTS:
                self._statements.clear()
            statement = self._statements[query] = await self.prepare(query, name="")
        return statement

    async def hung_up(self) -> bool:
        """Whether the peer closed an idle connection. Looks at the socket, sends nothing."""
        if self.is_closed():
            return True
        if not self._readable():
            return False
        # Something arrived while nothing was asked: almost always a farewell. Let asyncio read it.
        for _ in range(3):
            await asyncio.sleep(0)
        return self.is_closed() or bool(self._readable())


def _readable(peer: Any) -> Callable[[], object]:
    """A cheap question (1 µs) whether the socket has something to read."""
    if not hasattr(select, "poll"):  # Windows
        return lambda: select.select([peer], [], [], 0)[0]
    poll = select.poll()
    poll.register(peer.fileno(), select.POLLIN | select.POLLHUP)
    return lambda: poll.poll(0)


def _keep_alive(peer: Any) -> None:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", KEEPALIVE_IDLE_SECONDS),
        ("TCP_KEEPINTVL", KEEPALIVE_INTERVAL_SECONDS),
        ("TCP_KEEPCNT", KEEPALIVE_PROBES),
        ("TCP_USER_TIMEOUT", UNACKNOWLEDGED_MILLISECONDS),
    ):
        option = getattr(socket, name, None)  # which of them exist differs by platform
        if option is not None:
            peer.setsockopt(socket.IPPROTO_TCP, option, value)


class Connector:
    """Opens connections to one target.

    target:        may be replaced by what `before_connect` returns.
    transaction:   whether a transaction-mode pooler stands in between; None until known.
    failed:        what the newest attempt that failed did so of, and its monotonic time; None: none did
                   since the last that came about.
    connect_timeout, statement_timeout:  seconds.
    before_connect:  called before the next attempt after a connection failed; many tasks that
                   fail at once share one call.
    """

    def __init__(
        self,
        target: Target,
        *,
        connect_timeout: float,
        statement_timeout: float,
        before_connect: Callable[[], Awaitable[Target]] | None,
    ) -> None:
        self.target = target
        self.transaction: bool | None = None if target.pooler == "auto" else target.pooler == "transaction"
        self.failed: tuple[BaseException, float] | None = None
        # The server itself answered: later connections set what is the session's while they connect.
        self._direct = False
        self._connect_timeout = connect_timeout
        self._statement_timeout = statement_timeout
        self._before_connect = before_connect
        self._suspect = False
        self._reviving: asyncio.Task[None] | None = None

    def suspect(self) -> None:
        """A connection broke: the server may be gone."""
        self._suspect = True

    async def open(self) -> Connection:
        """A connection, after as many attempts as the time limit allows.

        Raises: NotReady at once where trying again is useless, Unavailable after the limit.
        """
        deadline = time.monotonic() + self._connect_timeout
        delay = FIRST_DELAY_SECONDS
        cause: BaseException | None = None
        while True:
            if self._suspect and self._before_connect is not None:
                await self._revive(self._before_connect)
            try:
                connection = await self._attempt(deadline - time.monotonic())
            except failures.DRIVER_ERRORS as error:
                refusal = failures.refuses(error)
                if refusal is not None:
                    raise refusal from error
                self._suspect = True
                if cause is None or not isinstance(error, TimeoutError):
                    cause = error  # an attempt that our limit cut short says less than the one before
                self.failed = cause, time.monotonic()
                pause = delay * (0.5 + secrets.randbelow(1001) / 1000)
                if time.monotonic() + pause >= deadline:
                    raise failures.unreachable(cause, self._connect_timeout) from cause
                await asyncio.sleep(pause)
                delay = min(delay * 2, LONGEST_DELAY_SECONDS)
            else:
                self.failed = None
                return connection

    async def _attempt(self, seconds: float) -> Connection:
        # What was known when it began: another attempt may find it out while this one connects without.
        known, settled = self.transaction, self._direct
        connection = await self._connect(seconds)
        if known or settled:
            return connection
        try:
            if self.transaction is None:
                self._direct = await self._settle(
                    connection, f"pg_backend_pid() = {connection.get_server_pid()}"
                )
                self.transaction = not self._direct
            elif not self.transaction:
                # Somebody said that there is no transaction-mode pooler, but what stands in
                # between may still be particular about startup parameters.
                await self._settle(connection, "true")
        except BaseException:
            connection.terminate()
            raise
        if self.transaction:
            # asyncpg decides when it connects whether statements get names.
            connection.terminate()
            connection = await self._connect(seconds)
        return connection

    async def _connect(self, seconds: float) -> Connection:
        arguments = dict(self.target.connect_args)
        if self._direct:
            settings = arguments.get("server_settings", {})
            arguments["server_settings"] = {**settings, **self._of_session()}
        arguments["timeout"] = min(max(seconds, 0.1), arguments.get("timeout", seconds))
        connection = await asyncpg.connect(
            **arguments,
            connection_class=Connection,
            command_timeout=self._statement_timeout + CLIENT_GRACE_SECONDS,
            statement_cache_size=0 if self.transaction else STATEMENTS,
            max_cached_statement_lifetime=0,
        )
        connection.unnamed = self.transaction is True
        return connection

    async def _settle(self, connection: Connection, condition: str) -> bool:
        """Set what is this session's if `condition` holds; whether it did.

        PgBouncer invents the backend id that it gives a client, so comparing the ids finds it.
        One message without a prepared statement, which through a pooler changes nothing and
        leaves nothing behind.
        """
        settings = ", ".join(
            f"set_config('{name}', '{value}', false)" for name, value in self._of_session().items()
        )
        return await connection.execute(f"SELECT {settings} WHERE {condition}") == "SELECT 1"

    def _of_session(self) -> dict[str, str]:
        milliseconds = max(1, round(self._statement_timeout * 1000))
        return {"statement_timeout": str(milliseconds), "default_transaction_isolation": ISOLATION}

    async def _revive(self, before_connect: Callable[[], Awaitable[Target]]) -> None:
        if self._reviving is None or self._reviving.done():
            self._reviving = asyncio.create_task(self._call(before_connect))
        # A caller that is cancelled does not take the others' attempt with it.
        await asyncio.shield(self._reviving)

    async def _call(self, before_connect: Callable[[], Awaitable[Target]]) -> None:
        self._suspect = False
        try:
            self.target = await before_connect()
        except OSError as error:
            self._suspect = True
            raise Unavailable(
                "The embedded database could not be started; see `recollect doctor`."
            ) from error
        except BaseException:
            self._suspect = True
            raise

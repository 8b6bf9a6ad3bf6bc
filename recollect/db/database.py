"""The database as the verbs see it: one call, or a transaction of one user.

Every statement goes through here, on asyncpg (docs/decisions/connections-asyncpg-at-run-time.md),
so there is one place where the user is set.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Self, TypeVar

import asyncpg

from recollect.db import failures
from recollect.db.activity import Counts, PoolUse
from recollect.db.connector import Connection, Connector
from recollect.db.failures import DRIVER_ERRORS
from recollect.db.pool import Pool
from recollect.db.replica import Replica
from recollect.db.target import Target
from recollect.db.turns import Turns
from recollect.models.errors import InvalidArgument, NotReady, Unavailable
from recollect.models.parts import check_storable

MAX_USER_ID_CHARS = 255


class ReadTx:
    """An open transaction, for statements that read."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def fetch(self, query: str, *args: object) -> list[asyncpg.Record]:
        """All rows."""
        connection = self._connection
        try:
            return await connection.run(query, args)
        except DRIVER_ERRORS as error:
            # Whatever broke, the commit was not sent.
            problem = failures.explain(error, closed=connection.is_closed(), undone=True)
            if problem is None:
                raise
            raise problem from error

    async def fetchrow(self, query: str, *args: object) -> asyncpg.Record | None:
        """The first row, None if there is none. All rows are sent: say LIMIT 1 in the query."""
        rows = await self.fetch(query, *args)
        return rows[0] if rows else None

    async def fetchval(self, query: str, *args: object) -> Any:
        """The first column of the first row, None if there is no row."""
        rows = await self.fetch(query, *args)
        return rows[0][0] if rows else None


class WriteTx(ReadTx):
    """An open transaction of one user, for statements that read or write."""

    __slots__ = ()

    async def fetch_each(self, query: str, many: Sequence[tuple[object, ...]]) -> list[asyncpg.Record]:
        """All rows of one statement, run for each of several arguments in their order."""
        connection = self._connection
        try:
            return await connection.run_each(query, many)
        except DRIVER_ERRORS as error:
            problem = failures.explain(error, closed=connection.is_closed(), undone=True)
            if problem is None:
                raise
            raise problem from error

    async def execute(self, query: str, *args: object) -> str:
        """Run one statement; its command tag, such as `UPDATE 3`."""
        connection = self._connection
        try:
            return await connection.run_for_tag(query, args)
        except DRIVER_ERRORS as error:
            problem = failures.explain(error, closed=connection.is_closed(), undone=True)
            if problem is None:
                raise
            raise problem from error


Tx = TypeVar("Tx", ReadTx, WriteTx)
T = TypeVar("T")


class Database:
    """Connections to one target, shared by all tasks of one event loop.

    distributed:  it is a Citus coordinator; whoever looks at the database when it is opened says so.

    Raises everywhere: Unavailable (and OutcomeUnknown), NotReady, see `recollect.db.failures`.
    Broken constraints come through as asyncpg's errors, for the verb to tell by their name.
    """

    def __init__(self, pool: Pool, turns: Turns, replica: Replica[Database] | None = None) -> None:
        self._pool = pool
        self.turns = turns
        self._replica = replica
        self.distributed = False
        self.counts = Counts()

    @classmethod
    async def open(
        cls,
        target: Target,
        *,
        pool_size: int,
        connect_timeout: float,
        statement_timeout: float,
        max_idle: float,
        wait: float | None = None,
        before_connect: Callable[[], Awaitable[Target]] | None = None,
        replica: Replica[Database] | None = None,
    ) -> Self:
        """A database without connections: the first use opens one.

        pool_size:          most connections at once.
        connect_timeout:    seconds to keep trying to connect, while a database wakes up.
        statement_timeout:  seconds one statement may take, and that one waits for other appends to the same
                            conversation.
        max_idle:           seconds after which an unused connection is closed.
        wait:               seconds that one waits for a connection; default: as long as a statement may take.
        before_connect:     called before the next attempt after a connection failed, once for
                            all that wait: revives the server and says where it is now.
        replica:            what answers `anywhere` while it can; closed with this.
        """
        connector = Connector(
            target,
            connect_timeout=connect_timeout,
            statement_timeout=statement_timeout,
            before_connect=before_connect,
        )
        patience = statement_timeout if wait is None else wait
        pool = Pool(connector, size=pool_size, max_idle=max_idle, wait=patience)
        return cls(pool, Turns(pool_size, statement_timeout), replica)

    async def close(self, timeout: float = 5) -> None:
        """Let what is under way finish, at most `timeout` seconds, and close all connections."""
        others = () if self._replica is None else (self._replica.close(timeout),)
        await asyncio.gather(self._pool.close(timeout), *others)

    def pool_use(self) -> PoolUse:
        """How many connections there are, and who waits for one."""
        return self._pool.use()

    def unreachable(self, seconds: float) -> Unavailable | None:
        """Why no connection came about within the last `seconds`, where somebody tried."""
        failed = self._pool.connector.failed
        if failed is None or time.monotonic() - failed[1] > seconds:
            return None
        return failures.unreachable(failed[0], seconds)

    async def open_direct(self) -> Connection | None:
        """A connection beside the pool, for LISTEN; its user closes it. None where a transaction-mode
        pooler stands in between: what hears there is a server connection that belongs to nobody."""
        connection = await self._pool.connector.open()
        if self._pool.connector.transaction:
            connection.terminate()
            return None
        return connection

    async def call(self, query: str, *args: object, repeatable: bool) -> list[asyncpg.Record]:
        """Call one of our functions that set the user themselves: one statement, one round trip.

        repeatable:  running it twice does no harm (it reads, or writes under an idempotency
                     key). Then a connection that breaks is worth a second attempt; otherwise
                     that raises OutcomeUnknown, unless nothing had been sent.
        """
        pool = self._pool
        connection = await pool.take()
        again = repeatable
        while True:
            try:
                rows = await connection.run(query, args)
            except DRIVER_ERRORS as error:
                closed = connection.is_closed()
                pool.give_after(error, connection)
                if not (again and failures.is_loss(error, closed=closed)):
                    problem = failures.explain(error, closed=closed, undone=repeatable)
                    if problem is None:
                        raise
                    raise problem from error
            except BaseException:
                pool.give_interrupted(connection)
                raise
            else:
                pool.give(connection)
                return rows
            again = False
            self.counts.retries += 1
            connection = await pool.take_fresh()

    async def anywhere(self, work: Callable[[Database], Awaitable[T]]) -> T:
        """A read that may be a little old: on the replica where there is one that answers, else here.

        work:  reads from the database that it is given, and may be called once more with another.
        """
        replica = self._replica
        if replica is not None and replica.usable():
            try:
                answer = await work(replica.database)
            except (Unavailable, NotReady, *DRIVER_ERRORS) as error:
                if not replica.forgives(error):
                    raise
                self.counts.replica["failed"] += 1
            else:
                self.counts.replica["answered"] += 1
                return answer
        return await work(self)

    def read(self, user_id: str) -> AbstractAsyncContextManager[ReadTx]:
        """A READ ONLY transaction of one user, opened with one message.

        Raises: InvalidArgument for a user id that is empty, too long or cannot be stored.
        """
        return self._transaction(f"BEGIN READ ONLY; {_become(user_id)}", ReadTx, failures.LOST)

    def snapshot(self, user_id: str) -> AbstractAsyncContextManager[ReadTx]:
        """A READ ONLY transaction of one user in which all statements see the same moment.

        Raises: InvalidArgument for a user id that is empty, too long or cannot be stored.
        """
        opening = f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {_become(user_id)}"
        return self._transaction(opening, ReadTx, failures.LOST)

    def write(self, user_id: str) -> AbstractAsyncContextManager[WriteTx]:
        """A transaction of one user: committed at the end, rolled back on any error.

        Raises: InvalidArgument for a user id that is empty, too long or cannot be stored;
        OutcomeUnknown if the connection breaks while it commits.
        """
        return self._transaction(f"BEGIN; {_become(user_id)}", WriteTx, failures.UNKNOWN)

    def system(self) -> AbstractAsyncContextManager[ReadTx]:
        """A READ ONLY transaction under the connection's own role, without a user.

        For the catalog and settings of the server (`recollect doctor`, version checks) alone.
        """
        return self._transaction("BEGIN READ ONLY", ReadTx, failures.LOST)

    @asynccontextmanager
    async def _transaction(self, opening: str, kind: type[Tx], lost: str) -> AsyncGenerator[Tx]:
        connection = await self._begin(opening)
        try:
            yield kind(connection)
        except BaseException:
            self._pool.give_interrupted(connection)
            raise
        try:
            tag = await connection.execute("COMMIT")
        except DRIVER_ERRORS as error:
            closed = connection.is_closed()
            self._pool.give_after(error, connection)
            problem = failures.explain(error, closed=closed, undone=lost is failures.LOST)
            if problem is None:
                raise
            raise problem from error
        except BaseException:
            self._pool.give_interrupted(connection)
            raise
        self._pool.give(connection)
        if tag != "COMMIT":
            raise RuntimeError("a statement failed and its error was swallowed; nothing was committed")

    async def _begin(self, opening: str) -> Connection:
        """A connection in a transaction. Nothing of the caller was sent yet, so one retry is free."""
        connection = await self._pool.take()
        again = True
        while True:
            try:
                await connection.execute(opening)
            except DRIVER_ERRORS as error:
                closed = connection.is_closed()
                self._pool.give_after(error, connection)
                if not (again and failures.is_loss(error, closed=closed)):
                    problem = failures.explain_opening(error, closed=closed)
                    if problem is None:
                        raise
                    raise problem from error
            except BaseException:
                self._pool.give_interrupted(connection)
                raise
            else:
                return connection
            again = False
            self.counts.retries += 1
            connection = await self._pool.take_fresh()


def _become(user_id: str) -> str:
    """Statements as text: a literal, not a parameter, reaches Citus workers, and they fit into the
    message that opens the transaction.

    Without sorts the planner walks the index that has the order, also in a new database, of
    which it has no statistics yet and would read all of a user's rows to sort them.
    """
    if not 0 < len(user_id) <= MAX_USER_ID_CHARS:
        raise InvalidArgument("user_id", f"must have 1 to {MAX_USER_ID_CHARS} characters")
    check_storable("user_id", user_id)
    # In E'' a backslash escapes and '' is a quote, whatever standard_conforming_strings says.
    literal = "E'" + user_id.replace("\\", "\\\\").replace("'", "''") + "'"
    return (
        f"SET LOCAL ROLE recollect_app; SET LOCAL recollect.user_id = {literal}; SET LOCAL enable_sort = off"
    )

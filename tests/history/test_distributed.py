"""What is different where Citus has the tables in parts on several nodes, on one PostgreSQL that is made to do
the same."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from recollect.db.link import link_users
from recollect.history.history import History
from recollect.history.store import Recollect
from recollect.models.errors import NotFound, NotReady
from recollect.models.message import NewMessage
from recollect.settings import Settings
from tests.history.test_turns import wait_for

HELLO = NewMessage("user", "hello")

# What Citus names in the error of a part is the constraint with the part's number behind it.
KEY_OF_A_PART = "ALTER INDEX recollect.message_key_idx RENAME TO message_key_idx_102014"
LINK_OF_A_PART = (
    "ALTER TABLE recollect.conversation "
    "RENAME CONSTRAINT conversation_users_fkey TO conversation_users_fkey_102009"
)

# The first transaction that asks for a conversation does not see any: its user is unknown where the rows are.
MOVING = (
    "CREATE TABLE public.moved (first xid8)",
    """CREATE FUNCTION public.arrived() RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
        INSERT INTO public.moved SELECT pg_current_xact_id() WHERE NOT EXISTS (SELECT FROM public.moved);
        RETURN pg_current_xact_id() <> (SELECT first FROM public.moved);
    END $$""",
    "CREATE POLICY arrived ON recollect.conversation AS RESTRICTIVE USING (public.arrived())",
)

CALLS: dict[str, Callable[[History, str], Awaitable[object]]] = {
    "append": lambda history, id: history.append(id, HELLO),
    "open_turn": lambda history, id: history.open_turn(HELLO, key="again", id=id),
    "context": lambda history, id: history.context(id),
    "list_messages": lambda history, id: history.list_messages(id),
    "read_message": lambda history, id: history.read_message(id, 1),
}


async def test_the_same_append_twice_at_once_lands_once_where_an_error_names_a_part(
    admin: asyncpg.Connection[asyncpg.Record], history: History
) -> None:
    await admin.execute(KEY_OF_A_PART)
    c = (await history.create()).id
    await admin.execute("BEGIN; SELECT FROM recollect.conversation FOR UPDATE")
    twice = [asyncio.create_task(history.append(c, HELLO, key="once")) for _ in range(2)]
    await wait_for(admin, 2)  # neither has seen the other
    await admin.execute("ROLLBACK")
    first, second = await asyncio.gather(*twice)
    assert first.first_seq == second.first_seq == 1
    assert {first.replayed, second.replayed} == {True, False}


async def test_a_user_whom_the_linked_table_lacks_is_explained_where_an_error_names_a_part(
    admin: asyncpg.Connection[asyncpg.Record], history: History
) -> None:
    await admin.execute("CREATE TABLE public.users (id text PRIMARY KEY)")
    await link_users(admin, "public.users.id")
    await admin.execute(LINK_OF_A_PART)
    with pytest.raises(NotReady, match="create the user there first"):
        await history.create()
    with pytest.raises(NotReady, match="create the user there first"):
        await history.open_turn(HELLO, key="new")


@pytest.mark.parametrize("name", CALLS)
async def test_a_conversation_that_is_moving_to_another_node_is_found(
    admin: asyncpg.Connection[asyncpg.Record], settings: Settings, name: str
) -> None:
    async with Recollect.open(settings) as store:
        history = store.for_user("alice")
        id = (await history.create()).id
        await history.append(id, HELLO)
        for statement in MOVING:
            await admin.execute(statement)
        store.database.distributed = True
        await CALLS[name](history, id)


@pytest.mark.parametrize("name", CALLS)
async def test_a_conversation_that_is_on_no_node_is_told_as_missing(settings: Settings, name: str) -> None:
    async with Recollect.open(settings) as store:
        store.database.distributed = True
        with pytest.raises(NotFound):
            await CALLS[name](store.for_user("alice"), "nowhere")

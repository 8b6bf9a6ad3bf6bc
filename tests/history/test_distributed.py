"""What is different where Citus has the tables in parts on several nodes, on one PostgreSQL that is made to
do the same."""

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
from tests.citus import nodes
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


PART_OF = """SELECT shardid, nodeport FROM citus_shards
WHERE table_name = 'recollect.conversation'::regclass
  AND shardid = get_shard_id_for_distribution_column('recollect.conversation', $1::text)"""


@pytest.fixture
def two_nodes(database_url: str) -> tuple[int, int]:
    """The ports of two nodes, where the tests run on Citus."""
    ports = [port for _, port in nodes(database_url)]
    if len(ports) < 2:
        pytest.skip("needs RECOLLECT_TEST_DATABASE_URL to name a Citus coordinator with two workers")
    return ports[0], ports[1]


MOVE = """SELECT citus_move_shard_placement(
    $1, a.nodename, a.nodeport, b.nodename, b.nodeport, 'block_writes'
) FROM pg_dist_node AS a, pg_dist_node AS b WHERE a.nodeport = $2 AND b.nodeport = $3"""


async def test_writers_do_not_notice_that_their_part_moves(
    two_nodes: tuple[int, int], admin: asyncpg.Connection[asyncpg.Record], store: Recollect
) -> None:
    written: dict[str, int] = dict.fromkeys(("alice", "bob", "carol", "dave"), 0)
    moved = asyncio.Event()

    async def write(user: str) -> None:
        history = store.for_user(user)
        await history.create(id="c")
        while not moved.is_set():
            number = written[user] + 1
            done = await history.append("c", NewMessage("user", str(number)), key=str(number))
            assert done.first_seq == number
            assert (await history.context("c", max_tokens=100)).head == number
            written[user] = number

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for user in written:
            group.create_task(write(user))
        for _ in range(4):
            before = dict(written)
            for _ in range(3_000):
                if all(written[user] >= before[user] + 2 for user in written):
                    break
                await asyncio.sleep(0.01)
            part, here = await admin.fetchrow(PART_OF, "alice") or (0, 0)
            await admin.execute(MOVE, part, here, sum(two_nodes) - here)
        moved.set()
    for user, count in written.items():
        page = await store.for_user(user).list_messages("c", limit=500)
        assert [message.text for message in page.messages] == [str(message.seq) for message in page.messages]
        assert page.head == count

"""One of several processes that share a pooler: `python -m tests.db.pool_worker URL USER ROUNDS`.

Prints how many uses of the database saw what they had to see; stops at the first that did not.
"""

from __future__ import annotations

import asyncio
import sys

from recollect.db.database import Database
from recollect.db.target import parse_url


async def work(url: str, user: str, rounds: int) -> int:
    """Mix single calls with transactions of many users, over more tasks than connections."""
    db = await Database.open(
        parse_url(url), pool_size=4, connect_timeout=20, statement_timeout=20, max_idle=60
    )

    async def task(number: int) -> int:
        name = f"{user}-{number}"
        for step in range(rounds):
            rows = await db.call("SELECT $1::text, $2::int[]", name, [step, number], repeatable=False)
            assert tuple(rows[0]) == (name, [step, number])
            async with db.write(name) as tx:
                before = await tx.fetchval("SELECT current_setting('recollect.user_id')")
                rows = await tx.fetch("SELECT current_user::text, $1::int", step)
                assert before == name
                assert tuple(rows[0]) == ("recollect_app", step)
                assert await tx.execute("SELECT $1::text", name) == "SELECT 1"
            rows = await db.call(
                "SELECT current_user = session_user, current_setting('recollect.user_id', true)",
                repeatable=True,
            )
            assert rows[0][0], "the role leaked"
            assert not rows[0][1], "the user leaked"
        return rounds

    try:
        return sum(await asyncio.gather(*(task(number) for number in range(8))))
    finally:
        await db.close()


if __name__ == "__main__":
    print(asyncio.run(work(sys.argv[1], sys.argv[2], int(sys.argv[3]))))

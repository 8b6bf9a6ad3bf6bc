"""A primary of a test's own with a hot standby that streams from it: both are embedded servers, and so
run as the account that those run as."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from recollect.db.embedded import EmbeddedPostgres, stop
from recollect.db.embedded.layout import Layout
from recollect.db.migrate import migrate
from recollect.db.target import parse_url
from tests.conftest import run_sql
from tests.db.servers import query, wait_until
from tests.folders import server_folder


class Standby:
    """A hot standby. primary: its primary's URL, of a migrated database; url: its own."""

    def __init__(self, primary: str, home: Path) -> None:
        self.primary = primary
        self._home = home
        self._server = EmbeddedPostgres(home, grace_seconds=1)
        self.url = self._server.ensure()

    async def pause(self) -> None:
        """From now on it knows nothing new."""
        await self.catch_up()
        await asyncio.to_thread(self._pause)

    async def resume(self) -> None:
        """It goes on, and has what the primary had when this was called."""
        await asyncio.to_thread(run_sql, self.url, "SELECT pg_wal_replay_resume()")
        await self.catch_up()

    async def catch_up(self) -> None:
        """It has what the primary had when this was called."""
        await asyncio.to_thread(self._catch_up)

    def _pause(self) -> None:
        run_sql(self.url, "SELECT pg_wal_replay_pause()")
        wait_until(lambda: query(self.url, "SELECT pg_get_wal_replay_pause_state()")[0][0] == "paused")

    def _catch_up(self) -> None:
        end = query(self.primary, "SELECT pg_current_wal_lsn()::text")[0][0]
        reached = "SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn"
        wait_until(lambda: query(self.url, reached, end)[0][0])

    def stop(self) -> None:
        stop(self._home)

    def start(self) -> None:
        assert self._server.ensure() == self.url

    def end(self) -> None:
        self._server.release()
        stop(self._home)


@contextmanager
def standby() -> Generator[Standby]:
    """A new primary, and its standby: a copy of it, made while it stood still."""
    with server_folder() as folder:
        folder.chmod(0o711)  # root's servers reach each other as the account that they run as
        homes = folder / "primary", folder / "standby"
        server = EmbeddedPostgres(homes[0], grace_seconds=1)
        try:
            url = server.ensure()
            migrate(parse_url(url))
            # An embedded server has none of what a standby needs: it is alone.
            run_sql(url, "ALTER SYSTEM SET wal_level = replica", "ALTER SYSTEM SET max_wal_senders = 3")
            stop(homes[0])
            server.ensure()  # only what was written since can be followed
            stop(homes[0])
            subprocess.run(["cp", "-a", *homes], check=True)
            datas = [next(Layout.of_home(home).base.glob("data-*")) for home in homes]
            with (datas[0] / "pg_hba.conf").open("a") as access:
                access.write("local replication all trust\n")
            _let_follow(datas[1], Layout.of_home(homes[0]).run)
            assert server.ensure() == url
            follower = Standby(url, homes[1])
            try:
                yield follower
            finally:
                follower.end()
        finally:
            server.release()
            stop(homes[0])


def _let_follow(data: Path, socket: Path) -> None:
    with (data / "postgresql.auto.conf").open("a") as configuration:
        configuration.write(f"primary_conninfo = 'host={socket} user=recollect'\n")
        configuration.write("max_standby_streaming_delay = 0\n")
    signal = data / "standby.signal"
    subprocess.run(["cp", "-p", data / "PG_VERSION", signal], check=True)  # it has the right owner

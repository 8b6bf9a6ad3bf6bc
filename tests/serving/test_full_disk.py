"""A disk that fills up under a running server: it says so, loses nothing, and goes on when there is room."""

from __future__ import annotations

import asyncio
import base64
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Generator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.conftest import run_sql
from tests.mcp_server.http_process import Answer, HttpProcess, tool_call
from tests.serving.conftest import Start, rest, says

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="only root can make a small file system"
)

SMALL, LARGER = "size=4m", "size=64m"
INDEXES = """SELECT array_agg(indexrelid::regclass::text) FROM pg_index
WHERE indrelid = 'recollect.message'::regclass"""

MESSAGES = "/me/conversations/talk/messages"


class Disk:
    """A file system of a few megabytes, mounted at `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def mount(self, options: str) -> None:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")

    def grow(self) -> None:
        subprocess.run(["mount", "-o", f"remount,{LARGER}", str(self.folder)], check=True)

    def unmount(self) -> None:
        subprocess.run(["umount", str(self.folder)], check=True)


async def ask(url: str, query: str) -> Any:
    """A value from the database."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


@pytest.fixture
def disk(database_url: str) -> Generator[Disk]:
    """A small disk that holds the messages of the test's database, and nothing else."""
    space = f"small_{uuid.uuid4().hex[:12]}"
    with tempfile.TemporaryDirectory(prefix="rt") as folder:
        disk = Disk(Path(folder))
        disk.mount(SMALL)
        try:
            home = Path(asyncio.run(ask(database_url, "SHOW data_directory")))
            os.chown(folder, home.stat().st_uid, home.stat().st_gid)
            indexes = asyncio.run(ask(database_url, INDEXES))
            run_sql(
                database_url,
                f"CREATE TABLESPACE {space} LOCATION '{folder}'",
                f"ALTER TABLE recollect.message SET TABLESPACE {space}",
                *(f"ALTER INDEX {index} SET TABLESPACE {space}" for index in indexes),
            )
            yield disk
            run_sql(database_url, "DROP SCHEMA recollect CASCADE", f"DROP TABLESPACE {space}")
        finally:
            disk.unmount()


def test_a_full_disk_is_told_through_both_doors_loses_nothing_and_passes(disk: Disk, serve: Start) -> None:
    server = serve(RECOLLECT_LOG_FORMAT="json")
    rest(server, "POST", "/me/conversations", {"id": "talk"})
    kept: list[str] = []
    while (answer := append(server, len(kept), text := random_text())).status == 201:
        kept.append(text)
        assert len(kept) < 200, "the disk does not fill up"
    assert kept, answer

    # What it says, and what it still does.
    assert answer.status == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "2"
    assert answer.json["type"] == "urn:recollect:problem:unavailable"
    assert "disk space" in answer.json["detail"]
    assert answer.json["detail"].endswith("Nothing was changed.")
    call = tool_call("append_message", conversation_id="talk", role="user", content=text, key="by-mcp")
    refused = server.send(call)
    assert refused.status == 200
    assert refused.json["result"]["isError"] is True
    assert "disk space" in refused.json["result"]["content"][0]["text"]
    assert stored(server) == kept
    assert server.ask("GET", "/readyz").status == 200
    for door in ("recollect.api", "recollect.mcp_server"):
        assert any(door in line and "disk space" in line for line in server.log().splitlines())

    # With room, the same requests go through, in the place that they would have had.
    disk.grow()
    again = append(server, len(kept), text)
    assert (again.status, again.json["last_seq"]) == (201, len(kept) + 1)
    assert server.send(call).json["result"]["structuredContent"]["head"] == len(kept) + 2
    assert stored(server) == [*kept, text, text]
    assert "Traceback" not in server.log()
    assert '"level":"ERROR"' not in server.log()


def append(server: HttpProcess, number: int, text: str) -> Answer:
    return rest(server, "POST", MESSAGES, says(text), Idempotency_Key=f"key-{number}")


def random_text() -> str:
    """About 100 kB that no compression makes smaller by much."""
    return base64.b64encode(os.urandom(75_000)).decode()


def stored(server: HttpProcess) -> list[str]:
    """All messages, as they are read."""
    said: list[str] = []
    while True:
        page = rest(server, "GET", f"{MESSAGES}?after={len(said)}&limit=20&max_chars=500000")
        assert page.status == 200, page
        found = [message["content"] for message in page.json["messages"]]
        if not found:
            return said
        said += found

"""An import that is killed and started again, and the memory that it takes."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from recollect.history.history import History
from recollect.history.importing import read
from recollect.history.store import Recollect
from recollect.models.imported import ImportedConversation
from tests.importing.chatgpt_files import conversation, write
from tests.importing.conftest import everything, import_into, outcomes


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """8,000 messages, in conversations of 1 to 2,000."""
    sizes = [1, 2, 2_000, 30, 500, 1_100, 499, 501, *[40] * 84]
    return write(
        tmp_path_factory.mktemp("large") / "conversations.json",
        *[
            conversation(
                f"c{number}", [f"message {number} {place} " * 20 for place in range(size)], head=size // 2
            )
            for number, size in enumerate(sizes)
        ],
    )


@pytest.fixture(params=["chatgpt", "recollect"])
async def archive(request: pytest.FixtureRequest, store: Recollect, large: Path, tmp_path: Path) -> Path:
    """The same conversations in another program's export and in our own."""
    if request.param == "chatgpt":
        return large
    carol = store.for_user("carol")
    await import_into(carol, large)
    own = tmp_path / "recollect.jsonl"
    own.write_text("".join([text async for text in carol.export()]))
    return own


@pytest.mark.parametrize("least", [1, 1_500, 5_000])
async def test_an_import_that_is_killed_goes_on_to_the_same_database(
    store: Recollect, history: History, database_url: str, archive: Path, least: int
) -> None:
    environment = {**os.environ, "RECOLLECT_DATABASE_URL": database_url, "RECOLLECT_USER_ID": "alice"}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "recollect", "import", str(archive)),
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while await _stored(history) < least:
            assert process.returncode is None, "the import ended before it could be killed"
    finally:
        process.kill()
        await process.wait()
    assert least <= await _stored(history) < 8_000
    await import_into(history, archive)
    bob = store.for_user("bob")
    await import_into(bob, archive)
    assert await everything(history) == await everything(bob)
    assert set(outcomes(await import_into(history, archive))) == {"unchanged"}


async def _stored(history: History) -> int:
    page = await history.list(limit=500, archived=None)
    return sum(one.message_count for one in page.conversations)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    peaks: list[int] = []
    for count in (20, 200):
        file = write(
            tmp_path / f"{count}.json", *[conversation(f"c{n}", ["words " * 100] * 50) for n in range(count)]
        )
        tracemalloc.start()
        try:
            found = sum(
                1 for one in read([file]) if isinstance(one, ImportedConversation) for _ in one.messages
            )
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        assert found == count * 50
    assert peaks[1] < 1.5 * peaks[0]

"""How fast an archive is imported, and in how much memory: `python -m benchmarks.importing`.

Makes an archive in ChatGPT's shape, imports it into an embedded PostgreSQL of its own, imports it
again, and exports it. About 20 seconds with the default of 50,000 messages. The curve shows the memory
after each tenth: this process's, and the server's own, what its processes share counted once.

    python -m benchmarks.importing --messages 1000000              an archive of 870 MB
    python -m benchmarks.importing --messages 100000 --words 500   an archive of 300 MB
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from recollect.db.embedded import status, stop
from recollect.history.history import History
from recollect.history.importing import read
from recollect.history.store import Recollect
from recollect.models.imported import ConversationReport
from recollect.settings import Settings

PER_CONVERSATION = 20
WORDS = (
    *("the", "a", "plan", "of", "visa", "she", "decided", "to", "go", "home", "budget", "tokens", "python"),
    *("import", "error", "when", "where", "how", "why", "because", "therefore", "train", "ticket", "cheap"),
    *("expensive", "morning", "evening", "answer", "question", "file", "line", "number"),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.importing", description=__doc__)
    parser.add_argument("--messages", type=int, default=50_000)
    parser.add_argument("--words", type=int, default=80, help="of a message, on average")
    parser.add_argument("--once", action="store_true", help="import it, and end")
    given = parser.parse_args()
    messages: int = given.messages
    for name in [name for name in os.environ if name.startswith("RECOLLECT_") or name == "DATABASE_URL"]:
        del os.environ[name]
    os.environ["RECOLLECT_CONFIG"] = os.devnull
    with tempfile.TemporaryDirectory(prefix="rb", ignore_cleanup_errors=True) as folder:
        home = Path(folder) / "home"
        archive = Path(folder) / "conversations.json"
        write_archive(archive, messages, given.words)
        print(f"{messages:,} messages, {archive.stat().st_size / 1e6:.0f} MB")
        try:
            asyncio.run(measure(home, archive, messages // PER_CONVERSATION, once=given.once))
        finally:
            stop(home)


def write_archive(path: Path, messages: int, words: int) -> None:
    """Conversations of 20 messages, of an eighth to twice the words."""
    chance = random.Random(1)
    with path.open("w") as file:
        for number in range(messages // PER_CONVERSATION):
            file.write(("," if number else "[") + json.dumps(conversation(number, chance, words)))
        file.write("]")


def conversation(number: int, chance: random.Random, words: int) -> dict[str, Any]:
    nodes: dict[str, Any] = {}
    before: str | None = None
    for place in range(PER_CONVERSATION):
        id = f"{number:08x}-{place:04x}-4000-8000-000000000000"
        nodes[id] = {
            "id": id,
            "parent": before,
            "children": [],
            "message": {
                "id": id,
                "author": {"role": "assistant" if place % 2 else "user"},
                "create_time": 1_700_000_000 + place,
                "content": {
                    "content_type": "text",
                    "parts": [" ".join(chance.choices(WORDS, k=chance.randint(words // 8, words * 15 // 8)))],
                },
                "metadata": {"model_slug": "gpt-5"} if place % 2 else {},
            },
        }
        if before is not None:
            nodes[before]["children"].append(id)
        before = id
    return {
        "title": f"Conversation {number}",
        "create_time": 1_700_000_000,
        "update_time": 1_700_000_000 + PER_CONVERSATION,
        "conversation_id": f"conversation-{number}",
        "current_node": before,
        "mapping": nodes,
    }


async def measure(home: Path, archive: Path, conversations: int, *, once: bool) -> None:
    async with Recollect.open(Settings.model_validate({"home": home})) as store:
        history = store.for_user("local")
        messages = 0
        for what in ("import",) if once else ("import", "import again"):
            began = time.monotonic()
            used = time.process_time()
            messages, curve = await imported(history, archive, home, conversations)
            seconds, used = time.monotonic() - began, time.process_time() - used
            print(f"{what:<13} {messages / seconds:>8,.0f} messages/s, {used / seconds:.0%} of a processor")
            for whose, sizes in zip(("this process", "the server"), zip(*curve, strict=True), strict=True):
                print(f"  {whose:<12} {' '.join(f'{size / 1e6:4.0f}' for size in sizes)} MB")
        if not once:
            began, size = time.monotonic(), 0
            async for piece in history.export():
                size += len(piece)
            seconds = time.monotonic() - began
            print(f"{'export':<13} {messages / seconds:>8,.0f} messages/s, {size / 1e6:.0f} MB")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(f"{'this process':<13} {peak / 1e6:>8,.0f} MB at most")


async def imported(
    history: History, archive: Path, home: Path, conversations: int
) -> tuple[int, list[tuple[int, int]]]:
    """How many messages were read, and the memory of this process and of the server after each tenth."""
    messages = number = 0
    curve: list[tuple[int, int]] = []
    async for report in history.import_conversations(read([archive])):
        if isinstance(report, ConversationReport):
            messages += report.messages
        number += 1
        if number % max(1, conversations // 10) == 0:
            curve.append((own_memory(), server_memory(home)))
    return messages, curve


def own_memory() -> int:
    """Bytes of this process right now; 0 where there is no /proc."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return 0


def server_memory(home: Path) -> int:
    """Bytes of the server's processes, what they share counted once; 0 where there is no /proc."""
    postmaster = status(home).postmaster_pid
    found = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(") ")[2].split()[1])
            if postmaster in (parent, int(folder.name)):
                lines = (folder / "smaps_rollup").read_text().splitlines()
                found += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
        except (OSError, ValueError, IndexError):
            continue  # it ended meanwhile
    return found


if __name__ == "__main__":
    main()

"""A process of several tasks that append to one conversation, and write down what they know.

Run as `python -m tests.history.appender NAME CONVERSATION TASKS APPENDS` with RECOLLECT_… set.
It prints ["ready"] and waits for a line, so that all processes start together. Every further line
that it prints is a JSON array: ["try", key] before an append, ["ack", key,
first_seq, last_seq, attempts] after its acknowledgement, and ["read", [seq, text] …] for the
run of messages that a task saw after its last look.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import anyio

from recollect.history.history import History
from recollect.history.store import Recollect
from recollect.models.errors import Unavailable
from recollect.models.message import NewMessage
from recollect.settings import Settings


async def main(name: str, conversation: str, tasks: int, appends: int) -> None:
    async with Recollect.open(Settings()) as store, anyio.create_task_group() as group:
        tell("ready")
        await anyio.to_thread.run_sync(sys.stdin.readline)
        for task in range(tasks):
            group.start_soon(work, store.for_user("alice"), conversation, f"{name}.{task}", appends)


async def work(history: History, conversation: str, name: str, appends: int) -> None:
    seen = 0
    for number in range(appends):
        key = f"{name}.{number}"
        messages = [NewMessage("user", f"{key}/{part}") for part in range(1 + number % 3)]
        tell("try", key)
        attempts = 0
        while True:
            attempts += 1
            try:
                done = await history.append(conversation, messages, key=key)
                break
            except Unavailable:
                # What an agent does: the same append again, under the same key.
                await anyio.sleep(0.02 * attempts)
                if attempts == 200:
                    raise
        tell("ack", key, done.first_seq, done.last_seq, attempts)
        if number % 4 == 3:
            seen = await look(history, conversation, seen)


async def look(history: History, conversation: str, seen: int) -> int:
    try:
        page = await history.list_messages(conversation, after=seen, limit=500)
    except Unavailable:
        return seen
    tell("read", seen, [[message.seq, message.text] for message in page.messages])
    return page.messages[-1].seq if page.messages else seen


def tell(*record: Any) -> None:
    # One write of one line: a line is there whole or not at all when the process is killed.
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))

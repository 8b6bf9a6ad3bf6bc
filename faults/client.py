"""A process of several tasks that write and read until its standard input ends.

Run as `python -m faults.client` with its Assignment as JSON in FAULTS_CLIENT, and RECOLLECT_… set
where it uses the library. Its records go to standard output.
"""

from __future__ import annotations

import json
import os
import random
import sys
from dataclasses import asdict, dataclass
from typing import Self

import anyio
from anyio import to_thread

from faults.doors import open_door
from faults.records import tell
from faults.writer import Writer


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a client has to do.

    door:           library, http or old. url: where that is; the library has RECOLLECT_DATABASE_URL.
    tokens:         an access token of each user, for http.
    conversations:  the conversations of each user; the last one is branched.
    """

    name: str
    door: str
    url: str
    tokens: dict[str, str]
    conversations: dict[str, list[str]]
    tasks: int
    seed: int

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        return cls(**json.loads(text))


async def main(given: Assignment) -> None:
    stopped = anyio.Event()
    async with open_door(given.door, given.url, given.tokens) as door, anyio.create_task_group() as group:
        users = list(given.conversations)
        for task in range(given.tasks):
            user, other = users[task % len(users)], users[(task + 1) % len(users)]
            writer = Writer(
                door,
                f"{given.name}.{task}",
                user,
                given.conversations[user],
                given.conversations[other][0],
                given.door == "old",
                random.Random(f"{given.seed} {given.name} {task}"),
            )
            group.start_soon(writer.work, stopped.is_set)
        # A thread of its own: nothing here may keep the others from working.
        await to_thread.run_sync(sys.stdin.read)
        stopped.set()
    tell("end")


if __name__ == "__main__":
    anyio.run(main, Assignment.from_json(os.environ["FAULTS_CLIENT"]))

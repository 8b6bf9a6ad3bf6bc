"""What every adapter is, and how the benchmark talks to it: JSON lines on standard input and output.

This runs in the environment of each peer, so it imports the standard library alone. An item of a
conversation is [kind, text, call]: kind is user, assistant, call or result; call is the id that ties
a result to its call. What a peer cannot do raises NotImplementedError.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import os
import random
import sys
import time
from collections import Counter
from typing import Any

Item = tuple[str, str, str]

SYLLABLES = ("ba", "ren", "to", "shi", "lum", "e", "qua", "dor", "ni", "kel", "sa", "vo", "tri", "fra")
VOCABULARY = 3_000
NOT_ASCII = 50
"""One word of so many has an accent, as in English with a few names and quotes."""


def _words() -> list[str]:
    chance = random.Random(1)
    words = ["".join(chance.choices(SYLLABLES, k=chance.randint(1, 4))) for _ in range(VOCABULARY)]
    return [word + "é" if number % NOT_ASCII == NOT_ASCII - 1 else word for number, word in enumerate(words)]


WORDS = _words()
# As in a language, a few words are most of a text.
WEIGHTS = list(itertools.accumulate(1 / (rank + 2) for rank in range(VOCABULARY)))


def text(seed: object, characters: int = 480) -> str:
    """A message of about 500 bytes, another one for each seed."""
    chance = random.Random(str(seed))
    words = chance.choices(WORDS, cum_weights=WEIGHTS, k=characters // 3)
    return f"{seed} {' '.join(words)}"[:characters]


def exchange(name: str) -> list[Item]:
    """A question, a tool call, its result and the answer."""
    return [
        ("user", text(f"{name} q"), ""),
        ("call", "{}", f"call_{name}"),
        ("result", text(f"{name} r"), f"call_{name}"),
        ("assistant", text(f"{name} a"), ""),
    ]


class Peer:
    """One system, as one user's program uses it. keyed: an append can be repeated under a key."""

    keyed = False
    users = True

    async def open(self, url: str) -> None:
        """Connect, with at most ten connections, and make the tables."""
        raise NotImplementedError

    async def append(self, id: str, items: list[Item], key: str | None = None) -> None:
        """Append to a conversation, which the first append begins."""
        raise NotImplementedError

    async def last(self, id: str, count: int) -> list[Item]:
        raise NotImplementedError

    async def whole(self, id: str) -> list[Item]:
        raise NotImplementedError

    async def window(self, id: str, count: int) -> list[Item]:
        """What a model would be given if about so many items fit."""
        return await self.last(id, count)

    async def context(self, id: str, tokens: int) -> list[Item]:
        """What a model would be given of so many tokens."""
        raise NotImplementedError

    async def list(self, count: int) -> int:
        """List the newest conversations; how many."""
        raise NotImplementedError

    async def erase(self) -> None:
        """Remove everything of the user."""
        raise NotImplementedError

    async def seen_by_other(self, id: str) -> int:
        """How many items of this conversation another user gets who knows its id."""
        raise NotImplementedError


class Work:
    """What the benchmark asks for."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.number = 0

    async def open(self, url: str) -> None:
        await self.peer.open(url)

    async def fill(self, id: str, count: int, step: int = 500, seconds: float = math.inf) -> int:
        """Fill a conversation, by so many messages in an append; gives the bytes of its texts."""
        size = 0
        deadline = time.monotonic() + seconds
        for start in range(0, count, step):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{start:,} of {count:,} messages were stored in {seconds:.0f} seconds")
            numbers = range(start, min(start + step, count))
            items = [(("user", "assistant")[n % 2], text(f"{id} {n}"), "") for n in numbers]
            size += sum(len(item[1].encode()) for item in items)
            await self.peer.append(id, items)
        return size

    async def many(self, count: int) -> None:
        """So many conversations with one message each."""
        for start in range(0, count, 8):
            ids = range(start, min(start + 8, count))
            await asyncio.gather(*(self.peer.append(f"many-{n}", [("user", text(n), "")]) for n in ids))

    async def time(self, work: str, id: str, calls: int, seconds: float) -> list[float]:
        """The seconds of each of so many calls; fewer, but three, when they take too long together."""
        taken: list[float] = []
        deadline = time.perf_counter() + seconds
        for _ in range(calls):
            self.number += 1
            made = self._call(work, id)
            began = time.perf_counter()
            await made
            ended = time.perf_counter()
            taken.append(ended - began)
            if ended > deadline and len(taken) >= 3:
                break
        return taken

    def _call(self, work: str, id: str) -> Any:
        match work:
            case "append":
                return self.peer.append(id, [("user", text(f"{id} + {self.number}"), "")])
            case "tools":
                return self.peer.append(id, exchange(f"{id} {self.number}"))
            case "last":
                return self.peer.last(id, 50)
            case "whole":
                return self.peer.whole(id)
            case "context":
                return self.peer.context(id, 8_000)
            case "list":
                return self.peer.list(20)
            case _:
                return self.peer.erase()

    async def turns(self, tasks: int, seconds: float) -> float:
        """Stateless turns a second: append, read the last 50, append, each task in its own conversation."""
        for task in range(tasks):
            await self.fill(f"turns-{tasks}-{task}", 20)
        deadline, done = time.perf_counter() + seconds, 0

        async def one(task: int) -> None:
            nonlocal done
            while time.perf_counter() < deadline:
                id = f"turns-{tasks}-{task}"
                await self.peer.append(id, [("user", text(done), "")])
                await self.peer.last(id, 50)
                await self.peer.append(id, [("assistant", text(-done), "")])
                done += 1

        began = time.perf_counter()
        await asyncio.gather(*(one(task) for task in range(tasks)))
        return done / (time.perf_counter() - began)

    async def hot(self, appends: int) -> dict[str, Any]:
        """So many appends at once to one conversation: seconds, and what became of them."""
        await self.peer.append("hot", [("user", "first", "")])
        began = time.perf_counter()
        calls = (self.peer.append("hot", [("user", f"hot {n}", "")]) for n in range(appends))
        done = await asyncio.gather(*calls, return_exceptions=True)
        took = time.perf_counter() - began
        failed = Counter(type(each).__name__ for each in done if isinstance(each, BaseException))
        kept = [item[1] for item in await self.peer.whole("hot")]
        acknowledged = {f"hot {n}" for n, each in enumerate(done) if not isinstance(each, BaseException)}
        return {
            "seconds": took,
            "failed": dict(failed),
            "lost": len(acknowledged - set(kept)),
            "doubled": len(kept) - len(set(kept)),
        }

    async def order(self) -> str:
        """Whether twenty appends, and twenty items of one append, come back in their order, twice."""
        wanted = [f"one {n}" for n in range(20)] + [f"many {n}" for n in range(20)]
        for n in range(20):
            await self.peer.append("order", [("user", f"one {n}", "")])
        await self.peer.append("order", [("user", f"many {n}", "") for n in range(20)])
        for _ in range(2):
            if [item[1] for item in await self.peer.whole("order")] != wanted:
                return "the order is another one"
        return ""

    async def retry(self) -> str:
        """Whether an append whose answer was lost can be sent again without standing there twice."""
        for _ in range(2):
            await self.peer.append("retry", [("user", "once", "")], key="k" if self.peer.keyed else None)
        count = len(await self.peer.whole("retry"))
        return "" if count == 1 else f"it is there {count} times"

    async def windows(self) -> str:
        """Whether a window of any size holds no result without its call, and no call without its result."""
        for n in range(5):
            await self.peer.append("windows", exchange(f"w{n}"))
        torn: list[int] = []
        for size in range(1, 21):
            items = await self.peer.window("windows", size)
            calls = [item[2] for item in items if item[0] == "call"]
            results = [item[2] for item in items if item[0] == "result"]
            if calls != results:
                torn.append(size)
        return "" if not torn else f"torn at {len(torn)} of 20 sizes, first at {torn[0]}"

    async def exact(self) -> str:
        """Whether what is hard to keep comes back as it was."""
        hard = {"NUL": "a\0b", "a lone surrogate": "a\ud800b", "5 MB": "0123456789abcdef\n" * 300_000}
        wrong: list[str] = []
        for number, (name, words) in enumerate(hard.items()):
            id = f"exact-{number}"
            try:
                await self.peer.append(id, [("user", words, "")])
                kept = [item[1] for item in await self.peer.whole(id)]
            except Exception as error:  # any refusal is the same to whoever wanted it kept
                wrong.append(f"{name}: {type(error).__name__}")
            else:
                if kept != [words]:
                    wrong.append(f"{name}: changed")
        return "; ".join(wrong)

    async def user(self) -> str:
        """Whether somebody else who knows a conversation's id sees nothing of it."""
        if not self.peer.users:
            return "it knows no users: who has the id has the conversation"
        await self.peer.append("private", [("user", "secret", "")])
        seen = await self.peer.seen_by_other("private")
        return "" if seen == 0 else f"another user saw {seen} items"

    async def burst(self, appends: int) -> str:
        """Appends one after another, each sent again until it works, while connections are killed."""
        patience = time.monotonic() + 20
        for n in range(appends):
            key = f"b{n}" if self.peer.keyed else None
            while True:
                try:
                    await self.peer.append("burst", [("user", f"b {n}", "")], key=key)
                    break
                except Exception as error:  # whatever a killed connection raises there
                    if time.monotonic() > patience:
                        return f"it did not recover: {type(error).__name__}"
                    await asyncio.sleep(0.01)
        kept = Counter(item[1] for item in await self.peer.whole("burst"))
        lost = sum(f"b {n}" not in kept for n in range(appends))
        doubled = sum(count - 1 for count in kept.values())
        said = [f"{lost} lost"] * bool(lost) + [f"{doubled} doubled"] * bool(doubled)
        return ", ".join(said)


def serve(peer: Peer) -> None:
    """Answer what standard input asks, until it ends."""
    # What a library prints must not get in between the answers.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    work = Work(peer)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            asked = json.loads(line)
            try:
                answer = {"answer": await getattr(work, asked.pop("do"))(**asked)}
            except NotImplementedError:
                answer = {"cannot": True}
            except Exception as error:  # told to the benchmark, which decides
                answer = {"error": f"{type(error).__name__}: {str(error)[:300]}"}
            print(json.dumps(answer), file=out, flush=True)

    asyncio.run(main())

"""A conversation as agents have them over weeks: 2,000 messages, the same for the same seed.

Prose, code, tool exchanges with large JSON results, logs of 30 kB that quote lines like ours,
failures, parallel calls, reasoning, Chinese, Japanese, Korean, emoji.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from recollect.models.message import NewMessage, Part

MESSAGES = 2_000
SEED = 20_261_125
LOG_CHARS = 30_000
BEGAN = datetime(2026, 9, 1, 8, 30, tzinfo=UTC)

INSTRUCTIONS = """\
You help the order team of a shop in Porto to move its order service to PostgreSQL.
Answer in the language of the question. Quote numbers exactly; never guess an order id."""

SUBJECTS = (
    *("the order service", "the nightly export", "the invoice job", "the stock table", "the price list"),
    *("the carrier's webhook", "the retry queue", "the migration", "the read replica", "the search page"),
)
EVENTS = (
    *("loses about 3% of its events", "waits for a lock on `orders`", "writes the total twice", "times out"),
    *("is slower since Tuesday", "rounds 0.125 € to 0.13 €", "skips rows whose `note` is NULL"),
    *("holds a connection while it talks to the carrier", "sorts by a clock that went back one hour"),
)
REASONS = (
    *("two workers take the same row", "the index on `(shop_id, created_at)` is not used"),
    *("the driver retries a statement that had already landed", "the batch is larger than the pool"),
    *("nobody reads the dead letters", "it compares a string with a number", "autovacuum is off there"),
)
STEPS = (
    *("take the row lock for the insert alone", "give every append a key", "log the order id"),
    *("move the call out of the transaction", "add `FOR UPDATE SKIP LOCKED`", "count on the replica"),
    *('quote the column "select"', "ask Inês for the carrier's contract", "roll back release 2026.34"),
)
ASIAN = (
    "注文サービスは昨夜からタイムアウトしています。原因を調べてください。",
    "迁移之后库存表的总数与旧系统相差三件。请先核对、再决定是否回滚。",
    "배송사 웹훅이 두 번 호출되었습니다. 중복된 주문은 취소하지 말고 표시만 해 주세요.",
    "請把昨天的會議紀錄整理成五點、並附上負責人與期限。",
    "「締め切りは金曜日ですか、それとも月曜日ですか」と田中さんが聞いていました。",
)
EMOJI = (
    "🎉🎉 it is green!",
    "👩🏽\u200d💻 on it 👀",
    "🇵🇹 Porto says thanks ☂️",
    "❌ → ✅ after the third retry",
    "🤷‍♀️ no idea",
)
NAMES = ("Inês Carvalho", "João Sá", "Zoë O'Brien", "Łukasz Żak", "田中 花子", 'Marie "Mimi" d\'Aoust')
TOOLS = ("query_orders", "read_logs", "get_invoice", "list_shipments", "run_migration_check")


def long_conversation(count: int = MESSAGES, seed: int = SEED) -> list[NewMessage]:
    """`count` messages that end with one of each kind that fits a window."""
    random = Random(seed)
    kinds: list[Callable[[Random], list[NewMessage]]] = [talk, talk, code, exchange, exchange, asian, emoji]
    last = [message for kind in (exchange, code, asian, emoji, talk) for message in kind(random)]
    messages: list[NewMessage] = []
    while len(messages) < count - len(last):
        messages += log(random) if random.random() < 0.01 else random.choice(kinds)(random)
    messages = messages[: count - len(last)] + last
    at = BEGAN
    for message in messages:
        at += timedelta(seconds=random.randrange(5, 2_000))
        message.occurred_at = at
    return messages


def talk(random: Random) -> list[NewMessage]:
    """A question, and an answer of several paragraphs."""
    steps = "\n".join(f"{number}. {_step(random)}" for number in range(1, random.randrange(3, 7)))
    answer = f"{_paragraph(random)}\n\nWhat I would do:\n\n{steps}\n\n{_paragraph(random)}"
    return [
        NewMessage("user", _question(random), author=random.choice((None, *NAMES))),
        NewMessage("assistant", answer),
    ]


def code(random: Random) -> list[NewMessage]:
    """An answer with code: quotes, backslashes, tabs, blank lines."""
    table = random.choice(("orders", "invoices", "shipments"))
    source = f"""\
Here is `{table}.py`; the pattern is greedy on purpose:

```python
\"\"\"Reads {table}.\"\"\"
import re

LINE = re.compile(r"^\\s*(?P<id>\\d{{{random.randrange(4, 9)}}})\\t\\"(?P<note>[^\\"\\\\]*)\\"$")


def read_{table}(path: str) -> list[dict[str, str]]:
\twith open(path, encoding="utf-8") as lines:
\t\treturn [found.groupdict() for line in lines if (found := LINE.match(line))]


if __name__ == "__main__":
\tprint(f"{{len(read_{table}('C:\\\\temp\\\\{table}.tsv'))}} rows\\n")
```

```sql
SELECT id, "note", total::numeric(12, 2)
FROM {table} WHERE shop_id = {random.randrange(1, 99)} AND note LIKE '%\\_%' ESCAPE '\\'
ORDER BY created_at DESC, id LIMIT {random.randrange(10, 500)};
```"""
    return [
        NewMessage("user", f'Write me a reader for the {table} export.\nTabs, please: <table> & "quotes".'),
        NewMessage("assistant", source, metadata={"model": "large-4", "latency_ms": random.randrange(9_000)}),
    ]


def exchange(random: Random) -> list[NewMessage]:
    """A question that takes one to three tools at once, one of which may fail."""
    calls = [(_id(random), random.choice(TOOLS)) for _ in range(random.randrange(1, 4))]
    parts: list[Part] = [
        {"type": "reasoning", "text": _paragraph(random), "signature": _id(random)},
        {"type": "text", "text": f"Let me look at {random.choice(SUBJECTS)}."},
    ]
    parts += [_call(id, name, {"shop": random.randrange(99), "since": "2026-11-01"}) for id, name in calls]
    messages = [NewMessage("user", _question(random)), NewMessage("assistant", parts)]
    for id, name in calls:
        failed = random.random() < 0.1
        content = "TimeoutError: no answer within 30 s" if failed else _rows(random, name)
        messages.append(_result(id, content, failed))
    return [*messages, NewMessage("assistant", _paragraph(random))]


def log(random: Random) -> list[NewMessage]:
    """A tool's output of 30 kB, with lines in it that look like a transcript's."""
    id = _id(random)
    lines: list[str] = []
    while sum(map(len, lines)) < LOG_CHARS:
        at = BEGAN + timedelta(milliseconds=random.randrange(10**9))
        level = random.choice(("INFO", "INFO", "WARN", "ERROR"))
        lines.append(f"{at.isoformat()} {level} [worker-{random.randrange(8)}] {random.choice(EVENTS)}")
    lines[20:20] = [
        "[#12 user 2026-11-23 10:04]",
        "→ query_orders (call x) {}",
        "</conversation>",
        "Head: 7.",
    ]
    return [
        NewMessage("user", f"Show me the log of {random.choice(SUBJECTS)}."),
        NewMessage("assistant", [_call(id, "read_logs", {"lines": len(lines)})]),
        _result(id, "\n".join(lines), False),
        NewMessage("assistant", f"{len(lines)} lines. {_paragraph(random)}"),
    ]


def asian(random: Random) -> list[NewMessage]:
    """Text without blanks, in several scripts."""
    said = random.sample(ASIAN, 3)
    return [
        NewMessage("user", said[0]),
        NewMessage("assistant", "\n".join(said[1:]) * random.randrange(1, 6)),
    ]


def emoji(random: Random) -> list[NewMessage]:
    """Short messages with joined, coloured and flag emoji."""
    return [NewMessage("user", random.choice(EMOJI)), NewMessage("assistant", random.choice(EMOJI))]


def _rows(random: Random, name: str) -> str:
    """A JSON result of 1 to 12 kB."""
    rows = [
        {
            "id": random.randrange(10**9),
            "customer": random.choice(NAMES),
            "total": round(random.uniform(1, 900), 2),
            "currency": "EUR",
            "note": random.choice((None, "leave at the door", 'says "ring twice"', "C:\\temp\\label.pdf")),
            "lines": [{"sku": f"SKU-{random.randrange(10**6):06}", "qty": random.randrange(1, 9)}] * 2,
        }
        for _ in range(random.randrange(4, 50))
    ]
    return json.dumps({"tool": name, "rows": rows, "next": None}, ensure_ascii=False)


def _question(random: Random) -> str:
    subject, event, reason = map(random.choice, (SUBJECTS, EVENTS, REASONS))
    return f"Why is it that {subject} {event}? Could it be that {reason}?"


def _paragraph(random: Random) -> str:
    return " ".join(
        f"I see that {random.choice(SUBJECTS)} {random.choice(EVENTS)}, because {random.choice(REASONS)}."
        for _ in range(random.randrange(1, 5))
    )


def _step(random: Random) -> str:
    return f"{random.choice(STEPS).capitalize()}, then check that {random.choice(SUBJECTS)} is well."


def _id(random: Random) -> str:
    return f"call_{random.getrandbits(96):024x}"


def _call(id: str, name: str, arguments: dict[str, Any]) -> Part:
    return {"type": "tool_call", "id": id, "name": name, "arguments": arguments}


def _result(id: str, content: str, failed: bool) -> NewMessage:
    part: Part = {"type": "tool_result", "call_id": id, "content": content}
    return NewMessage("tool", [part | {"is_error": True} if failed else part])

"""What one phase of a run found: complaints, counts, and how long it took until all clients went on."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import asyncpg

from faults.checker import Complaint, Head, Row, check
from faults.clients import Clients
from faults.records import Record, read
from recollect.db.target import parse_url

COUNTED = (
    "client processes",
    "conversations",
    "messages stored",
    "appends begun",
    "appends acknowledged",
    "of these only after a retry",
    "acknowledged appends sent once more",
    "appends refused, nothing stored",
    "keyless appends whose answer was lost",
    "of these stored after all",
    "reads",
    "messages read",
    "attempts to see another user's conversation, refused",
)
"""What `count` counts, in the order of the report."""


@dataclass(slots=True)
class Outcome:
    """One phase.

    recovered:  by fault, the seconds until each client had an acknowledgement again, each time.
    counts:     what the clients did, by name.
    """

    phase: str
    recovered: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    counts: Counter[str] = field(default_factory=Counter[str])
    complaints: list[Complaint] = field(default_factory=list[Complaint])
    seconds: float = 0.0


async def judge(outcome: Outcome, clients: Clients, url: str) -> None:
    """Have the checker read everything, once the clients have stopped."""
    histories = {client.given.name: read(client.records) for client in [*clients.running, *clients.past]}
    rows, heads = await final_state(url)
    outcome.complaints = check(histories, rows, heads, frozenset(clients.killed))
    outcome.counts = count(histories, rows, heads)


async def final_state(url: str) -> tuple[list[Row], list[Head]]:
    """All messages and conversations, as the superuser sees them."""
    connection = await asyncpg.connect(**parse_url(url).connect_args)
    try:
        messages = await connection.fetch(
            "SELECT user_id, conversation_id, seq, parent_seq, key, text FROM recollect.message"
        )
        conversations = await connection.fetch(
            "SELECT user_id, id, last_seq, head_seq, message_count FROM recollect.conversation"
        )
    finally:
        await connection.close()
    return [Row(*row) for row in messages], [Head(*row) for row in conversations]


def count(histories: Mapping[str, list[Record]], rows: list[Row], heads: list[Head]) -> Counter[str]:
    """What happened, in numbers."""
    stored = {row.text for row in rows}
    counts = Counter({"messages stored": len(rows), "conversations": len(heads)})
    counts["client processes"] = len(histories)
    for records in histories.values():
        first: dict[str, str] = {}
        for record in records:
            match record["is"]:
                case "try":
                    counts["appends begun"] += 1
                    first[record["name"]] = record["texts"][0]
                case "ack":
                    counts["appends acknowledged"] += 1
                    counts["of these only after a retry"] += record["attempts"] > 1
                case "again":
                    counts["acknowledged appends sent once more"] += 1
                case "refused":
                    counts["appends refused, nothing stored"] += 1
                case "unknown":
                    counts["keyless appends whose answer was lost"] += 1
                    counts["of these stored after all"] += first[record["name"]] in stored
                case "read":
                    counts["reads"] += 1
                    counts["messages read"] += len(record["run"])
                case "hidden":
                    counts["attempts to see another user's conversation, refused"] += 1
                case _:
                    pass
    return counts

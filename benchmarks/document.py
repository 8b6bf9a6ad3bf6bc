"""docs/benchmarks.md, made from one run."""

from __future__ import annotations

from benchmarks.contexts import LENGTHS
from benchmarks.report import Row, markdown
from benchmarks.sections import DOCS, read_section
from benchmarks.server_cost import CONCURRENT, TOOLS
from benchmarks.surroundings import Surroundings

DOCUMENT = DOCS / "benchmarks.md"

LOAD = "load"
"""The section that `benchmarks.load` writes."""

INTRODUCTION = """# What Recollect costs

Written by `make bench ARGS=--write`: every figure below is from the one run described here.

Each line compares Recollect with the least that the same could cost, measured in the same run,
on the same database, in turns. A ratio is the median over the rounds of the quotient of both
medians in a round; the range is that of the rounds.
"""

METHOD = """## How it is measured

- The database is the embedded PostgreSQL that Recollect starts itself, with its ordinary settings,
  on a fresh data folder. Recollect's verbs and the baseline have one connection each.
- **Append** against bare asyncpg that begins a transaction, updates a counter, inserts a message and
  commits, on two tables with nothing but their primary keys (`benchmarks/baseline.py`).
- **Load** against bare asyncpg that selects the columns of the last 50 messages. A rendered context
  does more than load; it is listed to inform.
- **Context**: what `History.context` gives for 8,000 tokens, rendered, against a SELECT of as many rows as
  it shows. For the prompt cache, a conversation with tool exchanges is played (`benchmarks/prefix_cache.py`).
- **Tools** over stdio against the same SDK's server with a tool that does nothing, both called by
  the SDK's client.
- **The least SQL, on a bare server**: the SDK's server whose tools run one statement of the same tables
  (`benchmarks/floor_server.py`), without users, keys, branches, search, metrics or checks of arguments. Over
  HTTP a minimal client asks two workers of each. Processor time is that of the server's own processes.
- **Start** from the start of the process to the answer of `tools/list`, over bare pipes, against the
  same empty server.
- Growth is compared between conversations of 10 and of 10,000 messages, for the same number of
  messages read or written.
"""


_CONTEXT = (
    "Beside reading the rows it adds up what fits, finds where the window may begin, renders and hashes it. "
    "The SELECT's own figure is mostly the way to the server and back. Rendering in C, or keeping rendered "
    "windows, would narrow it."
)

_APPEND = (
    "It indexes the words for search, which the baseline has not: some 0.1 ms in Python (words with accents, "
    "identifiers, the language) and 0.1 to 0.2 ms in PostgreSQL (stemming, and the index itself). Indexing "
    "later, in the background, would narrow it; then what was just said would not be found yet."
)

_OVER_HTTP = (
    "It is processor time, not waiting: see the line below it. Of that the layers around the SDK's server "
    "(host, origin, request id, metrics, spans) are the smaller part; the larger one is what the tool does "
    "and the floor's does not."
)

_TURNS = (
    "Client, servers and PostgreSQL share the processors, so it is the processor time of all of them: that "
    "of the two calls above, and in PostgreSQL the search index, row security and the key."
)

CAUSES = {
    "append to 10,000, by one statement": _APPEND,
    **{f"{tool} over HTTP": _OVER_HTTP for tool in TOOLS},
    **{f"a stateless turn over HTTP, of {tasks} at once": _TURNS for tasks in CONCURRENT},
    **{f"append one message to {length:,}": _APPEND for length in (10, 1_000, 10_000)},
    **{f"context of 8,000 tokens of {length:,} messages": _CONTEXT for length in LENGTHS},
    "open_turn over stdio": "It waits for the disk as append_message does, and carries an answer of tens of "
    "kilobytes as load_context does. See the line with 1,000 tokens for the first alone, and that of the "
    "least SQL on a bare server, which has to wait and to carry as much.",
    "open_turn of 1,000 tokens over stdio": "It waits for the disk as append_message does.",
    "append_message over stdio": "It stores durably: PostgreSQL answers when the log is on the disk, which "
    "an empty tool need not wait for. A faster disk narrows it; `synchronous_commit = off` would remove it, "
    "and lose acknowledged messages when the machine fails.",
    "load_context over stdio": "The answer is tens of kilobytes. About half of what it costs is to read and "
    "render that many messages, the other half to carry them: the SDK validates and encodes them in the "
    "server and again in the client (the line below compares with a tool that only returns as much text). "
    "A smaller `max_tokens` is cheaper.",
    "list_messages over stdio": "As with load_context: the size of the answer. A smaller `limit` is cheaper.",
}
"""Why a line may miss its bound, by its name, and what would help."""


def document(rows: list[Row], findings: list[str], surroundings: Surroundings) -> str:
    """The whole page; what another run wrote about load stays."""
    missed = [row.what for row in rows if row.met is False]
    verdict = "Every bound is met in this run."
    if missed:
        verdict = "Missed in this run:\n\n" + "\n".join(
            f"- {what}. {CAUSES.get(what, '')}".rstrip() for what in missed
        )
    machine = "\n".join(f"- {line}" for line in surroundings.lines())
    page = "\n\n".join([f"{INTRODUCTION}\n{machine}", markdown(rows), *findings, verdict, METHOD])
    return f"{page}\n{read_section(DOCUMENT, LOAD)}\n"

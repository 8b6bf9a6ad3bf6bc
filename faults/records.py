"""What the clients write down: one JSON object a line, so that a killed client's lines are whole.

Every record has `is`, what it tells, and `at`, when: nanoseconds of the machine's monotonic clock,
which all processes share. Of an append, `name` is unique in the run; its texts are `NAME/0`, `NAME/1` ….

    try      user, id (None: a conversation that begins), name, texts, key (None: none)
    ack      name, id, first, last, attempts            it is stored, and these are its places
    again    name, id, first, last, replayed            the same append sent once more on purpose
    refused  name                                       it was answered that nothing was stored
    unknown  name                                       sent without a key, and the answer was lost
    read     user, id, since, after, limit, run, last   run: [seq, text] …; last: the log's end as told
    hidden   user, id                                   another user's conversation could not be seen
    leaked   user, id                                   it could
    broken   why                                        an answer that no client should ever get
    end                                                 the client stopped with nothing under way

Nothing here, nor in the checker, imports the product.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

Record = dict[str, Any]


def now() -> int:
    """Nanoseconds on the clock that records carry."""
    return time.monotonic_ns()


def tell(what: str, **facts: Any) -> None:
    """Write one record to standard output, in one write."""
    sys.stdout.write(json.dumps({"is": what, "at": now(), **facts}, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def read(path: Path) -> list[Record]:
    """The records of one client. A line without its end belongs to a client that was killed."""
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]

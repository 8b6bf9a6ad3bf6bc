"""Receipts of context windows: what was rendered, so that it can be rendered again, byte for byte.

    w6.e4.anthropic.8000.86-1043.900.1c9f2b.3f9a2c1b8d7e6f50

The versions of the renderer and of the estimator, the format, the budget, the first message shown
and the one that the path ends with, the message that the summary goes up to (0: none), a hash of
instructions and summary, and a hash of all that was rendered.
"""

from __future__ import annotations

import json
import re
from hashlib import sha256
from typing import NamedTuple, cast

from recollect.db.messages import MAX_SEQ
from recollect.history.formats import FORMATS, Format
from recollect.history.tokens import ESTIMATOR
from recollect.models.errors import InvalidArgument
from recollect.models.message import ContextWindow

RENDERER = "w6"
"""The version of what windows show. It changes whenever any window's bytes do."""

_WRITTEN = re.compile(
    rf"(w\d+)\.(e\d+)\.({'|'.join(FORMATS)})\.(\d{{1,9}})\.(\d{{1,10}})-(\d{{1,10}})\.(\d{{1,10}})"
    r"\.([0-9a-f]{6})\.([0-9a-f]{16})",
    re.ASCII,
)

OTHER_MESSAGES = "the conversation of that id holds other messages, as after it was purged and made again"


class Receipt(NamedTuple):
    renderer: str
    estimator: str
    format: Format
    max_tokens: int
    first_seq: int
    tip: int
    summary_upto: int
    front: str
    digest: str

    def __str__(self) -> str:
        return (
            f"{self.renderer}.{self.estimator}.{self.format}.{self.max_tokens}."
            f"{self.first_seq}-{self.tip}.{self.summary_upto}.{self.front}.{self.digest}"
        )


def read(receipt: object) -> Receipt:
    """A receipt out of its text. Raises: InvalidArgument for what no window came with."""
    found = _WRITTEN.fullmatch(receipt) if isinstance(receipt, str) else None
    if found is None:
        raise refused()
    renderer, estimator, format, max_tokens, first, tip, summary, front, digest = found.groups()
    if max(int(first), int(tip), int(summary)) > MAX_SEQ:
        raise refused()
    return Receipt(
        renderer,
        estimator,
        cast("Format", format),
        int(max_tokens),
        int(first),
        int(tip),
        int(summary),
        front,
        digest,
    )


def refused() -> InvalidArgument:
    return InvalidArgument("receipt", "is not one that load_context gave; pass it as it was")


def write(window: ContextWindow, max_tokens: int, front: str) -> Receipt:
    """The receipt of a window. front: instructions and summary, as they are stored."""
    if window.format == "text":
        rendered = window.text
    else:
        rendered = json.dumps([window.messages, window.system], separators=(",", ":"))
    return Receipt(
        RENDERER,
        ESTIMATOR,
        cast("Format", window.format),
        max_tokens,
        window.first_seq,
        window.head,
        window.summary_upto,
        _digest(front, 6),
        _digest(rendered, 16),
    )


def difference(wanted: Receipt, made: Receipt) -> str | None:
    """Why a window is not the one that a receipt was made for; None if it is."""
    if wanted == made:
        return None
    if (wanted.renderer, wanted.estimator) != (made.renderer, made.estimator):
        return (
            f"it was made by renderer {wanted.renderer} with estimator {wanted.estimator}, and this is "
            f"{made.renderer} with {made.estimator}"
        )
    if wanted.summary_upto != made.summary_upto:
        return (
            f"the summary up to #{wanted.summary_upto} is not there now, or other instructions leave it out"
        )
    if wanted.front != made.front:
        return "the instructions or the summary were changed since"
    return OTHER_MESSAGES


def _digest(text: str, size: int) -> str:
    # Processors have instructions for this one: it takes half of what others do.
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:size]

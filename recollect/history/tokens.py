"""How many tokens a text costs a model: an estimate, made once, when a message is appended.

No download, no vocabulary, nothing to import: `token_prices` adds up what a text's characters cost.
docs/tokens.md has the errors. A count that the caller knows from its provider is always preferred to
this one.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, cast

from recollect.history.token_prices import weigh
from recollect.models.message import Part
from recollect.models.parts import part_text

ESTIMATOR = "e4"
"""The version of the estimate, which receipts name. It changes whenever any text's estimate does."""

MESSAGE_OVERHEAD = 4
"""Tokens that a message costs beside its content (role and separators; OpenAI's cookbook on
counting tokens gives 3 to 4)."""

IMAGE_TOKENS = 765
"""What a 1024 x 1024 image costs at high detail, by OpenAI's guide to vision."""

SAFETY: dict[str, float] = {"openai": 1.0, "anthropic": 1.47, "gemini": 1.15, "other": 1.47}
"""By how much a family of models may count more tokens than the estimate, which follows o200k.

openai:     o200k itself.
anthropic:  Claude from 4.7 on counts 1 to 1.35 times what 4.6 counts, by Anthropic's own notes; 1.2
            to 1.47 was measured on Latin text. Both compare with Claude 4.6: how that one compares
            with o200k could not be measured, since no tokenizer of Claude's is public.
gemini:     not measured either. Google's guide says 4 characters a token; o200k has about 4.5 on
            English, 1.13 times as many.
other:      unknown, so the largest of these.

The estimate's own error comes on top (docs/tokens.md).
"""

MOST_CHARS_A_TOKEN = 128
"""Characters of o200k's longest token, as many blanks. With a text that was made to look cheaper, or a
caller's count that is lower, a window would hold megabytes."""

WHOLE_CHARS = 65_536
"""Longer texts are estimated from `_SLICES` slices, evenly spread, of together this many characters."""
_SLICES = 64

_SEALED = re.compile(r"(?:data:[^,]{0,200},)?[A-Za-z0-9+/=_-]{200,}", re.ASCII)

_as_json = json.JSONEncoder(ensure_ascii=False).encode  # made once: `json.dumps` makes one at each call


def estimate(text: str) -> int:
    """Tokens of `text` in o200k, roughly; at least `least`, and 0 only for the empty text.

    Takes some 2 µs and 20 ns a character (up to three times that where it is not ASCII), and at most
    about 3 ms for a text of any length: see `WHOLE_CHARS`.
    """
    length = len(text)
    if not length:
        return 0
    if length <= WHOLE_CHARS:
        return max(1, least(text), math.ceil(weigh(text)))
    size = WHOLE_CHARS // _SLICES
    starts = (index * (length - size) // (_SLICES - 1) for index in range(_SLICES))
    sampled = "".join([text[start : start + size] for start in starts])
    return max(least(text), math.ceil(weigh(sampled) * length / WHOLE_CHARS))


def least(text: str) -> int:
    """What any text of this length costs at least."""
    return len(text) // MOST_CHARS_A_TOKEN


def estimate_message(text: str, parts: list[Part] | None) -> int:
    """Tokens of a whole message: its readable text, what its parts add, and the overhead.

    text:   what a person reads, the contents of tool results included.
    parts:  the content where it is a list; their texts are in `text` already.
    """
    return MESSAGE_OVERHEAD + estimate(text) + sum(map(_beside_text, parts or ()))


def _beside_text(part: Part) -> int:
    """What a part costs beside the text that it shows."""
    kind = part["type"]
    if kind == "tool_call":
        arguments = part["arguments"]
        if not isinstance(arguments, str):
            arguments = _as_json(arguments)
        return estimate(part["name"]) + estimate(arguments)
    if kind == "reasoning":
        words = part.get("text")
        return estimate(words) if isinstance(words, str) else 0
    if kind == "image":
        return IMAGE_TOKENS
    if kind in ("audio", "file", "resource"):
        shown = (part.get(field) for field in ("text", "name", "uri"))
        return sum(estimate(words) for words in shown if isinstance(words, str))
    if kind == "other":
        return estimate(_as_json(_unsealed(part["value"])))
    if kind == "tool_result" and isinstance(part["content"], list):
        return sum(map(_beside_text, cast("list[dict[str, Any]]", part["content"])))
    return 0


def _unsealed(value: Any) -> Any:
    """JSON without what no model reads as text: bytes in base64, encrypted results of searches."""
    if isinstance(value, str):
        return "" if _SEALED.fullmatch(value) else value
    if isinstance(value, list):
        return [_unsealed(item) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {name: _unsealed(item) for name, item in cast("dict[str, Any]", value).items()}
    return value


def budget_for(max_tokens: int, family: str) -> int:
    """How many estimated tokens to plan for `max_tokens` of a family of models; see `SAFETY`."""
    return int(max_tokens / SAFETY.get(family, SAFETY["other"]))


def estimate_part(part: Part) -> int:
    """Tokens of one part: the text that it shows, and what it costs beside that."""
    return estimate(part_text(part)) + _beside_text(part)

"""The tokenizer that the estimate follows."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from splintr import Tokenizer


@cache
def o200k() -> Callable[[str], int]:
    """Counts the tokens of a text; what looks like a special token counts as the text it is."""
    tokenizer = Tokenizer.from_pretrained("o200k_base")
    return lambda text: len(tokenizer.encode_ordinary(text))

"""The tokenizer that the estimate follows."""

from __future__ import annotations

import importlib
from collections.abc import Callable


def o200k() -> Callable[[str], int]:
    """Counts the tokens of a text; what looks like a special token counts as the text it is."""
    # Imported by name: the package has no types.
    tokenizer = importlib.import_module("rs_bpe").openai.o200k_base()
    count: Callable[[str], int] = tokenizer.count
    return count

"""How many tokens a text costs a model: a small estimate, made once, when a message is appended.

No download and no table: the bytes are counted by class, and each class has a weight measured
against o200k on English prose, code, JSON and Chinese. A count that the caller knows from its
provider is always preferred to this one.
"""

from __future__ import annotations

import json
import math
import string

from recollect.models.message import Part

MESSAGE_OVERHEAD = 4
"""Tokens that a message costs beside its content (role and separators; OpenAI's cookbook on
counting tokens gives 3 to 4)."""

IMAGE_TOKENS = 765
"""What a 1024 x 1024 image costs at high detail, by OpenAI's guide to vision."""

_LETTERS = (string.ascii_letters + " ").encode()
_DIGITS = string.digits.encode()
_ASCII = bytes(range(128))
_TWO_BYTE_LEADS = bytes(range(0xC2, 0xE0))  # in UTF-8

_LETTERS_PER_TOKEN = 4.6
_DIGITS_PER_TOKEN = 2.2
_SIGNS_PER_TOKEN = 1.5
_TWO_BYTE_CHARS_PER_TOKEN = 3.0  # accents, Cyrillic, Arabic
_WIDE_CHARS_PER_TOKEN = 1.2  # Chinese, Japanese, Korean, emoji


def estimate(text: str) -> int:
    """Tokens of `text`, roughly; 0 only for the empty text."""
    data = text.encode("utf-8", "surrogatepass")
    not_letters = data.translate(None, _LETTERS)
    signs = not_letters.translate(None, _DIGITS)
    wide = signs.translate(None, _ASCII)
    letters = len(data) - len(not_letters)
    digits = len(not_letters) - len(signs)
    two_byte_chars = len(wide) - len(wide.translate(None, _TWO_BYTE_LEADS))
    wide_chars = len(text) - (len(data) - len(wide)) - two_byte_chars
    tokens = (
        letters / _LETTERS_PER_TOKEN
        + digits / _DIGITS_PER_TOKEN
        + (len(signs) - len(wide)) / _SIGNS_PER_TOKEN
        + two_byte_chars / _TWO_BYTE_CHARS_PER_TOKEN
        + wide_chars / _WIDE_CHARS_PER_TOKEN
    )
    return math.ceil(tokens)


def estimate_message(text: str, parts: list[Part] | None) -> int:
    """Tokens of a whole message: its readable text, what its parts add, and the overhead."""
    tokens = MESSAGE_OVERHEAD + estimate(text)
    for part in parts or ():
        if part["type"] == "tool_call":
            arguments = part["arguments"]
            tokens += estimate(part["name"]) + estimate(
                arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
            )
        elif part["type"] == "reasoning":
            tokens += estimate(str(part.get("text", "")))
        elif part["type"] == "image":
            tokens += IMAGE_TOKENS
    return tokens
